-- The statements of the release before, as its servers send them: each under the file and the function that it is from, lists
-- with all their filters, and with the types of parameters where PostgreSQL would guess others. The test beside this file runs
-- every one of them; see migrations/README.md.

-- name: idempotency_claim
INSERT INTO idempotency (user_id, key, fingerprint, created_at)
    SELECT user_id, key, fingerprint, clock_timestamp()
    FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS c (user_id, key, fingerprint, at)
    ORDER BY at
    ON CONFLICT DO NOTHING

-- name: idempotency_claim_2
SELECT c.at - 1 AS position, i.fingerprint, i.status, i.body, i.locator, i.version
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c (user_id, key, at)
    JOIN idempotency i ON i.user_id = c.user_id AND i.key = c.key
    WHERE i.status IS NOT NULL

-- name: idempotency_forget_before
WITH old AS (
        SELECT user_id, key FROM idempotency WHERE created_at < $1
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    DELETE FROM idempotency i USING old WHERE i.user_id = old.user_id AND i.key = old.key

-- name: bookings_locks_take
SELECT id FROM bookings WHERE locator = ANY($1) ORDER BY id FOR NO KEY UPDATE

-- name: bookings_locks_take_2
SELECT i.flight_id, i.cabin FROM inventory i
    WHERE (i.flight_id, i.cabin) IN (
        SELECT flight_id, cabin FROM unnest($1::bigint[], $2::smallint[]) AS w (flight_id, cabin)
        UNION
        SELECT flight_id, cabin FROM segments WHERE booking_id = ANY($3))
    ORDER BY i.flight_id, i.cabin
    FOR NO KEY UPDATE OF i

-- name: bookings_facts_facts
SELECT date_trunc('milliseconds', clock_timestamp()),
    ARRAY(SELECT nextval('bookings_id_seq') FROM generate_series(1, $1)),
    (SELECT coalesce(json_agg(f), '[]')::text FROM (
         SELECT f.id, f.carrier, f.number, f.origin, f.destination, micros(f.departure) AS departure,
                f.departure_offset, micros(f.arrival) AS arrival, f.arrival_offset, f.aircraft, f.status, i.cabin,
                i.capacity, i.sold, i.fare_minor, i.currency
         FROM flights f
         LEFT JOIN inventory i ON i.flight_id = f.id
         WHERE f.id = ANY($2)) f),
    (SELECT coalesce(json_agg(json_build_array(s.flight_id, s.seat)), '[]')::text
     FROM unnest($3::bigint[], $4::text[]) AS w (flight_id, seat)
     JOIN seats s ON s.flight_id = w.flight_id AND s.seat = w.seat),
    ARRAY(SELECT locator FROM bookings WHERE locator = ANY($5))

-- name: bookings_facts_now
SELECT date_trunc('milliseconds', clock_timestamp())

-- name: bookings_facts_free_locators
SELECT locator FROM bookings WHERE locator = ANY($1)

-- name: bookings_reading_by_locators
SELECT b.id, b.locator, b.office, b.created_by, u.username, b.operation, b.status, b.version, b.contact_email,
    b.contact_phone, b.total_minor, b.currency, b.time_limit, b.created_at, b.updated_at,
    (SELECT coalesce(json_agg(json_build_array(s.flight_id, f.carrier, f.number, f.origin, f.destination,
            micros(f.departure), f.departure_offset, micros(f.arrival), f.arrival_offset, f.aircraft, s.cabin,
            s.status) ORDER BY s.position), '[]')::text
     FROM segments s JOIN flights f ON f.id = s.flight_id WHERE s.booking_id = b.id) AS segments,
    (SELECT coalesce(json_agg(json_build_object('given_name', p.given_name, 'surname', p.surname, 'title',
            p.title, 'type', p.kind, 'date_of_birth', p.date_of_birth) ORDER BY p.position), '[]')::text
     FROM passengers p WHERE p.booking_id = b.id) AS passengers,
    (SELECT coalesce(json_agg(json_build_object('segment', c.segment, 'passenger', c.passenger, 'seat', c.seat)
            ORDER BY c.segment, c.passenger), '[]')::text
     FROM seats c WHERE c.booking_id = b.id) AS seats FROM bookings b JOIN users u ON u.id = b.created_by WHERE
         b.locator = ANY($1)

-- name: bookings_reading_list
SELECT b.id, b.locator, b.office, b.created_by, u.username, b.operation, b.status, b.version, b.contact_email,
    b.contact_phone, b.total_minor, b.currency, b.time_limit, b.created_at, b.updated_at,
    (SELECT coalesce(json_agg(json_build_array(s.flight_id, f.carrier, f.number, f.origin, f.destination,
            micros(f.departure), f.departure_offset, micros(f.arrival), f.arrival_offset, f.aircraft, s.cabin,
            s.status) ORDER BY s.position), '[]')::text
     FROM segments s JOIN flights f ON f.id = s.flight_id WHERE s.booking_id = b.id) AS segments,
    (SELECT coalesce(json_agg(json_build_object('given_name', p.given_name, 'surname', p.surname, 'title',
            p.title, 'type', p.kind, 'date_of_birth', p.date_of_birth) ORDER BY p.position), '[]')::text
     FROM passengers p WHERE p.booking_id = b.id) AS passengers,
    (SELECT coalesce(json_agg(json_build_object('segment', c.segment, 'passenger', c.passenger, 'seat', c.seat)
            ORDER BY c.segment, c.passenger), '[]')::text
     FROM seats c WHERE c.booking_id = b.id) AS seats FROM bookings b JOIN users u ON u.id = b.created_by WHERE b.id
         < $1 AND b.office = $2 AND b.status = $3 AND b.id IN (SELECT booking_id FROM passengers WHERE surname_key =
         $4) AND b.id IN (SELECT booking_id FROM segments WHERE flight_id = $5) AND b.id IN (SELECT s.booking_id
         FROM flights f JOIN segments s ON s.flight_id = f.id WHERE true AND f.carrier = $6 AND f.number = $7 AND
         f.departure_date = $8::date) AND b.created_by = $9 AND b.operation = $10 ORDER BY b.id DESC LIMIT $11

-- name: bookings_writes_cancel
WITH gone AS (
    SELECT (r ->> 0)::bigint AS id, (r ->> 1)::bigint AS version, instant((r ->> 2)::bigint) AS at
    FROM jsonb_array_elements($1::jsonb) AS r
), bookings AS (
    UPDATE bookings
    SET status = 'cancelled', version = gone.version, updated_at = gone.at, time_limit = NULL
    FROM gone WHERE bookings.id = gone.id
), segments AS (
    UPDATE segments SET status = 'XX' WHERE booking_id IN (SELECT id FROM gone)
)
DELETE FROM seats WHERE booking_id IN (SELECT id FROM gone)

-- name: bookings_writes_write (text, text, text, text, text, text, timestamptz, text[], text[], text[], integer[], text[], text[], bigint[], text)
WITH bookings AS (
    INSERT INTO bookings (id, locator, office, created_by, operation, status, version, contact_email,
                          contact_phone, total_minor, currency, time_limit, created_at, updated_at)
    SELECT (r ->> 0)::bigint, r ->> 1, r ->> 2, r ->> 3, r ->> 4, r ->> 5, (r ->> 6)::bigint, r ->> 7, r ->> 8,
           (r ->> 9)::bigint, r ->> 10, instant((r ->> 11)::bigint), instant((r ->> 12)::bigint),
           instant((r ->> 12)::bigint)
    FROM jsonb_array_elements($1::jsonb) AS r
    ORDER BY r ->> 1
), passengers AS (
    INSERT INTO passengers (booking_id, position, given_name, surname, surname_key, title, kind, date_of_birth)
    SELECT (r ->> 0)::bigint, (r ->> 1)::smallint, r ->> 2, r ->> 3, r ->> 4, r ->> 5, r ->> 6, (r ->> 7)::date
    FROM jsonb_array_elements($2::jsonb) AS r
), segments AS (
    INSERT INTO segments (booking_id, position, flight_id, cabin, status, seats)
    SELECT (r ->> 0)::bigint, (r ->> 1)::smallint, (r ->> 2)::bigint, (r ->> 3)::smallint, r ->> 4,
           (r ->> 5)::smallint
    FROM jsonb_array_elements($3::jsonb) AS r
), seats AS (
    INSERT INTO seats (flight_id, seat, booking_id, segment, passenger)
    SELECT (r ->> 0)::bigint, r ->> 1, (r ->> 2)::bigint, (r ->> 3)::smallint, (r ->> 4)::smallint
    FROM jsonb_array_elements($4::jsonb) AS r
), history AS (
    INSERT INTO history (booking_id, version, at, user_id, action, detail)
    SELECT (r ->> 0)::bigint, (r ->> 1)::bigint, instant((r ->> 2)::bigint), r ->> 3, r ->> 4, r ->> 5
    FROM jsonb_array_elements($5::jsonb) AS r
), counted AS (
    UPDATE inventory SET sold = sold + b.seats
    FROM (SELECT (r ->> 0)::bigint AS flight_id, (r ->> 1)::smallint AS cabin, (r ->> 2)::integer AS seats
          FROM jsonb_array_elements($6::jsonb) AS r) AS b
    WHERE inventory.flight_id = b.flight_id AND inventory.cabin = b.cabin
    RETURNING 1
), outbox AS (
    INSERT INTO outbox (payload, created_at)
    SELECT payload, $7 FROM unnest($8::text[]) WITH ORDINALITY AS e (payload, at) ORDER BY at
), answers AS (
    SELECT user_id, key, status, body, locator, version
    FROM unnest($9::text[], $10::text[], $11::integer[], $12::text[], $13::text[], $14::bigint[])
         AS a (user_id, key, status, body, locator, version)
), answered AS (
    UPDATE idempotency SET status = a.status, body = a.body, locator = a.locator, version = a.version
    FROM answers a
    WHERE a.status IS NOT NULL AND idempotency.user_id = a.user_id AND idempotency.key = a.key
    RETURNING 1
), freed AS (
    DELETE FROM idempotency USING answers a
    WHERE a.status IS NULL AND idempotency.user_id = a.user_id AND idempotency.key = a.key
)
SELECT (SELECT count(*) FROM counted), (SELECT count(*) FROM answered),
       CASE WHEN cardinality($8::text[]) > 0 THEN pg_notify($15, '')::text END

-- name: bookings_history
SELECT h.version, h.at, u.username, h.action, h.detail
    FROM bookings b
    JOIN history h ON h.booking_id = b.id
    JOIN users u ON u.id = h.user_id
    WHERE b.locator = $1 ORDER BY h.version

-- name: bookings_integrity_violations
SELECT c.flight_id AS flight, c.seat, f.aircraft, s.cabin,
           (SELECT coalesce(json_agg(json_build_array(i.cabin, i.capacity)), '[]')::text FROM inventory i
            WHERE i.flight_id = c.flight_id) AS cabins
    FROM seats c
    JOIN flights f ON f.id = c.flight_id
    JOIN segments s ON s.booking_id = c.booking_id AND s.position = c.segment
    ORDER BY c.flight_id

-- name: flights_locks_lock_keys
SELECT f.id FROM unnest($1::text[], $2::integer[], $3::text[], $4::integer[]) AS k (carrier, number, origin, day)
    JOIN flights f ON f.departure_date = DATE '1970-01-01' + k.day AND f.carrier = k.carrier AND f.number = k.number
    AND f.origin = k.origin ORDER BY f.id FOR NO KEY UPDATE OF f

-- name: flights_locks_lock_flight
SELECT FROM flights WHERE id = $1 FOR NO KEY UPDATE

-- name: flights_locks_lock_cabins
SELECT FROM inventory WHERE flight_id = ANY ($1) ORDER BY flight_id, cabin FOR UPDATE

-- name: flights_reading_by_keys
SELECT f.id, f.carrier, f.number::bigint, f.origin, f.destination, f.departure, f.departure_offset, f.arrival,
    f.arrival_offset, f.aircraft, f.status, f.version, i.cabin::bigint, i.capacity::bigint, i.sold::bigint,
    i.fare_minor, i.currency FROM unnest($1::text[], $2::integer[], $3::text[], $4::integer[]) AS k (carrier,
    number, origin, day) JOIN flights f ON f.departure_date = DATE '1970-01-01' + k.day AND f.carrier = k.carrier
    AND f.number = k.number AND f.origin = k.origin JOIN inventory i ON i.flight_id = f.id ORDER BY f.id, i.cabin

-- name: flights_reading_by_ids
SELECT f.id, f.carrier, f.number::bigint, f.origin, f.destination, f.departure, f.departure_offset, f.arrival,
    f.arrival_offset, f.aircraft, f.status, f.version, i.cabin::bigint, i.capacity::bigint, i.sold::bigint,
    i.fare_minor, i.currency FROM unnest($1::bigint[]) AS k (id)
    JOIN flights f ON f.id = k.id JOIN inventory i ON i.flight_id = f.id ORDER BY f.id, i.cabin

-- name: flights_reading_flight
SELECT f.id, f.carrier, f.number::bigint, f.origin, f.destination, f.departure, f.departure_offset, f.arrival,
    f.arrival_offset, f.aircraft, f.status, f.version, i.cabin::bigint, i.capacity::bigint, i.sold::bigint,
    i.fare_minor, i.currency FROM flights f JOIN inventory i ON i.flight_id = f.id WHERE f.id = $1 ORDER BY i.cabin

-- name: flights_reading_facts
SELECT flight_id, count(DISTINCT booking_id) FROM segments
    WHERE flight_id = ANY ($1) AND status IN ('HK', 'HL', 'TK') GROUP BY flight_id

-- name: flights_reading_facts_2
SELECT s.flight_id, s.seat, g.cabin::bigint FROM seats s
    JOIN segments g ON g.booking_id = s.booking_id AND g.position = s.segment
    WHERE s.flight_id = ANY ($1)

-- name: flights_reading_list
SELECT f.id, f.carrier, f.number::bigint, f.origin, f.destination, f.departure, f.departure_offset, f.arrival,
    f.arrival_offset, f.aircraft, f.status, f.version, i.cabin::bigint, i.capacity::bigint, i.sold::bigint,
    i.fare_minor, i.currency FROM (SELECT * FROM flights WHERE TRUE AND origin = $1 AND destination = $2 AND
    departure BETWEEN $3 AND $4 AND departure_date = $5::date AND carrier = $6 AND number = $7 AND status = $8 AND
    (departure, id) > ($9, $10) ORDER BY departure, id LIMIT $11) f JOIN inventory i ON i.flight_id = f.id ORDER BY
    f.departure, f.id, i.cabin

-- name: flights_writes_new_ids
SELECT ARRAY(SELECT nextval('flight_serials') FROM generate_series(1, $1))

-- name: flights_writes_copy_flights
COPY flights (id, carrier, number, origin, destination, departure_date, departure, departure_offset, arrival,
    arrival_offset, aircraft, status, version, created_at, updated_at) FROM STDIN (FORMAT binary)

-- name: flights_writes_copy_cabins
COPY inventory (flight_id, cabin, capacity, fare_minor, currency) FROM STDIN (FORMAT binary)

-- name: flights_writes_insert_flights (bigint[], text[], integer[], text[], text[], integer[], timestamptz[], integer[], timestamptz[], integer[], text[], timestamptz)
INSERT INTO flights (id, carrier, number, origin, destination, departure_date, departure, departure_offset,
         arrival, arrival_offset, aircraft, status, version, created_at, updated_at)
    SELECT id, carrier, number, origin, destination, DATE '1970-01-01' + day, departure, departure_offset,
         arrival, arrival_offset, aircraft, 'scheduled', 1, $12, $12
    FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::integer[],
         $7::timestamptz[], $8::integer[], $9::timestamptz[], $10::integer[], $11::text[])
         AS v (id, carrier, number, origin, destination, day, departure, departure_offset, arrival,
               arrival_offset, aircraft)
    ORDER BY day, carrier COLLATE "C", number, origin COLLATE "C"
    ON CONFLICT (departure_date, carrier, number, origin) DO NOTHING
    RETURNING id

