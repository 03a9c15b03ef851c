-- +goose Up
-- Variables and secrets.
CREATE TABLE named_value (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        TEXT NOT NULL,
    model_id    BIGINT REFERENCES registered_model (id), -- NULL: everywhere
    environment TEXT NOT NULL, -- '': all of the model
    name        TEXT NOT NULL,
    folded      TEXT NOT NULL, -- the name without case
    value       TEXT, -- a variable's
    data_key    BYTEA, -- a secret's own key, sealed by the server's
    sealed      BYTEA, -- a secret, sealed by its own key
    revision    BIGINT NOT NULL,
    updated_us  BIGINT NOT NULL,
    updated_by  TEXT NOT NULL
);
CREATE UNIQUE INDEX named_value_name ON named_value (COALESCE(model_id, 0), environment, kind, folded);

-- By what it has sealed, the server's key is known.
CREATE TABLE secret_key (
    id   BIGINT PRIMARY KEY,
    mark BYTEA NOT NULL
);
