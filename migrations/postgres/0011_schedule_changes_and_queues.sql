-- Flights may change and be cancelled while bookings live on them, and bookings that need a person lie on their offices' queues.
-- New columns are NULL in what earlier releases write.

-- The version of the flight that the party was last told of; NULL: as it was before flights with bookings could change.
ALTER TABLE segments ADD COLUMN flight_version bigint;
-- The fare of one seat when it was booked.
ALTER TABLE segments ADD COLUMN fare_minor bigint;
-- When it was booked, where that was later than its booking; and when it ended.
ALTER TABLE segments ADD COLUMN booked_at timestamptz;
ALTER TABLE segments ADD COLUMN ended_at timestamptz;
-- The times that the party has agreed to, where the flight has others now.
ALTER TABLE segments ADD COLUMN previous_departure timestamptz;
ALTER TABLE segments ADD COLUMN previous_departure_offset integer;
ALTER TABLE segments ADD COLUMN previous_arrival timestamptz;
ALTER TABLE segments ADD COLUMN previous_arrival_offset integer;

-- When it was said that the time limit of a held booking is near.
ALTER TABLE bookings ADD COLUMN warned_at timestamptz;

-- Changes of times, and cancellations, of flights on which bookings lived: what their bookings are yet to be told.
CREATE TABLE schedule_changes (
    flight_id        bigint      NOT NULL,
    -- The flight's version after the change.
    version          bigint      NOT NULL,
    -- The times before it.
    departure        timestamptz NOT NULL,
    departure_offset integer     NOT NULL,
    arrival          timestamptz NOT NULL,
    arrival_offset   integer     NOT NULL,
    -- Whether some of the bookings may not know of it.
    pending          boolean     NOT NULL DEFAULT TRUE,
    PRIMARY KEY (flight_id, version)
);
CREATE INDEX schedule_changes_pending ON schedule_changes (flight_id) WHERE pending;

-- Bookings that need a person, a row for each reason.
CREATE TABLE queue_items (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    office      text        COLLATE "C" NOT NULL,
    queue       smallint    NOT NULL,
    reason      text        NOT NULL,
    booking_id  bigint      NOT NULL REFERENCES bookings (id),
    remark      text,
    placed_at   timestamptz NOT NULL,
    -- The name of who put it there; absent where an event did.
    placed_by   text,
    -- It can be taken from then on.
    due_at      timestamptz NOT NULL,
    -- The name of who has taken it, and until when it is theirs alone by this database's clock.
    holder      text,
    lease_until timestamptz,
    done_at     timestamptz,
    done_by     text
);
-- One entry of a booking for each reason at a time.
CREATE UNIQUE INDEX queue_items_open ON queue_items (booking_id, queue, reason) WHERE done_at IS NULL;
CREATE INDEX queue_items_due ON queue_items (office, queue, due_at, id) WHERE done_at IS NULL;
CREATE INDEX queue_items_done ON queue_items (done_at) WHERE done_at IS NOT NULL;
