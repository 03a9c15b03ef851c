-- +goose Up
-- What a validation was asked for with, and where it ran.
ALTER TABLE validation ADD COLUMN priority INTEGER NOT NULL DEFAULT 2;
ALTER TABLE validation ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;
ALTER TABLE validation ADD COLUMN repeat_of INTEGER NOT NULL DEFAULT 0;
ALTER TABLE validation ADD COLUMN machine TEXT NOT NULL DEFAULT '{}';

-- What a step looked at, whose result it is, and how long it will still take.
ALTER TABLE validation_step ADD COLUMN inputs TEXT NOT NULL DEFAULT '{}';
ALTER TABLE validation_step ADD COLUMN inputs_key TEXT NOT NULL DEFAULT '';
ALTER TABLE validation_step ADD COLUMN reused_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE validation_step ADD COLUMN progress_left_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX validation_step_inputs ON validation_step (inputs_key) WHERE inputs_key <> '';

CREATE TABLE validation_waiver (
    id            INTEGER PRIMARY KEY,
    validation_id INTEGER NOT NULL REFERENCES validation (id),
    position      INTEGER NOT NULL,
    reason        TEXT NOT NULL,
    created_us    INTEGER NOT NULL,
    created_by    TEXT NOT NULL,
    expires_us    INTEGER NOT NULL
);
CREATE INDEX validation_waiver_step ON validation_waiver (validation_id, position);
