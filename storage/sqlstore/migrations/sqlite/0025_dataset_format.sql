-- +goose Up
ALTER TABLE dataset_version ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE dataset_version ADD COLUMN format TEXT NOT NULL DEFAULT '';
ALTER TABLE dataset_version ADD COLUMN summary TEXT NOT NULL DEFAULT '{}';
UPDATE dataset_version SET format = 'yolo' WHERE state = 'committed';
ALTER TABLE dataset_file ADD COLUMN tags TEXT NOT NULL DEFAULT ''; -- a line each