-- name: flights_writes_insert_cabins
INSERT INTO inventory (flight_id, cabin, capacity, fare_minor, currency)
    SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::bigint[], $5::text[])

-- name: flights_writes_update_cabins
UPDATE inventory SET capacity = v.capacity, fare_minor = v.fare_minor, currency = v.currency
    FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::bigint[], $5::text[])
        AS v (flight_id, cabin, capacity, fare_minor, currency)
    WHERE inventory.flight_id = v.flight_id AND inventory.cabin = v.cabin

-- name: flights_writes_update_flights
UPDATE flights SET version = version + 1, updated_at = $8, destination = v.destination,
        departure = v.departure, departure_offset = v.departure_offset, arrival = v.arrival,
        arrival_offset = v.arrival_offset, aircraft = v.aircraft
    FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::integer[], $5::timestamptz[], $6::integer[],
        $7::text[])
        AS v (id, destination, departure, departure_offset, arrival, arrival_offset, aircraft)
    WHERE flights.id = v.id

-- name: flights_writes_update_flights_2
DELETE FROM inventory USING unnest($1::bigint[], $2::smallint[]) AS v (id, cabin)
    WHERE sold = 0 AND inventory.flight_id = v.id AND inventory.cabin = v.cabin

-- name: flights_merge_begin
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off

