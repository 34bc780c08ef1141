//! What decisions write: two statements, however many commands there are, since each costs a round trip under the locks of
//! the batch.

use jiff::Timestamp;
use sqlx::PgTransaction;

use crate::store::postgres::calls::CHANNEL;
use crate::store::postgres::idempotency::Answers;
use crate::store::postgres::outbox;
use crate::store::rows::bookings::unreadable;
use crate::store::rows::bookings::written::Written;
use crate::store::rows::instant::StoredInstant;

/// Gives back what cancelled bookings hold. It comes first: a seat may go from one booking to the next within a batch.
const CANCEL: &str = "
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
    DELETE FROM seats WHERE booking_id IN (SELECT id FROM gone)";

/// Writes all the rest, and calls those who follow the outbox where it has something new. Answers the cabins whose balance
/// was counted, and the keys that got their answers.
///
/// Bookings come in the order of locators: where two processes have drawn the same ones, neither waits for the other's
/// second.
const WRITE: &str = "
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
           CASE WHEN cardinality($8::text[]) > 0 THEN pg_notify($15, '')::text END";

/// Writes what was decided, and what becomes of the keys.
pub(super) async fn write(
    tx: &mut PgTransaction<'_>,
    now: Timestamp,
    written: &Written,
    answers: Answers<'_>,
) -> Result<(), sqlx::Error> {
    if written.gone.count > 0 {
        sqlx::query(CANCEL)
            .bind(&written.gone.json)
            .execute(&mut **tx)
            .await?;
    }
    let kept = answers.kept();
    let (counted, answered, _): (i64, i64, Option<String>) = sqlx::query_as(WRITE)
        .bind(&written.bookings.json)
        .bind(&written.passengers.json)
        .bind(&written.segments.json)
        .bind(&written.seats.json)
        .bind(&written.history.json)
        .bind(&written.balance.json)
        .bind(StoredInstant::from(now))
        .bind(outbox::payloads(&written.events)?)
        .bind(answers.users)
        .bind(answers.keys)
        .bind(answers.statuses)
        .bind(answers.bodies)
        .bind(answers.locators)
        .bind(answers.versions)
        .bind(CHANNEL)
        .fetch_one(&mut **tx)
        .await?;
    if counted.cast_unsigned() != written.balance.count {
        return Err(unreadable("inventory lacks a cabin that bookings hold"));
    }
    if usize::try_from(answered).ok() != Some(kept) {
        return Err(unreadable("an idempotency key that was claimed is gone"));
    }
    Ok(())
}
