-- Held bookings by their time limit, and waitlisted segments by their cabin: indexes over the few rows that are meant.
CREATE INDEX bookings_held ON bookings (time_limit) WHERE status = 'held';
CREATE INDEX segments_waiting ON segments (flight_id, cabin, booking_id) WHERE status = 'HL';

-- What nobody asked for has no user: a time limit that passed, a waitlist that was cleared. SQLite changes no column, so the
-- table is written anew.
CREATE TABLE history_anew (
    booking_id INTEGER NOT NULL REFERENCES bookings (id),
    version    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    user_id    TEXT REFERENCES users (id),
    action     TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    PRIMARY KEY (booking_id, version)
) STRICT, WITHOUT ROWID;
INSERT INTO history_anew SELECT booking_id, version, at, user_id, action, detail FROM history ORDER BY booking_id, version;
DROP TABLE history;
ALTER TABLE history_anew RENAME TO history;
