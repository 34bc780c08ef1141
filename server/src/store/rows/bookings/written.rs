//! What decisions write, table by table.

use airside_common::event::{BookingEvent, Event};
use airside_common::time::OffsetTime;
use serde::Serialize;

use super::{cabin_number, unreadable};
use crate::features::bookings::decide::{Author, Change, Decision, Kind, seat_balance};
use crate::features::bookings::party;
use crate::store::rows::instant::StoredInstant;

/// A booking that was there before, as it is now.
#[derive(Debug, Serialize)]
pub(crate) struct ChangedRow {
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) status: &'static str,
    pub(crate) time_limit: Option<StoredInstant>,
    pub(crate) total_minor: i64,
    pub(crate) currency: &'static str,
    /// What becomes of its segments: [`ENDED`], [`ANEW`], or nothing.
    pub(crate) segments: Option<&'static str>,
}

/// All living segments of the booking end, and its chosen seats with them.
const ENDED: &str = "ended";

/// Its segments and chosen seats are deleted, and written as they are now.
const ANEW: &str = "anew";

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
    pub(crate) flight_version: Option<i64>,
    pub(crate) fare_minor: Option<i64>,
    pub(crate) booked_at: Option<StoredInstant>,
    pub(crate) ended_at: Option<StoredInstant>,
    pub(crate) previous_departure: Option<StoredInstant>,
    pub(crate) previous_departure_offset: Option<i32>,
    pub(crate) previous_arrival: Option<StoredInstant>,
    pub(crate) previous_arrival_offset: Option<i32>,
}

