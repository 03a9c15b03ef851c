-- +goose Up
CREATE TABLE image (
    id            INTEGER PRIMARY KEY,
    version_id    INTEGER NOT NULL REFERENCES model_version (id),
    inputs        TEXT NOT NULL,
    state         TEXT NOT NULL,
    reason        TEXT NOT NULL,
    digest        TEXT NOT NULL,
    manifest_size INTEGER NOT NULL,
    config_digest TEXT NOT NULL,
    model_digest  TEXT NOT NULL,
    size          INTEGER NOT NULL,
    layers        TEXT NOT NULL,
    components    TEXT NOT NULL,
    runtime       TEXT NOT NULL,
    base          TEXT NOT NULL,
    platform      TEXT NOT NULL,
    created_us    INTEGER NOT NULL,
    ended_us      INTEGER,
    UNIQUE (version_id, inputs)
);
CREATE INDEX image_digest ON image (digest) WHERE digest <> '';

CREATE TABLE image_layer (
    key        TEXT PRIMARY KEY, -- hex SHA-256 over what it is made of
    kind       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    diff_id    TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL
) WITHOUT ROWID;
