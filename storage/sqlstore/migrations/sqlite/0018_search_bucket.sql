-- +goose Up
-- By key and value alone, a hundred params of a run touched a hundred pages,
-- which cost more than half of the speed of logging them. 256 runs after each
-- other share pages; a search looks once into each such bucket.
DROP INDEX run_param_value;
CREATE INDEX run_param_bucket ON run_param (run_id / 256, key_id, value) WHERE length(value) <= 100;
