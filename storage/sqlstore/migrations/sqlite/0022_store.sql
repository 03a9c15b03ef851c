-- +goose Up
-- The store's own mark of the bytes, where it has one: S3 dates to a second.
ALTER TABLE artifact ADD COLUMN etag TEXT NOT NULL DEFAULT '';

-- Paths that somebody may still write past us, by a URL that was given out.
CREATE TABLE presigned_upload (
    key      TEXT PRIMARY KEY,
    until_us INTEGER NOT NULL
) WITHOUT ROWID;

-- What a gc is about to remove: nobody comes to cite it.
CREATE TABLE doomed_blob (
    key TEXT PRIMARY KEY -- a file, or a folder with all in it
) WITHOUT ROWID;

CREATE TABLE verification (
    id             INTEGER PRIMARY KEY,
    unfinished     TEXT UNIQUE, -- its scope, or NULL once it has ended: one of each at a time
    model_id       INTEGER, -- NULL: of all models
    version_id     INTEGER, -- NULL: of all versions
    state          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    report         TEXT NOT NULL,
    progress_done  INTEGER NOT NULL,
    progress_total INTEGER NOT NULL,
    progress_unit  TEXT NOT NULL,
    created_us     INTEGER NOT NULL,
    created_by     TEXT NOT NULL,
    started_us     INTEGER,
    ended_us       INTEGER
);