/// The version of its flight that a segment knows from now on.
#[derive(Debug, Serialize)]
pub(crate) struct NoticeRow {
    pub(crate) booking_id: i64,
    pub(crate) position: i16,
    pub(crate) flight_version: Option<i64>,
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
    pub(crate) noticed: Vec<NoticeRow>,
    /// Numbers of bookings whose time limit is near, as was said now.
    pub(crate) warned: Vec<i64>,
    /// In the order of locators: where two processes have drawn the same ones, neither waits for the other's second.
    pub(crate) bookings: Vec<BookingRow<'a>>,
    pub(crate) passengers: Vec<PassengerRow<'a>>,
    pub(crate) segments: Vec<SegmentRow>,
    pub(crate) seats: Vec<SeatRow>,
    pub(crate) history: Vec<HistoryRow>,
    pub(crate) balance: Vec<BalanceRow>,
    /// An event for each booking of which there is something to tell, and one that names all flights whose seats moved.
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
        let mut becoming: Vec<Becoming<'_>> = Vec::new();
        for change in changes {
            let id = match &change.kind {
                Kind::Create => {
                    let id = ids
                        .next()
                        .ok_or_else(|| unreadable("fewer numbers than bookings"))?;
                    rows.create(id, change)?;
                    id
                }
                Kind::Confirm { id } => become_now(&mut becoming, *id, change, Segments::Stay),
                Kind::Clear { id } | Kind::Reschedule { id, .. } | Kind::Rebook { id, .. } => {
                    become_now(&mut becoming, *id, change, Segments::Anew)
                }
                Kind::Cancel { id, .. } | Kind::Expire { id, .. } => {
                    become_now(&mut becoming, *id, change, Segments::End)
                }
                Kind::Notice { id } => {
                    rows.notice(*id, change);
                    continue;
                }
                Kind::Warn { id } => {
                    rows.warned.push(*id);
                    continue;
                }
            };
            rows.history.push(HistoryRow {
                booking_id: id,
                version: change.booking.version.cast_signed(),
                user_id: match &change.by {
                    Author::User { id, .. } => Some(id.to_string()),
                    Author::System => None,
                },
                action: event(change).map_or("", |event| event.kind()),
                detail: change.detail(),
            });
        }
        for one in &becoming {
            rows.change(one);
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

    /// What a booking has become.
    fn change(&mut self, now: &Becoming<'_>) {
        let booking = &now.change.booking;
        self.changed.push(ChangedRow {
            id: now.id,
            version: booking.version.cast_signed(),
            status: booking.status.word(),
            time_limit: booking.time_limit.map(|limit| limit.0.into()),
            total_minor: booking.total.minor(),
            currency: booking.total.currency().code(),
            segments: match now.segments {
                Segments::Stay => None,
                Segments::End => Some(ENDED),
                Segments::Anew => Some(ANEW),
            },
        });
        if now.segments == Segments::Anew {
            self.segments_of(now.id, now.change);
        }
    }

    fn notice(&mut self, id: i64, change: &Change) {
        for (position, terms) in (1..).zip(&change.terms) {
            self.noticed.push(NoticeRow {
                booking_id: id,
                position,
                flight_version: terms.version.map(u64::cast_signed),
            });
        }
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
        self.segments_of(id, change);
        Ok(())
    }

    /// A booking's segments and chosen seats as they are now.
    fn segments_of(&mut self, id: i64, change: &Change) {
        let booking = &change.booking;
        let taken = i16::from(party::seats_needed(&booking.passengers));
        let segments = booking.segments.iter().zip(&change.terms);
        for (position, (segment, terms)) in (1_u8..).zip(segments) {
            let flight_id = segment.flight_id.raw();
            let instant = |time: Option<OffsetTime>| time.map(|time| time.instant().into());
            let offset = |time: Option<OffsetTime>| time.map(|time| time.offset().seconds());
            self.segments.push(SegmentRow {
                booking_id: id,
                position: position.into(),
                flight_id,
                cabin: cabin_number(segment.cabin),
                status: segment.status.code(),
                seats: taken,
                flight_version: terms.version.map(u64::cast_signed),
                fare_minor: terms.fare.map(|fare| fare.minor()),
                booked_at: terms.booked_at.map(Into::into),
                ended_at: terms.ended_at.map(Into::into),
                previous_departure: instant(segment.previous_departure),
                previous_departure_offset: offset(segment.previous_departure),
                previous_arrival: instant(segment.previous_arrival),
                previous_arrival_offset: offset(segment.previous_arrival),
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
    }
}

/// What becomes of the segments of a booking that was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segments {
    Stay,
    End,
    Anew,
}

/// A booking that was there before, with the last of its changes: it is written once, also where a batch changes it more often.
struct Becoming<'a> {
    id: i64,
    change: &'a Change,
    segments: Segments,
}

/// Notes what a booking becomes; answers its number.
fn become_now<'a>(
    becoming: &mut Vec<Becoming<'a>>,
    id: i64,
    change: &'a Change,
    segments: Segments,
) -> i64 {
    match becoming.iter_mut().find(|one| one.id == id) {
        Some(known) => {
            known.change = change;
            known.segments = match (known.segments, segments) {
                (before, Segments::Stay) => before,
                (Segments::Anew, Segments::End) => Segments::Anew,
                (_, now) => now,
            };
        }
        None => becoming.push(Becoming {
            id,
            change,
            segments,
        }),
    }
    id
}

/// What others are told of a change, if they are.
fn event(change: &Change) -> Option<Event> {
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
    Some(match change.kind {
        Kind::Create => Event::BookingCreated(event),
        Kind::Confirm { .. } => Event::BookingConfirmed(event),
        Kind::Clear { .. } => Event::WaitlistCleared(event),
        Kind::Cancel { .. } => Event::BookingCancelled(event),
        Kind::Expire { .. } => Event::BookingExpired(event),
        Kind::Reschedule { .. } | Kind::Rebook { .. } => Event::BookingChanged(event),
        Kind::Warn { .. } => Event::BookingExpiring(event),
        Kind::Notice { .. } => return None,
    })
}

fn events(changes: &[&Change]) -> Vec<Event> {
    let mut events: Vec<Event> = changes.iter().filter_map(|change| event(change)).collect();
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
