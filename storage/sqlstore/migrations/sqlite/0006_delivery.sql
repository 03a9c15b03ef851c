-- +goose Up
CREATE TABLE environment (
    id        INTEGER PRIMARY KEY,
    model_id  INTEGER NOT NULL REFERENCES registered_model (id),
    name      TEXT NOT NULL,
    stable_id INTEGER REFERENCES release (id),
    UNIQUE (model_id, name)
);

CREATE TABLE release (
    id             INTEGER PRIMARY KEY,
    environment_id INTEGER NOT NULL REFERENCES environment (id),
    number         INTEGER NOT NULL,
    version_id     INTEGER NOT NULL REFERENCES model_version (id),
    image_digest   TEXT NOT NULL,
    target         TEXT NOT NULL,
    serving        TEXT NOT NULL,
    promotion_id   INTEGER NOT NULL REFERENCES promotion (id),
    created_us     INTEGER NOT NULL,
    UNIQUE (environment_id, number)
);
CREATE INDEX release_version ON release (version_id);

-- +goose StatementBegin
CREATE TRIGGER release_frozen BEFORE UPDATE ON release
BEGIN
    SELECT RAISE(ABORT, 'a release never changes');
END;
-- +goose StatementEnd

CREATE TABLE release_life (
    release_id    INTEGER PRIMARY KEY REFERENCES release (id),
    state         TEXT NOT NULL,
    generation    INTEGER NOT NULL,
    live_us       INTEGER,
    warm_until_us INTEGER,
    retired_us    INTEGER
);
CREATE INDEX release_life_up ON release_life (release_id) WHERE retired_us IS NULL;

CREATE TABLE promotion (
    id             INTEGER PRIMARY KEY,
    environment_id INTEGER NOT NULL REFERENCES environment (id),
    version_id     INTEGER NOT NULL REFERENCES model_version (id),
    cause          TEXT NOT NULL,
    release_id     INTEGER REFERENCES release (id),
    stable_id      INTEGER REFERENCES release (id),
    state          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    spec           TEXT NOT NULL,
    gates          TEXT NOT NULL,
    step           INTEGER NOT NULL,
    steps          TEXT NOT NULL,
    weight         INTEGER NOT NULL,
    analysis       TEXT NOT NULL,
    tally          TEXT NOT NULL,
    deaths         INTEGER NOT NULL,
    paused_by      TEXT NOT NULL,
    requested_by   TEXT NOT NULL,
    request_reason TEXT NOT NULL,
    requested_us   INTEGER NOT NULL,
    state_us       INTEGER NOT NULL,
    updated_us     INTEGER NOT NULL,
    ended_us       INTEGER
);
CREATE INDEX promotion_environment ON promotion (environment_id, id);
CREATE INDEX promotion_unfinished ON promotion (id) WHERE ended_us IS NULL;
-- At most one rollout moves an environment at a time.
CREATE UNIQUE INDEX promotion_active ON promotion (environment_id)
    WHERE state IN ('building', 'deploying', 'shifting', 'paused');

CREATE TABLE quarantine (
    id             INTEGER PRIMARY KEY,
    environment_id INTEGER NOT NULL REFERENCES environment (id),
    version_id     INTEGER NOT NULL REFERENCES model_version (id),
    promotion_id   INTEGER NOT NULL REFERENCES promotion (id),
    reason         TEXT NOT NULL,
    since_us       INTEGER NOT NULL,
    lifted_us      INTEGER,
    lifted_by      TEXT NOT NULL DEFAULT '',
    lift_reason    TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX quarantine_in_force ON quarantine (environment_id, version_id) WHERE lifted_us IS NULL;
