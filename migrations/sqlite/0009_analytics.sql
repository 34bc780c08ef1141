-- What was sold, a row for each segment of a booking, as it was when its booking was last heard of. Days are those of UTC.
CREATE TABLE sales (
    booking_id     INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    -- The booking's version that this row shows; an older one changes nothing.
    version        INTEGER NOT NULL,
    flight_id      INTEGER NOT NULL,
    carrier        TEXT    NOT NULL,
    origin         TEXT    NOT NULL,
    destination    TEXT    NOT NULL,
    cabin          INTEGER NOT NULL,
    seats          INTEGER NOT NULL,
    -- The segment's part of the booking's total.
    revenue_minor  INTEGER NOT NULL,
    currency       TEXT    NOT NULL,
    booked_on      TEXT    NOT NULL,
    -- From booking to departure.
    lead_days      INTEGER NOT NULL,
    -- When it ended; absent while it has its seats.
    cancelled_on   TEXT,
    PRIMARY KEY (booking_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX sales_booked ON sales (booked_on);
CREATE INDEX sales_cancelled ON sales (cancelled_on) WHERE cancelled_on IS NOT NULL;
CREATE INDEX sales_flight ON sales (flight_id) WHERE cancelled_on IS NULL;

-- Searches that found no seats for the party.
CREATE TABLE unserved_searches (
    day         TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    destination TEXT    NOT NULL,
    -- The position of the cabin that was asked for; -1: any.
    cabin       INTEGER NOT NULL,
    searches    INTEGER NOT NULL,
    PRIMARY KEY (day, origin, destination, cabin)
) STRICT, WITHOUT ROWID;
