//! What decisions write, table by table.

use airside_common::event::{BookingEvent, Event};
use jiff::Timestamp;
use serde::Serialize;

use super::{json, unreadable};
use crate::features::bookings::command::Command;
use crate::features::bookings::decide::{Change, Decision, seat_balance};
use crate::features::bookings::party;

/// The rows of one table as a JSON array of arrays.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The array.
    pub(crate) json: String,
    /// How many there are.
    pub(crate) count: u64,
}

impl Rows {
    fn of(rows: &[impl Serialize]) -> Result<Self, sqlx::Error> {
        Ok(Self {
            json: json(&rows)?,
            count: rows.len() as u64,
        })
    }
}

/// What a batch of changes writes; instants are in microseconds. What is given back is to be written first: a seat may go
/// from one booking to the next within a batch.
#[derive(Debug)]
pub(crate) struct Written {
    /// Bookings that have ended: id, version, `updated_at`.
    pub(crate) gone: Rows,
    /// New bookings: id, locator, office, `created_by`, operation, status, version, `contact_email`,
    /// `contact_phone`, `total_minor`, currency, `time_limit`, `created_at` (and `updated_at`).
    pub(crate) bookings: Rows,
    /// `booking_id`, position, `given_name`, surname, `surname_key`, title, kind, `date_of_birth`.
    pub(crate) passengers: Rows,
    /// `booking_id`, position, `flight_id`, cabin, status, seats.
    pub(crate) segments: Rows,
    /// `flight_id`, seat, `booking_id`, segment, passenger.
    pub(crate) seats: Rows,
    /// `booking_id`, version, at, `user_id`, action, detail.
    pub(crate) history: Rows,
    /// What is added to `sold`: `flight_id`, cabin, seats.
    pub(crate) balance: Rows,
    /// An event for each booking, and one that names all flights whose seats moved.
    pub(crate) events: Vec<Event>,
}

impl Written {
    /// What changes write. New bookings get the numbers of `ids`, in order.
    pub(crate) fn of(
        changes: &[(&Command, &Change)],
        ids: impl IntoIterator<Item = i64>,
        now: Timestamp,
    ) -> Result<Self, sqlx::Error> {
        let now = now.as_microsecond();
        let mut ids = ids.into_iter();
        let (mut gone, mut bookings, mut passengers) = (Vec::new(), Vec::new(), Vec::new());
        let (mut segments, mut seats, mut history) = (Vec::new(), Vec::new(), Vec::new());
        for (command, change) in changes {
            let booking = change.booking();
            let id = match change {
                Change::Create(_) => ids
                    .next()
                    .ok_or_else(|| unreadable("fewer numbers than bookings"))?,
                Change::Cancel { id, .. } => *id,
            };
            history.push((
                id,
                booking.version,
                now,
                command.caller.user_id,
                event(command, change).kind(),
                change.detail(),
            ));
            if matches!(change, Change::Cancel { .. }) {
                gone.push((id, booking.version, now));
                continue;
            }
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
                booking.time_limit.map(|limit| limit.0.as_microsecond()),
                now,
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
        let balance: Vec<(i64, usize, i64)> = seat_balance(
            &changes
                .iter()
                .map(|(_, change)| *change)
                .collect::<Vec<_>>(),
        )
        .into_iter()
        .map(|((flight, cabin), seats)| (flight.raw(), cabin.index(), seats))
        .collect();
        Ok(Self {
            gone: Rows::of(&gone)?,
            bookings: Rows::of(&bookings)?,
            passengers: Rows::of(&passengers)?,
            segments: Rows::of(&segments)?,
            seats: Rows::of(&seats)?,
            history: Rows::of(&history)?,
            balance: Rows::of(&balance)?,
            events: events(changes),
        })
    }
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

fn events(changes: &[(&Command, &Change)]) -> Vec<Event> {
    if changes.is_empty() {
        return Vec::new();
    }
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

/// What is to be written of what was decided, each change with its command.
pub(crate) fn changes<'a>(
    commands: &'a [Command],
    decisions: &'a [Decision],
) -> Vec<(&'a Command, &'a Change)> {
    commands
        .iter()
        .zip(decisions)
        .filter_map(|(command, decision)| Some((command, decision.change.as_ref()?)))
        .collect()
}
