//! What decisions write, table by table.

use airside_common::api::bookings::Booking;
use airside_common::booking::SegmentStatus;
use airside_common::event::{BookingEvent, Event};
use serde::Serialize;

use super::{cabin_number, unreadable};
use crate::features::bookings::decide::{Author, Change, Decision, Kind, seat_balance};
use crate::features::bookings::party;
use crate::store::rows::instant::StoredInstant;

/// A booking that was there before, as it is now. None that has changed has a time limit any more.
#[derive(Debug, Serialize)]
pub(crate) struct ChangedRow {
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) status: &'static str,
    /// What all its segments become, where they change.
    pub(crate) segments: Option<&'static str>,
}

/// A new booking, made now.
#[derive(Debug, Serialize)]
pub(crate) struct BookingRow<'a> {
    pub(crate) id: i64,
    pub(crate) locator: &'a str,
    pub(crate) office: &'a str,
    pub(crate) created_by: String,
    pub(crate) operation: &'a str,
    pub(crate) status: &'static str,
    pub(crate) version: i64,
    pub(crate) contact_email: Option<String>,
    pub(crate) contact_phone: Option<String>,
    pub(crate) total_minor: i64,
    pub(crate) currency: &'static str,
    pub(crate) time_limit: Option<StoredInstant>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PassengerRow<'a> {
    pub(crate) booking_id: i64,
    pub(crate) position: i16,
    pub(crate) given_name: &'a str,
    pub(crate) surname: &'a str,
    pub(crate) surname_key: String,
    pub(crate) title: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) date_of_birth: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SegmentRow {
    pub(crate) booking_id: i64,
    pub(crate) position: i16,
    pub(crate) flight_id: i64,
    pub(crate) cabin: i16,
    pub(crate) status: &'static str,
    pub(crate) seats: i16,
}

#[derive(Debug, Serialize)]
pub(crate) struct SeatRow {
    pub(crate) flight_id: i64,
    pub(crate) seat: String,
    pub(crate) booking_id: i64,
    pub(crate) segment: i16,
    pub(crate) passenger: i16,
}

/// What happened to a booking now.
#[derive(Debug, Serialize)]
pub(crate) struct HistoryRow {
    pub(crate) booking_id: i64,
    pub(crate) version: i64,
    /// Absent where nobody asked for it.
    pub(crate) user_id: Option<String>,
    pub(crate) action: &'static str,
    pub(crate) detail: String,
}

/// What is added to `sold` of a cabin.
#[derive(Debug, Serialize)]
pub(crate) struct BalanceRow {
    pub(crate) flight_id: i64,
    pub(crate) cabin: i16,
    pub(crate) seats: i64,
}

/// What a batch of changes writes, table by table. What is given back is to be written first: a seat may go from one booking
/// to the next within a batch.
#[derive(Debug, Default)]
pub(crate) struct Written<'a> {
    pub(crate) changed: Vec<ChangedRow>,
    /// In the order of locators: where two processes have drawn the same ones, neither waits for the other's second.
    pub(crate) bookings: Vec<BookingRow<'a>>,
    pub(crate) passengers: Vec<PassengerRow<'a>>,
    pub(crate) segments: Vec<SegmentRow>,
    pub(crate) seats: Vec<SeatRow>,
    pub(crate) history: Vec<HistoryRow>,
    pub(crate) balance: Vec<BalanceRow>,
    /// An event for each booking, and one that names all flights whose seats moved.
    pub(crate) events: Vec<Event>,
}

