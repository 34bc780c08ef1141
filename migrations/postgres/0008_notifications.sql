-- Mails to passengers: those that wait, and for a while those that were sent or given up.
CREATE TABLE mails (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The event that it tells of: its position in the outbox.
    message   bigint      NOT NULL,
    event     text        NOT NULL,
    locator   text        COLLATE "C" NOT NULL,
    recipient text        NOT NULL,
    subject   text        NOT NULL,
    -- The whole mail (RFC 5322), for as long as it waits.
    body      bytea,
    state     text        COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    -- How often it was taken in hand.
    attempts  integer     NOT NULL DEFAULT 0,
    -- What the mail server said last, or why it could not be asked.
    answer    text,
    made_at   timestamptz NOT NULL,
    -- Nobody is given it before.
    due_at    timestamptz NOT NULL,
    ended_at  timestamptz,
    CHECK ((body IS NOT NULL) = (state = 'waiting')),
    CHECK ((ended_at IS NULL) = (state = 'waiting'))
);
CREATE INDEX mails_due ON mails (due_at) WHERE state = 'waiting';
CREATE INDEX mails_ended ON mails (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX mails_locator ON mails (locator, id);

-- Programs that are called when something happens.
CREATE TABLE webhooks (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url             text        NOT NULL,
    -- The types of events that it is told.
    events          text[]      NOT NULL,
    description     text        NOT NULL,
    -- The key of signatures, as its owner was shown it once.
    secret          text        NOT NULL,
    enabled         boolean     NOT NULL,
    -- Why it is not, where it was not an admin who said so.
    disabled_reason text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

-- What webhooks are told: what waits, and for a while what has ended.
CREATE TABLE webhook_deliveries (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook  bigint      NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    -- The event's position in the outbox; none where it is a test.
    message  bigint,
    event    text        NOT NULL,
    -- The envelope, for as long as it waits.
    body     text,
    state    text        COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts integer     NOT NULL DEFAULT 0,
    made_at  timestamptz NOT NULL,
    due_at   timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK ((body IS NOT NULL) = (state = 'waiting')),
    CHECK ((ended_at IS NULL) = (state = 'waiting'))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook, id);

-- Each call, and what was answered.
CREATE TABLE webhook_attempts (
    delivery bigint      NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
    attempt  integer     NOT NULL,
    at       timestamptz NOT NULL,
    -- The HTTP status; none where no answer came.
    status   smallint,
    -- The beginning of the answer, or why none came.
    answer   text        NOT NULL,
    PRIMARY KEY (delivery, attempt)
);