-- name: flights_create
SELECT id FROM flights WHERE carrier = $1 AND number = $2 AND origin = $3
    AND departure_date = $4::date

-- name: flights_cancel
UPDATE flights SET status = 'cancelled', version = version + 1, updated_at = $2 WHERE id = $1

-- name: search_schedule
SELECT id, carrier, number::bigint, origin, destination, departure, departure_offset, arrival, arrival_offset,
    aircraft, version FROM flights
    WHERE id > $1 AND status = 'scheduled' AND departure > $2 ORDER BY id LIMIT $3

-- name: search_scheduled
SELECT id, carrier, number::bigint, origin, destination, departure, departure_offset, arrival, arrival_offset,
    aircraft, version FROM flights WHERE id = ANY ($1) AND status = 'scheduled'

-- name: search_versions
SELECT id, version FROM flights
    WHERE id > $1 AND status = 'scheduled' AND departure > $2 ORDER BY id LIMIT $3

-- name: search_offers
SELECT flight_id, cabin::bigint, (capacity - sold)::bigint, fare_minor, currency FROM inventory
    WHERE flight_id = ANY ($1) ORDER BY flight_id, cabin

-- name: outbox_silence
SET idle_session_timeout = '5s'

-- name: outbox_append (timestamptz, text[])
INSERT INTO outbox (payload, created_at)
    SELECT payload, $1 FROM unnest($2::text[]) WITH ORDINALITY AS e (payload, at) ORDER BY at

