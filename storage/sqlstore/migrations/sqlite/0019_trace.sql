-- +goose Up
-- A trace is known by the id that its client gave it. What metrics and sessions
-- ask of its metadata stands in its own row, too.
CREATE TABLE trace (
    id                    INTEGER PRIMARY KEY,
    uuid                  TEXT NOT NULL UNIQUE,
    experiment_id         INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    start_ms              INTEGER NOT NULL,
    duration_ms           INTEGER,
    state                 TEXT NOT NULL,
    client_request_id     TEXT,
    request_preview       TEXT,
    response_preview      TEXT,
    final                 INTEGER NOT NULL,
    session               TEXT,
    input_tokens          INTEGER,
    output_tokens         INTEGER,
    total_tokens          INTEGER,
    cache_read_tokens     INTEGER,
    cache_creation_tokens INTEGER
);
-- A search's default order in an experiment.
CREATE INDEX trace_experiment ON trace (experiment_id, start_ms DESC, uuid);
CREATE INDEX trace_session ON trace (session, experiment_id) WHERE session IS NOT NULL;

CREATE TABLE trace_tag (
    trace_id INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    key_id   INTEGER NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (trace_id, key_id)
) WITHOUT ROWID;

CREATE TABLE trace_metadata (
    trace_id INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    key_id   INTEGER NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (trace_id, key_id)
) WITHOUT ROWID;

CREATE TABLE span (
    trace_id    INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    span_id     TEXT NOT NULL,
    parent_id   TEXT,
    name        TEXT NOT NULL,
    type        TEXT,
    status      TEXT NOT NULL,
    start_ns    INTEGER NOT NULL,
    end_ns      INTEGER NOT NULL,
    content     TEXT NOT NULL, -- all of it, in JSON
    model       TEXT,
    provider    TEXT,
    input_cost  REAL,
    output_cost REAL,
    total_cost  REAL,
    PRIMARY KEY (trace_id, span_id)
);

CREATE TABLE assessment (
    trace_id    INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    uuid        TEXT NOT NULL,
    name        TEXT NOT NULL,
    type        TEXT NOT NULL,
    value       TEXT NOT NULL, -- JSON
    number      REAL,          -- the value as metrics count it
    is_numeric  INTEGER NOT NULL,
    error       TEXT,
    source_type TEXT NOT NULL,
    source_id   TEXT,
    run_id      TEXT,
    span_id     TEXT,
    rationale   TEXT,
    overrides   TEXT,
    valid       INTEGER NOT NULL,
    of_session  INTEGER NOT NULL, -- it speaks of all traces of the session
    metadata    TEXT NOT NULL,    -- JSON
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    PRIMARY KEY (trace_id, uuid)
);
CREATE INDEX assessment_name ON assessment (name, type);

-- A trace may be linked before it has come: no reference.
CREATE TABLE trace_run (
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    trace  TEXT NOT NULL,
    PRIMARY KEY (run_id, trace)
) WITHOUT ROWID;
CREATE INDEX trace_run_trace ON trace_run (trace);

CREATE TABLE trace_prompt (
    trace_id INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    prompt   TEXT NOT NULL, -- NAME/VERSION
    PRIMARY KEY (trace_id, prompt)
) WITHOUT ROWID;
CREATE INDEX trace_prompt_prompt ON trace_prompt (prompt);
