-- Times are microseconds since 1970-01-01 UTC; offsets are seconds east of UTC; dates are ISO 8601 text.

CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    username      TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('agent', 'admin')),
    office        TEXT    NOT NULL,
    disabled_at   INTEGER,
    -- When password, role, office or permission changed last; a login that began before is refused.
    valid_from    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE refresh_tokens (
    -- SHA-256 of the token; the token itself is nowhere.
    token_hash BLOB    NOT NULL PRIMARY KEY,
    family     TEXT    NOT NULL,
    user_id    TEXT    NOT NULL REFERENCES users (id),
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- Families of refresh tokens that were ended before their time: by logout, by reuse, by an admin.
CREATE TABLE revoked_sessions (
    family     TEXT    NOT NULL PRIMARY KEY,
    revoked_at INTEGER NOT NULL,
    -- When the last access token will have expired.
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_sessions_age ON revoked_sessions (revoked_at);

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    user       TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    outcome    TEXT    NOT NULL
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TABLE flights (
    -- Days since 1970-01-01 of the local departure date in the upper 32 bits, a serial number in the lower.
    id               INTEGER NOT NULL PRIMARY KEY,
    carrier          TEXT    NOT NULL,
    number           INTEGER NOT NULL CHECK (number BETWEEN 1 AND 9999),
    origin           TEXT    NOT NULL,
    destination      TEXT    NOT NULL,
    departure_date   TEXT    NOT NULL,
    departure        INTEGER NOT NULL,
    departure_offset INTEGER NOT NULL,
    arrival          INTEGER NOT NULL,
    arrival_offset   INTEGER NOT NULL,
    aircraft         TEXT    NOT NULL,
    status           TEXT    NOT NULL CHECK (status IN ('scheduled', 'cancelled')),
    version          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    CHECK (origin <> destination),
    CHECK (arrival > departure),
    -- The date first: a file of flights is mostly in the order of days, so that a chunk of it touches few pages of this
    -- index, and the write-ahead log holds few.
    UNIQUE (departure_date, carrier, number, origin)
) STRICT;
CREATE INDEX flights_departure ON flights (departure, id);

CREATE TABLE inventory (
    flight_id  INTEGER NOT NULL REFERENCES flights (id),
    -- Position from front to back: 0 first, 1 business, 2 premium, 3 economy.
    cabin      INTEGER NOT NULL CHECK (cabin BETWEEN 0 AND 3),
    capacity   INTEGER NOT NULL,
    sold       INTEGER NOT NULL DEFAULT 0,
    fare_minor INTEGER NOT NULL CHECK (fare_minor >= 0),
    currency   TEXT    NOT NULL,
    PRIMARY KEY (flight_id, cabin),
    CHECK (sold BETWEEN 0 AND capacity)
) STRICT, WITHOUT ROWID;

CREATE TABLE bookings (
    id            INTEGER PRIMARY KEY,
    locator       TEXT    NOT NULL UNIQUE,
    office        TEXT    NOT NULL,
    created_by    TEXT    NOT NULL REFERENCES users (id),
    -- The idempotency key of its making.
    operation     TEXT    NOT NULL,
    status        TEXT    NOT NULL CHECK (status IN ('confirmed', 'held', 'waitlisted', 'cancelled')),
    version       INTEGER NOT NULL,
    contact_email TEXT,
    contact_phone TEXT,
    total_minor   INTEGER NOT NULL,
    currency      TEXT    NOT NULL,
    time_limit    INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX bookings_office ON bookings (office, id);
CREATE INDEX bookings_operation ON bookings (created_by, operation);

CREATE TABLE passengers (
    booking_id    INTEGER NOT NULL REFERENCES bookings (id),
    position      INTEGER NOT NULL,
    given_name    TEXT    NOT NULL,
    surname       TEXT    NOT NULL,
    -- The surname as it is searched: lower case.
    surname_key   TEXT    NOT NULL,
    title         TEXT,
    kind          TEXT    NOT NULL CHECK (kind IN ('adult', 'child', 'infant')),
    date_of_birth TEXT,
    PRIMARY KEY (booking_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX passengers_surname ON passengers (surname_key, booking_id);

CREATE TABLE segments (
    booking_id INTEGER NOT NULL REFERENCES bookings (id),
    position   INTEGER NOT NULL,
    flight_id  INTEGER NOT NULL REFERENCES flights (id),
    cabin      INTEGER NOT NULL CHECK (cabin BETWEEN 0 AND 3),
    status     TEXT    NOT NULL CHECK (status IN ('HK', 'HL', 'UN', 'TK', 'XX')),
    -- Seats that the party takes from the cabin while the segment lives.
    seats      INTEGER NOT NULL CHECK (seats BETWEEN 1 AND 9),
    PRIMARY KEY (booking_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX segments_flight ON segments (flight_id, booking_id);

-- Chosen seats of living segments; a cancelled segment's rows are deleted.
CREATE TABLE seats (
    flight_id  INTEGER NOT NULL REFERENCES flights (id),
    seat       TEXT    NOT NULL,
    booking_id INTEGER NOT NULL REFERENCES bookings (id),
    segment    INTEGER NOT NULL,
    passenger  INTEGER NOT NULL,
    PRIMARY KEY (flight_id, seat),
    UNIQUE (booking_id, segment, passenger)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    booking_id INTEGER NOT NULL REFERENCES bookings (id),
    version    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    user_id    TEXT    NOT NULL REFERENCES users (id),
    action     TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    PRIMARY KEY (booking_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    user_id     TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    -- SHA-256 of method, path and parsed body.
    fingerprint BLOB    NOT NULL,
    status      INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    -- The booking and its version, for the answer's Location and ETag; absent in refusals.
    locator     TEXT,
    version     INTEGER,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_at);

CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    payload      TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    -- By this machine's clock, whatever the writer's says.
    published_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000)
) STRICT;

-- How far the outbox has got: one row.
CREATE TABLE outbox_progress (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- The last event that was relayed.
    relayed INTEGER NOT NULL,
    -- All events up to this one have been deleted.
    pruned  INTEGER NOT NULL
) STRICT;
INSERT INTO outbox_progress VALUES (1, 0, 0);
