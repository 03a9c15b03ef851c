-- +goose Up
-- Runs by a parameter's value: a search reads the few that have it, not all of
-- an experiment. Long values (of configuration files, say) are left out.
CREATE INDEX run_param_value ON run_param (key_id, value) WHERE length(value) <= 100;
