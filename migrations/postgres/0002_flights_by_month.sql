-- Flights and their inventory by month of departure: what is asked of some days looks into the indexes of their months
-- alone, and a month that is past is taken out without a delete.
--
-- Both have a part for each month in which there are flights, flights_2026_12 and inventory_2026_12. `flights` goes by the
-- local day of departure and not by its id, which begins with the same day: a unique key has to contain what its table goes
-- by, and the natural key contains the day, so that it stays one key of the whole table and ON CONFLICT may name it.
--
-- `segments` and `seats` stay whole: they are found by their booking, which would have to be looked for in all months.
-- Bookings and keys are unique over all months.

-- The local day of departure, which a flight's id begins with. Whoever asks for a flight may name any number: of one that
-- no flight has, as many bits are taken as make a date.
CREATE FUNCTION departure_day(flight_id bigint) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN DATE '1970-01-01' + (flight_id >> 32 & 4194303)::integer;

-- Below all ids of flights of a day, and above those of the day before.
CREATE FUNCTION lowest_flight_id(day date) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN (day - DATE '1970-01-01')::bigint << 32;

-- Locks tables against everybody, within 5 seconds. No attempt takes as long as PostgreSQL takes to look for deadlocks: who
-- took some of the tables in another order goes on, and this one tries again.
CREATE FUNCTION lock_alone(tables text) RETURNS void LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
BEGIN
    FOR attempt IN 1..10 LOOP
        BEGIN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', tables);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = 10 THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.05 * random());
        END;
    END LOOP;
END
$$;

-- A vacuum that nobody started gives way to this one, which nobody else waits for; it would not to the attempts that follow.
LOCK TABLE flights, inventory, segments, seats IN SHARE UPDATE EXCLUSIVE MODE;
SELECT lock_alone('inventory, flights, segments, seats');

-- Checking a row against a table of many parts means to look into the plan of all of them, and a part that may be named
-- cannot be taken out. That a flight stays as long as something names it is what writers see to: flights are never deleted,
-- a cabin is not while it is sold, and bookings hold the lock of their cabins. `airside-server check` looks for the rest.
ALTER TABLE segments DROP CONSTRAINT segments_flight_id_fkey;
ALTER TABLE seats DROP CONSTRAINT seats_flight_id_fkey;
ALTER TABLE inventory DROP CONSTRAINT inventory_flight_id_fkey;

ALTER TABLE flights RENAME TO flights_before;
ALTER TABLE inventory RENAME TO inventory_before;

CREATE TABLE flights (
    -- Days since 1970-01-01 of the local departure date in the upper 32 bits, one of flight_serials in the lower.
    id               bigint      NOT NULL,
    carrier          text        COLLATE "C" NOT NULL,
    number           integer     NOT NULL CHECK (number BETWEEN 1 AND 9999),
    origin           text        COLLATE "C" NOT NULL,
    destination      text        COLLATE "C" NOT NULL,
    departure_date   date        NOT NULL,
    departure        timestamptz NOT NULL,
    -- Offsets are seconds east of UTC.
    departure_offset integer     NOT NULL,
    arrival          timestamptz NOT NULL,
    arrival_offset   integer     NOT NULL,
    aircraft         text        NOT NULL,
    status           text        NOT NULL CHECK (status IN ('scheduled', 'cancelled')),
    version          bigint      NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CHECK (origin <> destination),
    CHECK (arrival > departure),
    -- Without a function of this schema, so that a month may be read into another database.
    CHECK (departure_date = DATE '1970-01-01' + (id >> 32)::integer)
) PARTITION BY RANGE (departure_date);

CREATE TABLE inventory (
    flight_id  bigint   NOT NULL,
    -- Position from front to back: 0 first, 1 business, 2 premium, 3 economy.
    cabin      smallint NOT NULL CHECK (cabin BETWEEN 0 AND 3),
    capacity   integer  NOT NULL,
    sold       integer  NOT NULL DEFAULT 0,
    fare_minor bigint   NOT NULL CHECK (fare_minor >= 0),
    currency   text     NOT NULL,
    CHECK (sold BETWEEN 0 AND capacity)
) PARTITION BY RANGE (flight_id);

-- Whether there is a month that begins on a day. The tables are asked: what a session knows of names may be older than the
-- lock that it has just waited for.
CREATE FUNCTION flight_month_is_there(month date) RETURNS boolean LANGUAGE sql
    RETURN EXISTS (SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                   WHERE inhparent = 'flights'::regclass AND relname = 'flights_' || to_char(month, 'YYYY_MM'));

-- Makes the months of days that have none yet, before flights of these days are written. Others read and write meanwhile:
-- attaching a part locks nobody out but who attaches another.
CREATE FUNCTION make_flight_months(days date[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted date[] := ARRAY(SELECT DISTINCT date_trunc('month', day::timestamp)::date FROM unnest(days) AS day ORDER BY 1);
    month  date;
    behind date;
    name   text;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(wanted) AS m WHERE NOT flight_month_is_there(m)) THEN
        RETURN;
    END IF;
    -- "months" in ASCII. Of several that want the same month one makes it; the others wait, and find it.
    PERFORM pg_advisory_xact_lock(120325361920115);
    FOREACH month IN ARRAY wanted LOOP
        CONTINUE WHEN flight_month_is_there(month);
        behind := month + interval '1 month';
        name := to_char(month, 'YYYY_MM');
        EXECUTE format('CREATE TABLE flights_%s (LIKE flights INCLUDING ALL, CHECK (departure_date >= %L AND departure_date < %L))',
                       name, month, behind);
        -- Room for counters that change.
        EXECUTE format('CREATE TABLE inventory_%s (LIKE inventory INCLUDING ALL, CHECK (flight_id >= %s AND flight_id < %s))
                        WITH (fillfactor = 80)', name, lowest_flight_id(month), lowest_flight_id(behind));
        EXECUTE format('ALTER TABLE flights ATTACH PARTITION flights_%s FOR VALUES FROM (%L) TO (%L)', name, month, behind);
        EXECUTE format('ALTER TABLE inventory ATTACH PARTITION inventory_%s FOR VALUES FROM (%s) TO (%s)',
                       name, lowest_flight_id(month), lowest_flight_id(behind));
    END LOOP;
END
$$;


-- Where there are flights already, the release before may import others while this one starts, and makes no months.
SELECT make_flight_months(ARRAY(
    SELECT departure_date FROM flights_before
    UNION
    SELECT (now() AT TIME ZONE 'UTC' + ahead * interval '1 month')::date FROM generate_series(0, 12) AS ahead
    WHERE EXISTS (SELECT FROM flights_before)));

INSERT INTO flights SELECT * FROM flights_before ORDER BY id;
INSERT INTO inventory SELECT * FROM inventory_before ORDER BY flight_id, cabin;
DROP TABLE inventory_before, flights_before;

-- The day is a part of the id, so that no two rows have the same id.
ALTER TABLE flights ADD PRIMARY KEY (id, departure_date), ADD UNIQUE (departure_date, carrier, number, origin);
CREATE INDEX flights_departure ON flights (departure, id);
ALTER TABLE inventory ADD PRIMARY KEY (flight_id, cabin);
