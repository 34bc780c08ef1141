//! What decisions write: a fixed number of statements, however many commands there are.

use jiff::Timestamp;
use sqlx::PgTransaction;

use crate::store::postgres::outbox;
use crate::store::rows::bookings::unreadable;
use crate::store::rows::bookings::written::{Rows, Written};

/// Writes what was decided.
pub(super) async fn write(
    tx: &mut PgTransaction<'_>,
    now: Timestamp,
    written: &Written,
) -> Result<(), sqlx::Error> {
    cancel(tx, &written.gone).await?;
    create(tx, written).await?;
    rows(
        tx,
        "INSERT INTO history (booking_id, version, at, user_id, action, detail)
         SELECT (r ->> 0)::bigint, (r ->> 1)::bigint, instant((r ->> 2)::bigint), r ->> 3, r ->> 4, r ->> 5
         FROM jsonb_array_elements($1::jsonb) AS r",
        &written.history,
    )
    .await?;
    let counted = rows(
        tx,
        "UPDATE inventory SET sold = sold + b.seats
         FROM (SELECT (r ->> 0)::bigint AS flight_id, (r ->> 1)::smallint AS cabin, (r ->> 2)::integer AS seats
               FROM jsonb_array_elements($1::jsonb) AS r) AS b
         WHERE inventory.flight_id = b.flight_id AND inventory.cabin = b.cabin",
        &written.balance,
    )
    .await?;
    if counted != written.balance.count {
        return Err(unreadable("inventory lacks a cabin that bookings hold"));
    }
    outbox::append(tx, now, &written.events).await
}

async fn cancel(tx: &mut PgTransaction<'_>, gone: &Rows) -> Result<(), sqlx::Error> {
    rows(
        tx,
        "UPDATE bookings
         SET status = 'cancelled', version = g.version, updated_at = g.at, time_limit = NULL
         FROM (SELECT (r ->> 0)::bigint AS id, (r ->> 1)::bigint AS version, instant((r ->> 2)::bigint) AS at
               FROM jsonb_array_elements($1::jsonb) AS r) AS g
         WHERE bookings.id = g.id",
        gone,
    )
    .await?;
    rows(
        tx,
        "UPDATE segments SET status = 'XX'
         WHERE booking_id IN (SELECT (r ->> 0)::bigint FROM jsonb_array_elements($1::jsonb) AS r)",
        gone,
    )
    .await?;
    rows(
        tx,
        "DELETE FROM seats
         WHERE booking_id IN (SELECT (r ->> 0)::bigint FROM jsonb_array_elements($1::jsonb) AS r)",
        gone,
    )
    .await?;
    Ok(())
}

async fn create(tx: &mut PgTransaction<'_>, written: &Written) -> Result<(), sqlx::Error> {
    // In the order of locators: where two processes have drawn the same ones, neither waits for the other's second.
    rows(
        tx,
        "INSERT INTO bookings (id, locator, office, created_by, operation, status, version, contact_email,
                               contact_phone, total_minor, currency, time_limit, created_at, updated_at)
         SELECT (r ->> 0)::bigint, r ->> 1, r ->> 2, r ->> 3, r ->> 4, r ->> 5, (r ->> 6)::bigint, r ->> 7, r ->> 8,
                (r ->> 9)::bigint, r ->> 10, instant((r ->> 11)::bigint), instant((r ->> 12)::bigint),
                instant((r ->> 12)::bigint)
         FROM jsonb_array_elements($1::jsonb) AS r
         ORDER BY r ->> 1",
        &written.bookings,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO passengers (booking_id, position, given_name, surname, surname_key, title, kind, date_of_birth)
         SELECT (r ->> 0)::bigint, (r ->> 1)::smallint, r ->> 2, r ->> 3, r ->> 4, r ->> 5, r ->> 6, (r ->> 7)::date
         FROM jsonb_array_elements($1::jsonb) AS r",
        &written.passengers,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO segments (booking_id, position, flight_id, cabin, status, seats)
         SELECT (r ->> 0)::bigint, (r ->> 1)::smallint, (r ->> 2)::bigint, (r ->> 3)::smallint, r ->> 4,
                (r ->> 5)::smallint
         FROM jsonb_array_elements($1::jsonb) AS r",
        &written.segments,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO seats (flight_id, seat, booking_id, segment, passenger)
         SELECT (r ->> 0)::bigint, r ->> 1, (r ->> 2)::bigint, (r ->> 3)::smallint, (r ->> 4)::smallint
         FROM jsonb_array_elements($1::jsonb) AS r",
        &written.seats,
    )
    .await?;
    Ok(())
}

/// One statement for all rows, none where there are none; answers how many were written.
async fn rows(
    tx: &mut PgTransaction<'_>,
    statement: &'static str,
    rows: &Rows,
) -> Result<u64, sqlx::Error> {
    if rows.count == 0 {
        return Ok(0);
    }
    let done = sqlx::query(statement)
        .bind(&rows.json)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}
