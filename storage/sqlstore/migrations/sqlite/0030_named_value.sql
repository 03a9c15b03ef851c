-- +goose Up
-- Variables and secrets.
CREATE TABLE named_value (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,
    model_id    INTEGER REFERENCES registered_model (id), -- NULL: everywhere
    environment TEXT NOT NULL, -- '': all of the model
    name        TEXT NOT NULL,
    folded      TEXT NOT NULL, -- the name without case
    value       TEXT, -- a variable's
    data_key    BLOB, -- a secret's own key, sealed by the server's
    sealed      BLOB, -- a secret, sealed by its own key
    revision    INTEGER NOT NULL,
    updated_us  INTEGER NOT NULL,
    updated_by  TEXT NOT NULL
);
CREATE UNIQUE INDEX named_value_name ON named_value (COALESCE(model_id, 0), environment, kind, folded);

-- By what it has sealed, the server's key is known.
CREATE TABLE secret_key (
    id   INTEGER PRIMARY KEY,
    mark BLOB NOT NULL
);