impl<'a> Written<'a> {
    /// What changes write. New bookings get the numbers of `ids`, in order.
    pub(crate) fn of(
        changes: &[&'a Change],
        ids: impl IntoIterator<Item = i64>,
    ) -> Result<Self, sqlx::Error> {
        let mut rows = Self::default();
        let mut ids = ids.into_iter();
        for change in changes {
            let id = match &change.kind {
                Kind::Create => {
                    let id = ids
                        .next()
                        .ok_or_else(|| unreadable("fewer numbers than bookings"))?;
                    rows.create(id, change)?;
                    id
                }
                Kind::Confirm { id } => rows.change(*id, &change.booking, None),
                Kind::Clear { id } => {
                    rows.change(*id, &change.booking, Some(SegmentStatus::Hk.code()))
                }
                Kind::Cancel { id, .. } | Kind::Expire { id, .. } => {
                    rows.change(*id, &change.booking, Some(SegmentStatus::Xx.code()))
                }
            };
            rows.history.push(HistoryRow {
                booking_id: id,
                version: change.booking.version.cast_signed(),
                user_id: match &change.by {
                    Author::User { id, .. } => Some(id.to_string()),
                    Author::System => None,
                },
                action: event(change).kind(),
                detail: change.detail(),
            });
        }
        rows.bookings.sort_unstable_by_key(|row| row.locator);
        rows.balance = seat_balance(changes)
            .into_iter()
            .map(|((flight, cabin), seats)| BalanceRow {
                flight_id: flight.raw(),
                cabin: cabin_number(cabin),
                seats,
            })
            .collect();
        rows.events = events(changes);
        Ok(rows)
    }

    /// What a booking has become: once, also where a batch changes it more than once.
    fn change(&mut self, id: i64, booking: &Booking, segments: Option<&'static str>) -> i64 {
        let (version, status) = (booking.version.cast_signed(), booking.status.word());
        match self.changed.iter_mut().find(|row| row.id == id) {
            Some(row) => {
                row.version = version;
                row.status = status;
                row.segments = segments.or(row.segments);
            }
            None => self.changed.push(ChangedRow {
                id,
                version,
                status,
                segments,
            }),
        }
        id
    }

    fn create(&mut self, id: i64, change: &'a Change) -> Result<(), sqlx::Error> {
        let booking = &change.booking;
        let Author::User {
            id: user,
            operation,
        } = &change.by
        else {
            return Err(unreadable("a booking that nobody makes"));
        };
        self.bookings.push(BookingRow {
            id,
            locator: booking.locator.as_str(),
            office: booking.office.as_str(),
            created_by: user.to_string(),
            operation: operation.as_str(),
            status: booking.status.word(),
            version: booking.version.cast_signed(),
            contact_email: booking.contact.email.as_ref().map(ToString::to_string),
            contact_phone: booking.contact.phone.as_ref().map(ToString::to_string),
            total_minor: booking.total.minor(),
            currency: booking.total.currency().code(),
            time_limit: booking.time_limit.map(|limit| limit.0.into()),
        });
        for (position, passenger) in (1..).zip(&booking.passengers) {
            self.passengers.push(PassengerRow {
                booking_id: id,
                position,
                given_name: passenger.given_name.as_str(),
                surname: passenger.surname.as_str(),
                surname_key: passenger.surname.as_str().to_lowercase(),
                title: passenger.title.as_ref().map(ToString::to_string),
                kind: passenger.kind.word(),
                date_of_birth: passenger.date_of_birth.map(|date| date.to_string()),
            });
        }
        let taken = i16::from(party::seats_needed(&booking.passengers));
        for (position, segment) in (1_u8..).zip(&booking.segments) {
            let flight_id = segment.flight_id.raw();
            self.segments.push(SegmentRow {
                booking_id: id,
                position: position.into(),
                flight_id,
                cabin: cabin_number(segment.cabin),
                status: segment.status.code(),
                seats: taken,
            });
            for choice in booking.seats.iter().filter(|c| c.segment == position) {
                self.seats.push(SeatRow {
                    flight_id,
                    seat: choice.seat.to_string(),
                    booking_id: id,
                    segment: position.into(),
                    passenger: choice.passenger.into(),
                });
            }
        }
        Ok(())
    }
}

fn event(change: &Change) -> Event {
    let booking = &change.booking;
    let event = BookingEvent {
        locator: booking.locator,
        version: booking.version,
        office: booking.office.clone(),
        operation: match &change.by {
            Author::User { operation, .. } => Some(operation.clone()),
            Author::System => None,
        },
        sent_by: match &change.by {
            Author::User { id, .. } => Some(*id),
            Author::System => None,
        },
    };
    match change.kind {
        Kind::Create => Event::BookingCreated(event),
        Kind::Confirm { .. } => Event::BookingConfirmed(event),
        Kind::Clear { .. } => Event::WaitlistCleared(event),
        Kind::Cancel { .. } => Event::BookingCancelled(event),
        Kind::Expire { .. } => Event::BookingExpired(event),
    }
}

fn events(changes: &[&Change]) -> Vec<Event> {
    let mut events: Vec<Event> = changes.iter().map(|change| event(change)).collect();
    let moved = changes.iter().flat_map(|change| change.seats());
    let mut flights: Vec<_> = moved.map(|((flight, _), _)| flight).collect();
    if !flights.is_empty() {
        flights.sort_unstable();
        flights.dedup();
        events.push(Event::InventoryChanged { flights });
    }
    events
}

/// What is to be written of what was decided, in order.
pub(crate) fn changes(decisions: &[Decision]) -> Vec<&Change> {
    decisions
        .iter()
        .flat_map(|decision| &decision.changes)
        .collect()
}
