-- +goose Up
-- What was seen of a picture when it came in.
ALTER TABLE dataset_blob ADD COLUMN width INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_blob ADD COLUMN height INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_blob ADD COLUMN turned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dataset_blob ADD COLUMN fault TEXT NOT NULL DEFAULT '';
