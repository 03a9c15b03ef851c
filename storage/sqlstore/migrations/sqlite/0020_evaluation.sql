-- +goose Up
CREATE TABLE evaluation_dataset (
    id          INTEGER PRIMARY KEY,
    uuid        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    schema_text TEXT, -- of records that were ever there
    profile     TEXT, -- NULL without records
    digest      TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    created_by  TEXT,
    updated_by  TEXT
);
CREATE INDEX evaluation_dataset_name ON evaluation_dataset (name);

CREATE TABLE evaluation_dataset_tag (
    dataset_id INTEGER NOT NULL REFERENCES evaluation_dataset (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (dataset_id, key)
) WITHOUT ROWID;

CREATE TABLE evaluation_dataset_experiment (
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    dataset_id    INTEGER NOT NULL REFERENCES evaluation_dataset (id) ON DELETE CASCADE,
    PRIMARY KEY (dataset_id, experiment_id)
) WITHOUT ROWID;
CREATE INDEX evaluation_dataset_experiment_experiment ON evaluation_dataset_experiment (experiment_id);

-- What a record holds is JSON as its client wrote it; the hash of its inputs
-- is its key.
CREATE TABLE evaluation_record (
    id           INTEGER PRIMARY KEY,
    uuid         TEXT NOT NULL UNIQUE,
    dataset_id   INTEGER NOT NULL REFERENCES evaluation_dataset (id) ON DELETE CASCADE,
    input_hash   TEXT NOT NULL,
    inputs       TEXT NOT NULL,
    outputs      TEXT,
    expectations TEXT,
    tags         TEXT NOT NULL,
    source       TEXT,
    source_type  TEXT,
    source_id    TEXT,
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL,
    created_by   TEXT,
    updated_by   TEXT,
    UNIQUE (dataset_id, input_hash)
);
CREATE INDEX evaluation_record_order ON evaluation_record (dataset_id, created_ms, uuid);

CREATE TABLE issue (
    id            INTEGER PRIMARY KEY,
    uuid          TEXT NOT NULL UNIQUE,
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    description   TEXT NOT NULL,
    status        TEXT NOT NULL,
    severity      TEXT,
    severity_rank INTEGER NOT NULL, -- issues are ordered by it
    root_causes   TEXT NOT NULL,    -- a JSON list
    categories    TEXT NOT NULL,    -- a JSON list
    source_run_id TEXT,             -- an id that may outlive its run
    created_ms    INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL,
    created_by    TEXT
);
CREATE INDEX issue_experiment ON issue (experiment_id, severity_rank DESC, created_ms DESC, uuid DESC);
CREATE INDEX issue_order ON issue (severity_rank DESC, created_ms DESC, uuid DESC);

CREATE TABLE scorer (
    id            INTEGER PRIMARY KEY,
    uuid          TEXT NOT NULL UNIQUE,
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    online_uuid   TEXT, -- of its online scoring configuration, where it has one
    sample_rate   REAL,
    filter_text   TEXT,
    UNIQUE (experiment_id, name)
);

CREATE TABLE scorer_version (
    scorer_id  INTEGER NOT NULL REFERENCES scorer (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    serialized TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (scorer_id, number)
);
