//! What decisions write: a fixed number of statements, however many commands there are.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::sqlite::SqliteTransaction;

use crate::features::bookings::decide::Change;
use crate::store::rows::bookings::written::{ChangedRow, NoticeRow, Written};
use crate::store::rows::bookings::{json, unreadable};
use crate::store::sqlite::{micros, outbox};

/// Writes the changes. Bookings get the numbers after `last_id`.
pub(super) async fn write(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    last_id: i64,
    changes: &[&Change],
) -> Result<(), sqlx::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let written = Written::of(changes, last_id + 1..)?;
    change(tx, now, &written.changed).await?;
    notice(tx, now, &written.noticed).await?;
    create(tx, now, &written).await?;
    rows(
        tx,
        "UPDATE bookings SET warned_at = ?2 WHERE id IN (SELECT value FROM json_each(?1))",
        &written.warned,
        now,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO history (booking_id, version, at, user_id, action, detail)
         SELECT value ->> 'booking_id', value ->> 'version', ?2, value ->> 'user_id', value ->> 'action',
                value ->> 'detail'
         FROM json_each(?1)",
        &written.history,
        now,
    )
    .await?;
    let counted = rows(
        tx,
        "UPDATE inventory SET sold = sold + j.seats
         FROM (SELECT value ->> 'flight_id' AS flight_id, value ->> 'cabin' AS cabin, value ->> 'seats' AS seats
               FROM json_each(?1)) j
         WHERE inventory.flight_id = j.flight_id AND inventory.cabin = j.cabin",
        &written.balance,
        now,
    )
    .await?;
    if counted != written.balance.len() as u64 {
        return Err(unreadable("inventory lacks a cabin that bookings hold"));
    }
    outbox::append(tx, now, &written.events).await
}

async fn change(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    changed: &[ChangedRow],
) -> Result<(), sqlx::Error> {
    for statement in [
        "UPDATE bookings SET status = j.becomes, version = j.version, updated_at = ?2, time_limit = j.until,
                             total_minor = j.total_minor, currency = j.money
         FROM (SELECT value ->> 'id' AS id, value ->> 'version' AS version, value ->> 'status' AS becomes,
                      value ->> 'time_limit' AS until, value ->> 'total_minor' AS total_minor, value ->> 'currency' AS money
               FROM json_each(?1)) j
         WHERE bookings.id = j.id",
        "UPDATE segments SET status = 'XX', ended_at = coalesce(ended_at, ?2)
         WHERE booking_id IN (SELECT value ->> 'id' FROM json_each(?1) WHERE value ->> 'segments' = 'ended')
           AND status <> 'XX'",
        "DELETE FROM segments
         WHERE booking_id IN (SELECT value ->> 'id' FROM json_each(?1) WHERE value ->> 'segments' = 'anew')",
        "DELETE FROM seats
         WHERE booking_id IN (SELECT value ->> 'id' FROM json_each(?1) WHERE value ->> 'segments' IS NOT NULL)",
    ] {
        rows(tx, statement, changed, now).await?;
    }
    Ok(())
}

/// It comes before segments are written anew: those have other positions, and know the versions of their flights.
async fn notice(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    noticed: &[NoticeRow],
) -> Result<(), sqlx::Error> {
    rows(
        tx,
        "UPDATE segments SET flight_version = j.known
         FROM (SELECT value ->> 'booking_id' AS booking_id, value ->> 'position' AS position,
                      value ->> 'flight_version' AS known
               FROM json_each(?1)) j
         WHERE segments.booking_id = j.booking_id AND segments.position = j.position",
        noticed,
        now,
    )
    .await?;
    Ok(())
}

async fn create(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    written: &Written<'_>,
) -> Result<(), sqlx::Error> {
    rows(
        tx,
        "INSERT INTO bookings (id, locator, office, created_by, operation, status, version, contact_email,
                               contact_phone, total_minor, currency, time_limit, created_at, updated_at)
         SELECT value ->> 'id', value ->> 'locator', value ->> 'office', value ->> 'created_by',
                value ->> 'operation', value ->> 'status', value ->> 'version', value ->> 'contact_email',
                value ->> 'contact_phone', value ->> 'total_minor', value ->> 'currency', value ->> 'time_limit', ?2, ?2
         FROM json_each(?1)",
        &written.bookings,
        now,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO passengers (booking_id, position, given_name, surname, surname_key, title, kind, date_of_birth)
         SELECT value ->> 'booking_id', value ->> 'position', value ->> 'given_name', value ->> 'surname',
                value ->> 'surname_key', value ->> 'title', value ->> 'kind', value ->> 'date_of_birth'
         FROM json_each(?1)",
        &written.passengers,
        now,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO segments (booking_id, position, flight_id, cabin, status, seats, flight_version, fare_minor, booked_at,
                               ended_at, previous_departure, previous_departure_offset, previous_arrival,
                               previous_arrival_offset)
         SELECT value ->> 'booking_id', value ->> 'position', value ->> 'flight_id', value ->> 'cabin',
                value ->> 'status', value ->> 'seats', value ->> 'flight_version', value ->> 'fare_minor',
                value ->> 'booked_at', value ->> 'ended_at', value ->> 'previous_departure',
                value ->> 'previous_departure_offset', value ->> 'previous_arrival', value ->> 'previous_arrival_offset'
         FROM json_each(?1)",
        &written.segments,
        now,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO seats (flight_id, seat, booking_id, segment, passenger)
         SELECT value ->> 'flight_id', value ->> 'seat', value ->> 'booking_id', value ->> 'segment',
                value ->> 'passenger'
         FROM json_each(?1)",
        &written.seats,
        now,
    )
    .await?;
    Ok(())
}

/// One statement for all rows (`?1`, at the time `?2`), none where there are none; answers how many were written.
async fn rows(
    tx: &mut SqliteTransaction<'_>,
    statement: &'static str,
    rows: &[impl Serialize],
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(statement)
        .bind(json(&rows)?)
        .bind(micros(now))
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}
