-- +goose Up
-- Files kept with a step's report.
ALTER TABLE validation_step ADD COLUMN attachments TEXT NOT NULL DEFAULT '[]';
