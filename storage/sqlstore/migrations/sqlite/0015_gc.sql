-- +goose Up
CREATE TABLE gc (
    id             INTEGER PRIMARY KEY,
    unfinished     INTEGER UNIQUE, -- 1, or NULL once it has ended: one at a time
    state          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    dry_run        INTEGER NOT NULL,
    older_than_us  INTEGER NOT NULL,
    report         TEXT NOT NULL,
    progress_done  INTEGER NOT NULL,
    progress_total INTEGER NOT NULL,
    progress_unit  TEXT NOT NULL,
    created_us     INTEGER NOT NULL,
    created_by     TEXT NOT NULL,
    started_us     INTEGER,
    ended_us       INTEGER
);

-- Removing what these refer to asks who does.
CREATE INDEX run_model_input_model ON run_model_input (logged_model_id);
CREATE INDEX run_model_output_model ON run_model_output (logged_model_id);
CREATE INDEX run_dataset_dataset ON run_dataset (dataset_id);