-- name: outbox_append_2
SELECT pg_notify($1, '')

-- name: outbox_depth
SELECT (SELECT count(*) FROM outbox WHERE position IS NULL)
    + (SELECT count(*) FROM outbox WHERE position > (SELECT relayed FROM outbox_progress))

-- name: outbox_give_positions
SELECT give_outbox_positions() WHERE EXISTS (SELECT FROM outbox WHERE position IS NULL)

-- name: outbox_present
SELECT greatest(pruned, (SELECT max(position) FROM outbox)) FROM outbox_progress

-- name: outbox_read_after
SELECT progress.pruned, greatest(progress.pruned, (SELECT max(position) FROM outbox)),
           event.position, event.payload, event.created_at
    FROM outbox_progress AS progress
    LEFT JOIN LATERAL (
        SELECT position, payload, created_at FROM outbox
        WHERE position > $1 ORDER BY position LIMIT $2
    ) AS event ON TRUE
    ORDER BY event.position

-- name: outbox_lead
SELECT pg_try_advisory_lock($1)

-- name: outbox_relay (interval, bigint)
WITH old AS (
        SELECT max(position) AS position FROM (
            SELECT position, published_at FROM outbox
            WHERE position > (SELECT pruned FROM outbox_progress) ORDER BY position LIMIT $2
        ) AS oldest
        WHERE published_at <= clock_timestamp() - $1
    ), gone AS (
        DELETE FROM outbox USING old WHERE outbox.position <= old.position RETURNING outbox.position
    ), newest AS (
        SELECT max(position) AS position FROM outbox
    ), progress AS (
        UPDATE outbox_progress SET
            relayed = greatest(relayed, newest.position), pruned = greatest(pruned, old.position)
        FROM old, newest
        WHERE relayed < newest.position OR pruned < old.position
    )
    SELECT count(*) FROM gone

