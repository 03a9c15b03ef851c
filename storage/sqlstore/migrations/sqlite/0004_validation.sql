-- +goose Up
CREATE TABLE pipeline (
    id         INTEGER PRIMARY KEY,
    model_id   INTEGER NOT NULL REFERENCES registered_model (id),
    number     INTEGER NOT NULL,
    document   BLOB NOT NULL,
    media_type TEXT NOT NULL,
    digest     TEXT NOT NULL,
    spec       TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (model_id, number)
);

CREATE TABLE dataset (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created_us  INTEGER NOT NULL
);

CREATE TABLE dataset_version (
    id           INTEGER PRIMARY KEY,
    dataset_id   INTEGER NOT NULL REFERENCES dataset (id),
    number       INTEGER NOT NULL,
    state        TEXT NOT NULL,
    digest       TEXT NOT NULL,
    classes      TEXT NOT NULL,
    files        INTEGER NOT NULL,
    images       INTEGER NOT NULL,
    backgrounds  INTEGER NOT NULL,
    boxes        INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    committed_us INTEGER,
    UNIQUE (dataset_id, number),
    UNIQUE (dataset_id, digest)
);

CREATE TABLE dataset_blob (
    id     INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    size   INTEGER NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE dataset_file (
    version_id INTEGER NOT NULL REFERENCES dataset_version (id),
    path       TEXT NOT NULL,
    blob_id    INTEGER NOT NULL REFERENCES dataset_blob (id),
    PRIMARY KEY (version_id, path)
) WITHOUT ROWID;

CREATE TABLE validation (
    id          INTEGER PRIMARY KEY,
    version_id  INTEGER NOT NULL REFERENCES model_version (id),
    pipeline_id INTEGER NOT NULL REFERENCES pipeline (id),
    started_for TEXT NOT NULL, -- registered or manual
    state       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    cancelling  INTEGER NOT NULL DEFAULT 0,
    created_us  INTEGER NOT NULL,
    created_by  TEXT NOT NULL,
    started_us  INTEGER,
    ended_us    INTEGER
);
CREATE INDEX validation_version ON validation (version_id, id);

CREATE TABLE validation_step (
    validation_id  INTEGER NOT NULL REFERENCES validation (id),
    position       INTEGER NOT NULL,
    name           TEXT NOT NULL,
    check_name     TEXT NOT NULL,
    command        TEXT NOT NULL,
    verdict        TEXT NOT NULL,
    reason         TEXT NOT NULL,
    measurements   TEXT NOT NULL,
    measured_key   TEXT NOT NULL,
    findings       TEXT NOT NULL,
    facts          TEXT NOT NULL,
    log_key        TEXT NOT NULL,
    progress_done  INTEGER NOT NULL,
    progress_total INTEGER NOT NULL,
    progress_unit  TEXT NOT NULL,
    started_us     INTEGER,
    ended_us       INTEGER,
    PRIMARY KEY (validation_id, position)
) WITHOUT ROWID;
CREATE INDEX validation_step_measured ON validation_step (measured_key) WHERE measured_key <> '';
