-- Who does a piece of work that one process at a time does, until when, by this server's clock.
CREATE TABLE leases (
    name   text        COLLATE "C" NOT NULL PRIMARY KEY,
    holder text        COLLATE "C" NOT NULL,
    until  timestamptz NOT NULL
);

-- How far each lane of the relay has got. What an event speaks of says which lane it takes.
CREATE TABLE outbox_lanes (
    lane    smallint NOT NULL PRIMARY KEY CHECK (lane BETWEEN 0 AND 15),
    -- The last event of the outbox that was published, or was another lane's.
    relayed bigint   NOT NULL
);
INSERT INTO outbox_lanes SELECT lane, relayed FROM outbox_progress, generate_series(0, 15) AS lane;

-- Messages that wait for their consumers, where the database carries them: a row for each of its consumers.
CREATE TABLE messages (
    consumer   text        COLLATE "C" NOT NULL,
    -- The event's position in the outbox.
    message    bigint      NOT NULL,
    payload    text        NOT NULL,
    -- How often it was handed to a consumer that did not say that it was done.
    deliveries smallint    NOT NULL DEFAULT 0,
    -- Nobody is given it before.
    visible_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, message)
) WITH (fillfactor = 80);

-- What each consumer has done: a message that comes again has no second effect.
CREATE TABLE inbox (
    consumer   text        COLLATE "C" NOT NULL,
    message    bigint      NOT NULL,
    handled_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, message)
);
CREATE INDEX inbox_age ON inbox (handled_at);

-- Why a consumer did not take a message, the last time.
CREATE TABLE delivery_errors (
    consumer text        COLLATE "C" NOT NULL,
    message  bigint      NOT NULL,
    error    text        NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (consumer, message)
);
CREATE INDEX delivery_errors_age ON delivery_errors (at);

-- Messages that a consumer did not take however often it was given them.
CREATE TABLE dead_letters (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer   text        COLLATE "C" NOT NULL,
    message    bigint      NOT NULL,
    payload    text        NOT NULL,
    error      text        NOT NULL,
    deliveries integer     NOT NULL,
    died_at    timestamptz NOT NULL,
    UNIQUE (consumer, message)
);
