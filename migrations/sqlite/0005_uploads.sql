-- Files of flights that were uploaded: what became of each, and the queue from which workers take them.
CREATE TABLE uploads (
    -- A UUID of version 7: the order of ids is that of arrival.
    id             TEXT    NOT NULL PRIMARY KEY,
    status         TEXT    NOT NULL CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'cancelled')),
    filename       TEXT,
    format         TEXT,
    -- What the file does not say: the currency of its prices, and a JSON list of fares.
    currency       TEXT    NOT NULL,
    fares          TEXT    NOT NULL,
    dry_run        INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
    sha256         TEXT    NOT NULL,
    bytes_total    INTEGER NOT NULL,
    rows_total     INTEGER,
    duplicate_of   TEXT,
    created_by     TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    started_at     INTEGER,
    finished_at    INTEGER,
    error          TEXT,
    -- The worker that has it, and until when by this database's clock. Only its holder may write.
    holder         TEXT,
    lease_until    INTEGER,
    -- How often it was taken since it last went on.
    attempts       INTEGER NOT NULL DEFAULT 0,
    cancelling     INTEGER NOT NULL DEFAULT 0,
    -- How far it is: flights that were merged, rows that were rejected unread, notes. Saved with each chunk.
    done_flights   INTEGER NOT NULL DEFAULT 0,
    done_rejected  INTEGER NOT NULL DEFAULT 0,
    done_noted     INTEGER NOT NULL DEFAULT 0,
    bytes_done     INTEGER NOT NULL DEFAULT 0,
    rows_created   INTEGER NOT NULL DEFAULT 0,
    rows_updated   INTEGER NOT NULL DEFAULT 0,
    rows_unchanged INTEGER NOT NULL DEFAULT 0,
    rows_rejected  INTEGER NOT NULL DEFAULT 0,
    rows_noted     INTEGER NOT NULL DEFAULT 0,
    rows_withdrawn INTEGER NOT NULL DEFAULT 0,
    -- Rows of upload_findings that were written.
    findings       INTEGER NOT NULL DEFAULT 0,
    -- The first things that a dry run would change, as JSON.
    differences    TEXT    NOT NULL DEFAULT '[]',
    -- When the file and its findings were deleted.
    pruned_at      INTEGER
) STRICT;
CREATE INDEX uploads_open ON uploads (id) WHERE status IN ('queued', 'processing');
CREATE INDEX uploads_content ON uploads (sha256, id);
CREATE INDEX uploads_kept ON uploads (finished_at) WHERE pruned_at IS NULL;

CREATE TABLE upload_findings (
    upload_id TEXT    NOT NULL REFERENCES uploads (id),
    number    INTEGER NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind IN ('rejected', 'noted', 'withdrawn')),
    line      INTEGER,
    cell      TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    PRIMARY KEY (upload_id, number)
) STRICT, WITHOUT ROWID;
