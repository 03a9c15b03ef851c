-- +goose Up
-- Whether a step's verdict counts for nothing: continue_on_error, or an if that
-- is false.
ALTER TABLE validation_step ADD COLUMN excused INTEGER NOT NULL DEFAULT 0;
