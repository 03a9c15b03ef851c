-- +goose Up
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE worker (
    owner      TEXT PRIMARY KEY,
    expires_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    id          INTEGER PRIMARY KEY,
    at_us       INTEGER NOT NULL,
    principal   TEXT NOT NULL,
    origin      TEXT NOT NULL,
    action      TEXT NOT NULL,
    model       TEXT NOT NULL,
    environment TEXT NOT NULL,
    version     INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    details     TEXT NOT NULL
);
CREATE INDEX audit_model ON audit (model, id);
