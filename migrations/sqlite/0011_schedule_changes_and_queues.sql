-- Flights may change and be cancelled while bookings live on them, and bookings that need a person lie on their offices' queues.
-- New columns are NULL in what earlier releases write.

-- The version of the flight that the party was last told of; NULL: as it was before flights with bookings could change.
ALTER TABLE segments ADD COLUMN flight_version INTEGER;
-- The fare of one seat when it was booked.
ALTER TABLE segments ADD COLUMN fare_minor INTEGER;
-- When it was booked, where that was later than its booking; and when it ended.
ALTER TABLE segments ADD COLUMN booked_at INTEGER;
ALTER TABLE segments ADD COLUMN ended_at INTEGER;
-- The times that the party has agreed to, where the flight has others now.
ALTER TABLE segments ADD COLUMN previous_departure INTEGER;
ALTER TABLE segments ADD COLUMN previous_departure_offset INTEGER;
ALTER TABLE segments ADD COLUMN previous_arrival INTEGER;
ALTER TABLE segments ADD COLUMN previous_arrival_offset INTEGER;

-- When it was said that the time limit of a held booking is near.
ALTER TABLE bookings ADD COLUMN warned_at INTEGER;

-- Changes of times, and cancellations, of flights on which bookings lived: what their bookings are yet to be told.
CREATE TABLE schedule_changes (
    flight_id        INTEGER NOT NULL,
    -- The flight's version after the change.
    version          INTEGER NOT NULL,
    -- The times before it.
    departure        INTEGER NOT NULL,
    departure_offset INTEGER NOT NULL,
    arrival          INTEGER NOT NULL,
    arrival_offset   INTEGER NOT NULL,
    -- Whether some of the bookings may not know of it.
    pending          INTEGER NOT NULL DEFAULT TRUE CHECK (pending IN (0, 1)),
    PRIMARY KEY (flight_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_changes_pending ON schedule_changes (flight_id) WHERE pending;

-- Bookings that need a person, a row for each reason.
CREATE TABLE queue_items (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    office      TEXT    NOT NULL,
    queue       INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    booking_id  INTEGER NOT NULL REFERENCES bookings (id),
    remark      TEXT,
    placed_at   INTEGER NOT NULL,
    -- The name of who put it there; absent where an event did.
    placed_by   TEXT,
    -- It can be taken from then on.
    due_at      INTEGER NOT NULL,
    -- The name of who has taken it, and until when it is theirs alone by this database's clock.
    holder      TEXT,
    lease_until INTEGER,
    done_at     INTEGER,
    done_by     TEXT
) STRICT;
-- One entry of a booking for each reason at a time.
CREATE UNIQUE INDEX queue_items_open ON queue_items (booking_id, queue, reason) WHERE done_at IS NULL;
CREATE INDEX queue_items_due ON queue_items (office, queue, due_at, id) WHERE done_at IS NULL;
CREATE INDEX queue_items_done ON queue_items (done_at) WHERE done_at IS NOT NULL;
