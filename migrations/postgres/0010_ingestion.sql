-- Where files come from by themselves: what processes have in their settings, and how each source stands.
CREATE TABLE ingest_sources (
    name          text        COLLATE "C" NOT NULL PRIMARY KEY,
    -- Where it is, without passwords.
    address       text        NOT NULL,
    -- When a process last said that it has it in its settings.
    attended_at   timestamptz NOT NULL,
    paused        boolean     NOT NULL DEFAULT FALSE,
    -- Whether a poll was asked for since the last one began.
    wanted        boolean     NOT NULL DEFAULT FALSE,
    last_poll     timestamptz,
    next_poll     timestamptz,
    -- Polls in a row that failed.
    failures      bigint      NOT NULL DEFAULT 0,
    last_error    text,
    last_error_at timestamptz,
    -- Files that the last poll saw and did not take, as JSON: path, size, time of change in microseconds.
    sightings     text        NOT NULL DEFAULT '[]',
    files_waiting bigint      NOT NULL DEFAULT 0,
    files_taken   bigint      NOT NULL DEFAULT 0,
    -- The process that polls it, and until when by this database's clock.
    holder        text,
    lease_until   timestamptz
);

-- What became of each file that a source had: one row a content, and one without content for a file that was refused.
CREATE TABLE ingested_files (
    source   text        COLLATE "C" NOT NULL,
    path     text        COLLATE "C" NOT NULL,
    sha256   text        COLLATE "C" NOT NULL,
    size     bigint      NOT NULL,
    modified timestamptz,
    upload   text,
    -- taken: it has an upload; settled: it was then moved or deleted; refused: it cannot be taken.
    state    text        NOT NULL CHECK (state IN ('taken', 'settled', 'refused')),
    error    text,
    seen_at  timestamptz NOT NULL,
    PRIMARY KEY (source, path, sha256)
);
CREATE INDEX ingested_files_taken ON ingested_files (source, path) WHERE state = 'taken';
CREATE INDEX ingested_files_refused ON ingested_files (source) WHERE state = 'refused';
