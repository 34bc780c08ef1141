//! What decisions write: a fixed number of statements, however many commands there are.

use airside_common::event::{BookingEvent, Event};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::sqlite::SqliteTransaction;

use super::unreadable;
use crate::features::bookings::command::Command;
use crate::features::bookings::decide::{Change, seat_balance};
use crate::features::bookings::party;
use crate::store::sqlite::idempotency::json;
use crate::store::sqlite::{micros, outbox};

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
    let mut next = last_id;
    let numbered: Vec<(i64, &Command, &Change)> = changes
        .iter()
        .map(|(command, change)| match change {
            Change::Create(_) => {
                next += 1;
                (next, *command, *change)
            }
            Change::Cancel { id, .. } => (*id, *command, *change),
        })
        .collect();
    // What is given back comes first: a seat may go from one booking to the next within a batch.
    cancel(tx, now, &numbered).await?;
    create(tx, now, &numbered).await?;
    history(tx, now, &numbered).await?;
    let balance: Vec<(i64, usize, i64)> = seat_balance(
        &changes
            .iter()
            .map(|(_, change)| *change)
            .collect::<Vec<_>>(),
    )
    .into_iter()
    .map(|((flight, cabin), seats)| (flight.raw(), cabin.index(), seats))
    .collect();
    let counted = rows(
        tx,
        "UPDATE inventory SET sold = sold + j.seats
         FROM (SELECT value ->> 0 AS flight_id, value ->> 1 AS cabin, value ->> 2 AS seats FROM json_each(?1)) j
         WHERE inventory.flight_id = j.flight_id AND inventory.cabin = j.cabin",
        &balance,
    )
    .await?;
    if counted != balance.len() as u64 {
        return Err(unreadable("inventory lacks a cabin that bookings hold"));
    }
    outbox::append(tx, now, &events(changes)).await
}

async fn cancel(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    numbered: &[(i64, &Command, &Change)],
) -> Result<(), sqlx::Error> {
    let gone: Vec<(i64, u64)> = numbered
        .iter()
        .filter_map(|(id, _, change)| match change {
            Change::Cancel { booking, .. } => Some((*id, booking.version)),
            Change::Create(_) => None,
        })
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE bookings SET status = 'cancelled', version = j.version, updated_at = ?2, time_limit = NULL
         FROM (SELECT value ->> 0 AS id, value ->> 1 AS version FROM json_each(?1)) j
         WHERE bookings.id = j.id",
    )
    .bind(json(&gone)?)
    .bind(micros(now))
    .execute(&mut **tx)
    .await?;
    rows(
        tx,
        "UPDATE segments SET status = 'XX' WHERE booking_id IN (SELECT value ->> 0 FROM json_each(?1))",
        &gone,
    )
    .await?;
    rows(
        tx,
        "DELETE FROM seats WHERE booking_id IN (SELECT value ->> 0 FROM json_each(?1))",
        &gone,
    )
    .await?;
    Ok(())
}

async fn create(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    numbered: &[(i64, &Command, &Change)],
) -> Result<(), sqlx::Error> {
    let mut bookings = Vec::new();
    let mut passengers = Vec::new();
    let mut segments = Vec::new();
    let mut seats = Vec::new();
    for (id, command, change) in numbered {
        let Change::Create(booking) = change else {
            continue;
        };
        bookings.push((
            id,
            booking.locator,
            &booking.office,
            command.caller.user_id,
            &command.key,
            booking.status.word(),
            booking.version,
            &booking.contact.email,
            &booking.contact.phone,
            booking.total.minor(),
            booking.total.currency().code(),
            booking.time_limit.map(|limit| micros(limit.0)),
            micros(now),
        ));
        for (position, passenger) in (1_u8..).zip(&booking.passengers) {
            passengers.push((
                id,
                position,
                &passenger.given_name,
                &passenger.surname,
                passenger.surname.as_str().to_lowercase(),
                &passenger.title,
                passenger.kind.word(),
                passenger.date_of_birth,
            ));
        }
        let taken = party::seats_needed(&booking.passengers);
        for (position, segment) in (1_u8..).zip(&booking.segments) {
            segments.push((
                id,
                position,
                segment.flight_id.raw(),
                segment.cabin.index(),
                segment.status.code(),
                taken,
            ));
            for choice in booking.seats.iter().filter(|c| c.segment == position) {
                seats.push((
                    segment.flight_id.raw(),
                    choice.seat,
                    id,
                    position,
                    choice.passenger,
                ));
            }
        }
    }
    rows(
        tx,
        "INSERT INTO bookings (id, locator, office, created_by, operation, status, version, contact_email,
                               contact_phone, total_minor, currency, time_limit, created_at, updated_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 12
         FROM json_each(?1)",
        &bookings,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO passengers (booking_id, position, given_name, surname, surname_key, title, kind, date_of_birth)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
         FROM json_each(?1)",
        &passengers,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO segments (booking_id, position, flight_id, cabin, status, seats)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1)",
        &segments,
    )
    .await?;
    rows(
        tx,
        "INSERT INTO seats (flight_id, seat, booking_id, segment, passenger)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)",
        &seats,
    )
    .await?;
    Ok(())
}

async fn history(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    numbered: &[(i64, &Command, &Change)],
) -> Result<(), sqlx::Error> {
    let entries: Vec<_> = numbered
        .iter()
        .map(|(id, command, change)| {
            (
                id,
                change.booking().version,
                micros(now),
                command.caller.user_id,
                event(command, change).kind(),
                change.detail(),
            )
        })
        .collect();
    rows(
        tx,
        "INSERT INTO history (booking_id, version, at, user_id, action, detail)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1)",
        &entries,
    )
    .await?;
    Ok(())
}

/// One statement for all rows, none where there are none; answers how many were written.
async fn rows(
    tx: &mut SqliteTransaction<'_>,
    statement: &'static str,
    values: &[impl Serialize],
) -> Result<u64, sqlx::Error> {
    if values.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(statement)
        .bind(json(&values)?)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}

fn event(command: &Command, change: &Change) -> Event {
    let booking = change.booking();
    let event = BookingEvent {
        locator: booking.locator,
        version: booking.version,
        office: booking.office.clone(),
        operation: Some(command.key.clone()),
    };
    match change {
        Change::Create(_) => Event::BookingCreated(event),
        Change::Cancel { .. } => Event::BookingCancelled(event),
    }
}

/// An event for each booking, and one that names all flights whose seats moved.
fn events(changes: &[(&Command, &Change)]) -> Vec<Event> {
    let mut events: Vec<Event> = changes
        .iter()
        .map(|(command, change)| event(command, change))
        .collect();
    let mut flights: Vec<_> = changes
        .iter()
        .flat_map(|(_, change)| change.booking().segments.iter().map(|s| s.flight_id))
        .collect();
    flights.sort_unstable();
    flights.dedup();
    events.push(Event::InventoryChanged { flights });
    events
}
