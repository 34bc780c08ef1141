-- What was sold, a row for each segment of a booking, as it was when its booking was last heard of. Days are those of UTC.
CREATE TABLE sales (
    booking_id     bigint   NOT NULL,
    position       smallint NOT NULL,
    -- The booking's version that this row shows; an older one changes nothing.
    version        bigint   NOT NULL,
    flight_id      bigint   NOT NULL,
    carrier        text     COLLATE "C" NOT NULL,
    origin         text     COLLATE "C" NOT NULL,
    destination    text     COLLATE "C" NOT NULL,
    cabin          smallint NOT NULL,
    seats          integer  NOT NULL,
    -- The segment's part of the booking's total.
    revenue_minor  bigint   NOT NULL,
    currency       text     NOT NULL,
    booked_on      date     NOT NULL,
    -- From booking to departure.
    lead_days      integer  NOT NULL,
    -- When it ended; absent while it has its seats.
    cancelled_on   date,
    PRIMARY KEY (booking_id, position)
);
CREATE INDEX sales_booked ON sales (booked_on);
CREATE INDEX sales_cancelled ON sales (cancelled_on) WHERE cancelled_on IS NOT NULL;
CREATE INDEX sales_flight ON sales (flight_id) WHERE cancelled_on IS NULL;

-- Searches that found no seats for the party.
CREATE TABLE unserved_searches (
    day         date     NOT NULL,
    origin      text     COLLATE "C" NOT NULL,
    destination text     COLLATE "C" NOT NULL,
    -- The position of the cabin that was asked for; -1: any.
    cabin       smallint NOT NULL,
    searches    bigint   NOT NULL,
    PRIMARY KEY (day, origin, destination, cabin)
);
