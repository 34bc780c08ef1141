-- Who does a piece of work that one process at a time does, until when, in microseconds since 1970-01-01 UTC.
CREATE TABLE leases (
    name   TEXT    NOT NULL PRIMARY KEY,
    holder TEXT    NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each lane of the relay has got. What an event speaks of says which lane it takes.
CREATE TABLE outbox_lanes (
    lane    INTEGER NOT NULL PRIMARY KEY CHECK (lane BETWEEN 0 AND 15),
    -- The last event of the outbox that was published, or was another lane's.
    relayed INTEGER NOT NULL
) STRICT;
INSERT INTO outbox_lanes
WITH RECURSIVE lanes (lane) AS (VALUES (0) UNION ALL SELECT lane + 1 FROM lanes WHERE lane < 15)
SELECT lane, relayed FROM lanes, outbox_progress;

-- Messages that wait for their consumers, where the database carries them: a row for each of its consumers.
CREATE TABLE messages (
    consumer   TEXT    NOT NULL,
    -- The event's position in the outbox.
    message    INTEGER NOT NULL,
    payload    TEXT    NOT NULL,
    -- How often it was handed to a consumer that did not say that it was done.
    deliveries INTEGER NOT NULL DEFAULT 0,
    -- Nobody is given it before.
    visible_at INTEGER NOT NULL,
    PRIMARY KEY (consumer, message)
) STRICT, WITHOUT ROWID;

-- What each consumer has done: a message that comes again has no second effect.
CREATE TABLE inbox (
    consumer   TEXT    NOT NULL,
    message    INTEGER NOT NULL,
    handled_at INTEGER NOT NULL,
    PRIMARY KEY (consumer, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_age ON inbox (handled_at);

-- Why a consumer did not take a message, the last time.
CREATE TABLE delivery_errors (
    consumer TEXT    NOT NULL,
    message  INTEGER NOT NULL,
    error    TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (consumer, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_errors_age ON delivery_errors (at);

-- Messages that a consumer did not take however often it was given them.
CREATE TABLE dead_letters (
    id         INTEGER NOT NULL PRIMARY KEY,
    consumer   TEXT    NOT NULL,
    message    INTEGER NOT NULL,
    payload    TEXT    NOT NULL,
    error      TEXT    NOT NULL,
    deliveries INTEGER NOT NULL,
    died_at    INTEGER NOT NULL,
    UNIQUE (consumer, message)
) STRICT;
