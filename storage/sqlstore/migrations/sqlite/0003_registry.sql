-- +goose Up
CREATE TABLE registered_model (
    id          INTEGER PRIMARY KEY,
    name        TEXT UNIQUE,              -- NULL once deleted: the name is free again
    was         TEXT NOT NULL DEFAULT '', -- the name it had
    description TEXT NOT NULL,
    created_us  INTEGER NOT NULL,
    updated_us  INTEGER NOT NULL,
    last_number INTEGER NOT NULL DEFAULT 0 -- of the versions ever made
);

CREATE TABLE registered_model_tag (
    model_id INTEGER NOT NULL REFERENCES registered_model (id),
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
) WITHOUT ROWID;

CREATE TABLE model_version (
    id              INTEGER PRIMARY KEY,
    model_id        INTEGER NOT NULL REFERENCES registered_model (id),
    number          INTEGER NOT NULL,
    created_us      INTEGER NOT NULL,
    updated_us      INTEGER NOT NULL,
    stage           TEXT NOT NULL,
    description     TEXT NOT NULL,
    source          TEXT NOT NULL,
    download_uri    TEXT NOT NULL,
    run_id          TEXT NOT NULL,
    run_link        TEXT NOT NULL,
    logged_model_id TEXT NOT NULL,
    files           TEXT NOT NULL,
    digest          TEXT NOT NULL,
    deleted         INTEGER NOT NULL DEFAULT 0,
    UNIQUE (model_id, number)
);
CREATE INDEX model_version_stage ON model_version (model_id, stage, number) WHERE deleted = 0;
CREATE INDEX model_version_updated ON model_version (updated_us) WHERE deleted = 0;
CREATE INDEX model_version_model_updated ON model_version (model_id, updated_us, number) WHERE deleted = 0;
CREATE INDEX model_version_run ON model_version (run_id) WHERE run_id <> '';

CREATE TABLE registered_model_alias (
    model_id INTEGER NOT NULL,
    alias    TEXT NOT NULL,
    number   INTEGER NOT NULL,
    PRIMARY KEY (model_id, alias),
    FOREIGN KEY (model_id, number) REFERENCES model_version (model_id, number)
) WITHOUT ROWID;
CREATE INDEX registered_model_alias_number ON registered_model_alias (model_id, number);

CREATE TABLE model_version_tag (
    version_id INTEGER NOT NULL REFERENCES model_version (id),
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (version_id, key)
) WITHOUT ROWID;

CREATE TABLE artifact (
    key         TEXT PRIMARY KEY,
    size        INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    modified_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE manifest_entry (
    version_id INTEGER NOT NULL REFERENCES model_version (id),
    path       TEXT NOT NULL,
    size       INTEGER NOT NULL,
    sha256     TEXT NOT NULL,
    key        TEXT NOT NULL,
    PRIMARY KEY (version_id, path)
) WITHOUT ROWID;
CREATE INDEX manifest_entry_key ON manifest_entry (key);