-- name: auth_insert_token
INSERT INTO refresh_tokens (token_hash, family, user_id, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)

-- name: auth_end
DELETE FROM refresh_tokens WHERE family = $1

-- name: auth_end_2
INSERT INTO revoked_sessions (family, revoked_at, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: auth_end_sessions_of
WITH gone AS (DELETE FROM refresh_tokens WHERE user_id = $1 RETURNING family),
     families AS (SELECT DISTINCT family FROM gone),
     revoked AS (
         INSERT INTO revoked_sessions (family, revoked_at, expires_at)
         SELECT family, $2, $3 FROM families ON CONFLICT DO NOTHING
     )
SELECT family FROM families

-- name: auth_lock_token
SELECT id FROM users WHERE id = (SELECT user_id FROM refresh_tokens WHERE token_hash = $1) FOR NO KEY UPDATE

-- name: auth_lock_token_2
SELECT t.family, t.expires_at, t.used_at,
           u.id, u.username, u.role, u.office, u.disabled_at
    FROM refresh_tokens t JOIN users u ON u.id = t.user_id
    WHERE t.token_hash = $1

-- name: auth_account
SELECT id, username, password_hash, role, office, disabled_at, valid_from
    FROM users WHERE username = $1

-- name: auth_start_session
SELECT 1 FROM users WHERE id = $1 AND valid_from = $2 AND disabled_at IS NULL FOR NO KEY UPDATE

-- name: auth_rotate
UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1

-- name: auth_ended_since
SELECT family, expires_at FROM revoked_sessions WHERE revoked_at >= $1

-- name: auth_forget_expired
DELETE FROM refresh_tokens WHERE token_hash IN
    (SELECT token_hash FROM refresh_tokens WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED)

-- name: auth_forget_expired_2
DELETE FROM revoked_sessions WHERE family IN
    (SELECT family FROM revoked_sessions WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED)

-- name: users_find
SELECT id, username, role, office, disabled_at, created_at FROM users WHERE id = $1

-- name: users_list
SELECT id, username, role, office, disabled_at, created_at
    FROM users WHERE username > $1 ORDER BY username LIMIT $2

-- name: users_by_name
SELECT id, username, role, office, disabled_at, created_at FROM users WHERE username = $1

-- name: users_password_hash
SELECT password_hash FROM users WHERE username = $1

-- name: users_create
INSERT INTO users (id, username, password_hash, role, office, disabled_at, valid_from, created_at)
    VALUES ($1, $2, $3, $4, $5, NULL, $6, $6)

-- name: users_change
LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE

-- name: users_change_2 (text, text, text, text, boolean, timestamptz)
UPDATE users SET
       password_hash = coalesce($2, password_hash),
       role = coalesce($3, role),
       office = coalesce($4, office),
       disabled_at = CASE $5 WHEN TRUE THEN coalesce(disabled_at, $6) WHEN FALSE THEN NULL ELSE disabled_at END,
       valid_from = greatest($6, valid_from + interval '1 microsecond')
    WHERE id = $1

-- name: users_change_3
SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL

-- name: audit_append
INSERT INTO audit (at, "user", request_id, action, target, outcome)
    VALUES ($1, $2, $3, $4, $5, $6)

-- name: audit_entries
SELECT id, at, "user", request_id, action, target, outcome FROM audit
    WHERE id < $1 AND ($2::text IS NULL OR "user" = $2) AND ($3::text IS NULL OR action = $3)
    ORDER BY id DESC LIMIT $4

-- name: check_1
SELECT 'inventory ' || i.flight_id || ' cabin ' || i.cabin,
           'sold is ' || i.sold || ', but living segments hold ' || coalesce(h.seats, 0)
    FROM inventory i
    LEFT JOIN (SELECT flight_id, cabin, sum(seats) AS seats FROM segments
               WHERE status IN ('HK', 'TK', 'UN') GROUP BY flight_id, cabin) h
    ON h.flight_id = i.flight_id AND h.cabin = i.cabin
    WHERE i.sold <> coalesce(h.seats, 0)

-- name: check_2
SELECT 'inventory ' || flight_id || ' cabin ' || cabin, 'sold is ' || sold || ' of ' || capacity
    FROM inventory WHERE sold < 0 OR sold > capacity

-- name: check_3
SELECT 'booking ' || b.locator || ' segment ' || s.position,
           'flight ' || s.flight_id || ' has no cabin ' || s.cabin
    FROM segments s JOIN bookings b ON b.id = s.booking_id
    WHERE s.status <> 'XX'
      AND NOT EXISTS (SELECT 1 FROM inventory i WHERE i.flight_id = s.flight_id AND i.cabin = s.cabin)

-- name: check_4
SELECT 'booking ' || b.locator || ' segment ' || s.position,
           'takes ' || s.seats || ' seats for ' || p.people || ' people'
    FROM segments s JOIN bookings b ON b.id = s.booking_id
    JOIN (SELECT booking_id, count(CASE WHEN kind <> 'infant' THEN 1 END) AS people FROM passengers GROUP BY booking_id) p
    ON p.booking_id = s.booking_id
    WHERE s.seats <> p.people

-- name: check_5
SELECT 'seat ' || c.seat || ' of flight ' || c.flight_id, 'belongs to no living segment'
    FROM seats c
    LEFT JOIN segments s ON s.booking_id = c.booking_id AND s.position = c.segment
    LEFT JOIN passengers p ON p.booking_id = c.booking_id AND p.position = c.passenger
    WHERE s.booking_id IS NULL OR s.flight_id <> c.flight_id OR s.status NOT IN ('HK', 'TK', 'UN')
       OR p.booking_id IS NULL OR p.kind = 'infant'

-- name: check_6
SELECT 'booking ' || b.locator, 'is ' || b.status || ' with ' || count(s.booking_id) || ' living segments'
    FROM bookings b
    LEFT JOIN segments s ON s.booking_id = b.id AND s.status <> 'XX'
    GROUP BY b.id
    HAVING (b.status = 'cancelled') = (count(s.booking_id) > 0)

-- name: check_7
SELECT 'booking ' || b.locator, 'is at version ' || b.version || ', its history at ' || coalesce(max(h.version), 0)
    FROM bookings b LEFT JOIN history h ON h.booking_id = b.id
    GROUP BY b.id HAVING coalesce(max(h.version), 0) <> b.version
