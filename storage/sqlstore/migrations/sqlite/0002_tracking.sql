-- +goose Up
-- Keys of metrics, params and tags, each once; rows refer to them by number.
CREATE TABLE tracking_key (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- AUTOINCREMENT: an id is part of artifact paths and never comes back.
CREATE TABLE experiment (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT NOT NULL UNIQUE,
    artifact_location TEXT NOT NULL,
    created_ms        INTEGER NOT NULL,
    updated_ms        INTEGER NOT NULL,
    deleted_ms        INTEGER
);
INSERT INTO experiment (id, name, artifact_location, created_ms, updated_ms)
VALUES (0, 'Default', '', unixepoch() * 1000, unixepoch() * 1000);

CREATE TABLE experiment_tag (
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    key           TEXT NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) WITHOUT ROWID;

CREATE TABLE run (
    id            INTEGER PRIMARY KEY,
    uuid          TEXT NOT NULL UNIQUE,
    experiment_id INTEGER NOT NULL REFERENCES experiment (id),
    name          TEXT NOT NULL,
    user_name     TEXT NOT NULL,
    status        TEXT NOT NULL,
    start_ms      INTEGER NOT NULL,
    end_ms        INTEGER,
    deleted_ms    INTEGER
);
-- A search's default order in an experiment, with all that it looks at.
CREATE INDEX run_experiment ON run (experiment_id, start_ms DESC, uuid, deleted_ms);

CREATE TABLE run_tag (
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    key_id INTEGER NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (run_id, key_id)
) WITHOUT ROWID;

CREATE TABLE run_param (
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    key_id INTEGER NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (run_id, key_id)
) WITHOUT ROWID;

-- Every point, in the order histories are read; a point is its own key, so a
-- repeated request stores nothing twice. SQLite has no NaN: it is value 0 and
-- a mark. No foreign key: the run was read in the same transaction.
CREATE TABLE metric (
    run_id       INTEGER NOT NULL,
    key_id       INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    step         INTEGER NOT NULL,
    value        REAL NOT NULL,
    is_nan       INTEGER NOT NULL,
    PRIMARY KEY (run_id, key_id, timestamp_ms, step, value, is_nan)
) WITHOUT ROWID;

CREATE TABLE latest_metric (
    run_id       INTEGER NOT NULL,
    key_id       INTEGER NOT NULL,
    step         INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    value        REAL NOT NULL,
    is_nan       INTEGER NOT NULL,
    PRIMARY KEY (run_id, key_id)
) WITHOUT ROWID;

CREATE TABLE input_dataset (
    id            INTEGER PRIMARY KEY,
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    digest        TEXT NOT NULL,
    source_type   TEXT NOT NULL,
    source        TEXT NOT NULL,
    schema_text   TEXT NOT NULL,
    profile       TEXT NOT NULL,
    UNIQUE (experiment_id, name, digest)
);

CREATE TABLE run_dataset (
    run_id     INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    dataset_id INTEGER NOT NULL REFERENCES input_dataset (id) ON DELETE CASCADE,
    PRIMARY KEY (run_id, dataset_id)
) WITHOUT ROWID;

CREATE TABLE run_dataset_tag (
    run_id     INTEGER NOT NULL,
    dataset_id INTEGER NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (run_id, dataset_id, key),
    FOREIGN KEY (run_id, dataset_id) REFERENCES run_dataset (run_id, dataset_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE logged_model (
    id             INTEGER PRIMARY KEY,
    uuid           TEXT NOT NULL UNIQUE,
    experiment_id  INTEGER NOT NULL REFERENCES experiment (id),
    name           TEXT NOT NULL,
    model_type     TEXT NOT NULL,
    status         TEXT NOT NULL,
    status_message TEXT NOT NULL,
    source_run_id  TEXT NOT NULL,
    artifact_uri   TEXT NOT NULL,
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    deleted_ms     INTEGER
);
CREATE INDEX logged_model_experiment ON logged_model (experiment_id, created_ms DESC, uuid, deleted_ms);

CREATE TABLE logged_model_tag (
    logged_model_id INTEGER NOT NULL REFERENCES logged_model (id) ON DELETE CASCADE,
    key_id          INTEGER NOT NULL,
    value           TEXT NOT NULL,
    PRIMARY KEY (logged_model_id, key_id)
) WITHOUT ROWID;

CREATE TABLE logged_model_param (
    logged_model_id INTEGER NOT NULL REFERENCES logged_model (id) ON DELETE CASCADE,
    key_id          INTEGER NOT NULL,
    value           TEXT NOT NULL,
    PRIMARY KEY (logged_model_id, key_id)
) WITHOUT ROWID;

-- The latest point of each key, run and dataset; the whole history is the run's.
CREATE TABLE logged_model_metric (
    logged_model_id INTEGER NOT NULL REFERENCES logged_model (id) ON DELETE CASCADE,
    key_id          INTEGER NOT NULL,
    run_id          INTEGER NOT NULL,
    dataset_name    TEXT NOT NULL,
    dataset_digest  TEXT NOT NULL,
    step            INTEGER NOT NULL,
    timestamp_ms    INTEGER NOT NULL,
    value           REAL NOT NULL,
    is_nan          INTEGER NOT NULL,
    PRIMARY KEY (logged_model_id, key_id, run_id, dataset_name, dataset_digest)
) WITHOUT ROWID;

CREATE TABLE run_model_input (
    run_id          INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    logged_model_id INTEGER NOT NULL REFERENCES logged_model (id) ON DELETE CASCADE,
    PRIMARY KEY (run_id, logged_model_id)
) WITHOUT ROWID;

CREATE TABLE run_model_output (
    run_id          INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    logged_model_id INTEGER NOT NULL REFERENCES logged_model (id) ON DELETE CASCADE,
    step            INTEGER NOT NULL,
    PRIMARY KEY (run_id, logged_model_id)
) WITHOUT ROWID;
