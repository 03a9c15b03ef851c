-- +goose Up
-- On Postgres the index by key and value costs writes nothing that shows.
SELECT 1;
