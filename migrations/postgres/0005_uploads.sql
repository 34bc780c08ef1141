-- Files of flights that were uploaded: what became of each, and the queue from which workers take them.
CREATE TABLE uploads (
    -- A UUID of version 7: the order of ids is that of arrival.
    id             text        COLLATE "C" NOT NULL PRIMARY KEY,
    status         text        NOT NULL CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'cancelled')),
    filename       text,
    format         text,
    -- What the file does not say: the currency of its prices, and a JSON list of fares.
    currency       text        NOT NULL,
    fares          text        NOT NULL,
    dry_run        boolean     NOT NULL,
    sha256         text        NOT NULL,
    bytes_total    bigint      NOT NULL,
    rows_total     bigint,
    duplicate_of   text,
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL,
    started_at     timestamptz,
    finished_at    timestamptz,
    error          text,
    -- The worker that has it, and until when by this database's clock. Only its holder may write.
    holder         text,
    lease_until    timestamptz,
    -- How often it was taken since it last went on.
    attempts       bigint      NOT NULL DEFAULT 0,
    cancelling     boolean     NOT NULL DEFAULT FALSE,
    -- How far it is: flights that were merged, rows that were rejected unread, notes. Saved with each chunk.
    done_flights   bigint      NOT NULL DEFAULT 0,
    done_rejected  bigint      NOT NULL DEFAULT 0,
    done_noted     bigint      NOT NULL DEFAULT 0,
    bytes_done     bigint      NOT NULL DEFAULT 0,
    rows_created   bigint      NOT NULL DEFAULT 0,
    rows_updated   bigint      NOT NULL DEFAULT 0,
    rows_unchanged bigint      NOT NULL DEFAULT 0,
    rows_rejected  bigint      NOT NULL DEFAULT 0,
    rows_noted     bigint      NOT NULL DEFAULT 0,
    rows_withdrawn bigint      NOT NULL DEFAULT 0,
    -- Rows of upload_findings that were written.
    findings       bigint      NOT NULL DEFAULT 0,
    -- The first things that a dry run would change, as JSON.
    differences    text        NOT NULL DEFAULT '[]',
    -- When the file and its findings were deleted.
    pruned_at      timestamptz
);
CREATE INDEX uploads_open ON uploads (id) WHERE status IN ('queued', 'processing');
CREATE INDEX uploads_content ON uploads (sha256, id);
CREATE INDEX uploads_kept ON uploads (finished_at) WHERE pruned_at IS NULL;

CREATE TABLE upload_findings (
    upload_id text        COLLATE "C" NOT NULL REFERENCES uploads (id),
    number    bigint      NOT NULL,
    kind      text        NOT NULL CHECK (kind IN ('rejected', 'noted', 'withdrawn')),
    line      bigint,
    cell      text        NOT NULL,
    reason    text        NOT NULL,
    value     text        NOT NULL,
    PRIMARY KEY (upload_id, number)
);
