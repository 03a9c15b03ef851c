-- +goose Up
CREATE TABLE idempotency (
    principal  TEXT NOT NULL,
    claim_key  TEXT NOT NULL,
    request    TEXT NOT NULL,
    did        BIGINT NOT NULL,
    status     BIGINT NOT NULL,
    body       BYTEA NOT NULL,
    created_us BIGINT NOT NULL,
    until_us   BIGINT NOT NULL,
    PRIMARY KEY (principal, claim_key)
);
CREATE INDEX idempotency_created ON idempotency (created_us);
