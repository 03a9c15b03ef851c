-- +goose Up
CREATE TABLE webhook (
    key         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    url         TEXT NOT NULL,
    events      TEXT NOT NULL,
    status      TEXT NOT NULL,
    secret      BYTEA,
    created_ms  BIGINT NOT NULL,
    updated_ms  BIGINT NOT NULL
);
CREATE TABLE webhook_delivery (
    id          TEXT NOT NULL PRIMARY KEY,
    webhook     BIGINT NOT NULL REFERENCES webhook (key) ON DELETE CASCADE,
    body        BYTEA NOT NULL,
    attempts    INTEGER NOT NULL,
    created_us  BIGINT NOT NULL
);
CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook);
