//! What decisions write: a fixed number of statements, however many commands there are.

use jiff::Timestamp;
use sqlx::sqlite::SqliteTransaction;

use crate::features::bookings::command::Command;
use crate::features::bookings::decide::Change;
use crate::store::rows::bookings::unreadable;
use crate::store::rows::bookings::written::{Rows, Written};
use crate::store::sqlite::outbox;

/// Writes the changes. Bookings get the numbers after `last_id`.
pub(super) async fn write(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    last_id: i64,
    changes: &[(&Command, &Change)],
) -> Result<(), sqlx::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let written = Written::of(changes, last_id + 1.., now)?;
    cancel(tx, &written.gone).await?;
    create(tx, &written).await?;
    rows(
        tx,
        "INSERT INTO history (booking_id, version, at, user_id, action, detail)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1)",
        &written.history,
    )
    .await?;
    let counted = rows(
        tx,
        "UPDATE inventory SET sold = sold + j.seats
         FROM (SELECT value ->> 0 AS flight_id, value ->> 1 AS cabin, value ->> 2 AS seats FROM json_each(?1)) j
         WHERE inventory.flight_id = j.flight_id AND inventory.cabin = j.cabin",
        &written.balance,
    )
    .await?;
    if counted != written.balance.count {
        return Err(unreadable("inventory lacks a cabin that bookings hold"));
    }
    outbox::append(tx, now, &written.events).await
}

async fn cancel(tx: &mut SqliteTransaction<'_>, gone: &Rows) -> Result<(), sqlx::Error> {
    rows(
        tx,
        "UPDATE bookings SET status = 'cancelled', version = j.version, updated_at = j.at, time_limit = NULL
         FROM (SELECT value ->> 0 AS id, value ->> 1 AS version, value ->> 2 AS at FROM json_each(?1)) j
         WHERE bookings.id = j.id",
        gone,
    )
    .await?;
    rows(
        tx,
        "UPDATE segments SET status = 'XX' WHERE booking_id IN (SELECT value ->> 0 FROM json_each(?1))",
        gone,
    )
    .await?;
    rows(
        tx,
        "DELETE FROM seats WHERE booking_id IN (SELECT value ->> 0 FROM json_each(?1))",
        gone,
    )
    .await?;
    Ok(())
}

async fn create(tx: &mut SqliteTransaction<'_>, written: &Written) -> Result<(), sqlx::Error> {
    rows(
        tx,
        "INSERT INTO bookings (id, locator, office, created_by, operation, status, version, contact_email,
                               contact_phone, total_minor, currency, time_limit, created_at, updated_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 12
         FROM json_each(?1)",
        &written.bookings,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO passengers (booking_id, position, given_name, surname, surname_key, title, kind, date_of_birth)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
         FROM json_each(?1)",
        &written.passengers,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO segments (booking_id, position, flight_id, cabin, status, seats)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1)",
        &written.segments,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO seats (flight_id, seat, booking_id, segment, passenger)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)",
        &written.seats,
    )
    .await?;
    Ok(())
}

/// One statement for all rows, none where there are none; answers how many were written.
async fn rows(
    tx: &mut SqliteTransaction<'_>,
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
