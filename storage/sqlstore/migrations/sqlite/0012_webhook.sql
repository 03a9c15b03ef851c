-- +goose Up
CREATE TABLE webhook (
    key         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    url         TEXT NOT NULL,
    events      TEXT NOT NULL,
    status      TEXT NOT NULL,
    secret      BLOB,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL
);
CREATE TABLE webhook_delivery (
    id          TEXT NOT NULL PRIMARY KEY,
    webhook     INTEGER NOT NULL REFERENCES webhook (key) ON DELETE CASCADE,
    body        BLOB NOT NULL,
    attempts    INTEGER NOT NULL,
    created_us  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook);
