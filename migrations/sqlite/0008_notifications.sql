-- Mails to passengers: those that wait, and for a while those that were sent or given up.
CREATE TABLE mails (
    -- Numbers do not come again.
    id        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- The event that it tells of: its position in the outbox.
    message   INTEGER NOT NULL,
    event     TEXT    NOT NULL,
    locator   TEXT    NOT NULL,
    recipient TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    -- The whole mail (RFC 5322), for as long as it waits.
    body      BLOB,
    state     TEXT    NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    -- How often it was taken in hand.
    attempts  INTEGER NOT NULL DEFAULT 0,
    -- What the mail server said last, or why it could not be asked.
    answer    TEXT,
    made_at   INTEGER NOT NULL,
    -- Nobody is given it before.
    due_at    INTEGER NOT NULL,
    ended_at  INTEGER,
    CHECK ((body IS NOT NULL) = (state = 'waiting')),
    CHECK ((ended_at IS NULL) = (state = 'waiting'))
) STRICT;
CREATE INDEX mails_due ON mails (due_at) WHERE state = 'waiting';
CREATE INDEX mails_ended ON mails (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX mails_locator ON mails (locator, id);

-- Programs that are called when something happens.
CREATE TABLE webhooks (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    url             TEXT    NOT NULL,
    -- The types of events that it is told: a JSON array.
    events          TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    -- The key of signatures, as its owner was shown it once.
    secret          TEXT    NOT NULL,
    enabled         INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    -- Why it is not, where it was not an admin who said so.
    disabled_reason TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

-- What webhooks are told: what waits, and for a while what has ended.
CREATE TABLE webhook_deliveries (
    id       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    webhook  INTEGER NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    -- The event's position in the outbox; none where it is a test.
    message  INTEGER,
    event    TEXT    NOT NULL,
    -- The envelope, for as long as it waits.
    body     TEXT,
    state    TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    made_at  INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,
    ended_at INTEGER,
    CHECK ((body IS NOT NULL) = (state = 'waiting')),
    CHECK ((ended_at IS NULL) = (state = 'waiting'))
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook, id);

-- Each call, and what was answered.
CREATE TABLE webhook_attempts (
    delivery INTEGER NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
    attempt  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    -- The HTTP status; none where no answer came.
    status   INTEGER,
    -- The beginning of the answer, or why none came.
    answer   TEXT    NOT NULL,
    PRIMARY KEY (delivery, attempt)
) STRICT, WITHOUT ROWID;
