-- Where files come from by themselves: what processes have in their settings, and how each source stands.
CREATE TABLE ingest_sources (
    name          TEXT    NOT NULL PRIMARY KEY,
    -- Where it is, without passwords.
    address       TEXT    NOT NULL,
    -- When a process last said that it has it in its settings.
    attended_at   INTEGER NOT NULL,
    paused        INTEGER NOT NULL DEFAULT FALSE CHECK (paused IN (0, 1)),
    -- Whether a poll was asked for since the last one began.
    wanted        INTEGER NOT NULL DEFAULT FALSE CHECK (wanted IN (0, 1)),
    last_poll     INTEGER,
    next_poll     INTEGER,
    -- Polls in a row that failed.
    failures      INTEGER NOT NULL DEFAULT 0,
    last_error    TEXT,
    last_error_at INTEGER,
    -- Files that the last poll saw and did not take, as JSON: path, size, time of change in microseconds.
    sightings     TEXT    NOT NULL DEFAULT '[]',
    files_waiting INTEGER NOT NULL DEFAULT 0,
    files_taken   INTEGER NOT NULL DEFAULT 0,
    -- The process that polls it, and until when by this database's clock.
    holder        TEXT,
    lease_until   INTEGER
) STRICT;

-- What became of each file that a source had: one row a content, and one without content for a file that was refused.
CREATE TABLE ingested_files (
    source   TEXT    NOT NULL,
    path     TEXT    NOT NULL,
    sha256   TEXT    NOT NULL,
    size     INTEGER NOT NULL,
    modified INTEGER,
    upload   TEXT,
    -- taken: it has an upload; settled: it was then moved or deleted; refused: it cannot be taken.
    state    TEXT    NOT NULL CHECK (state IN ('taken', 'settled', 'refused')),
    error    TEXT,
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (source, path, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX ingested_files_taken ON ingested_files (source, path) WHERE state = 'taken';
CREATE INDEX ingested_files_refused ON ingested_files (source) WHERE state = 'refused';
