-- +goose Up
CREATE TABLE idempotency (
    principal  TEXT NOT NULL,
    claim_key  TEXT NOT NULL,
    request    TEXT NOT NULL,
    did        INTEGER NOT NULL,
    status     INTEGER NOT NULL,
    body       BLOB NOT NULL,
    created_us INTEGER NOT NULL,
    until_us   INTEGER NOT NULL,
    PRIMARY KEY (principal, claim_key)
) WITHOUT ROWID;
CREATE INDEX idempotency_created ON idempotency (created_us);
