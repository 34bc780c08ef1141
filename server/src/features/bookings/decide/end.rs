//! The end of a booking: somebody cancels it, or its time has come.

use airside_common::api::bookings::Booking;
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::locator::Locator;

use super::change::{Ending, flight_of};
use super::{Author, Change, Desk, Kind, Place, Stored, holds_seats};
use crate::features::bookings::command::Asked;
use crate::features::bookings::party;

impl Desk<'_> {
    /// Somebody gives a booking back.
    pub(super) fn cancel(&mut self, stored: Stored, asked: &Asked) -> Result<Change, Problem> {
        if stored.booking.status == BookingStatus::Cancelled {
            return Err(Problem::new(
                Code::Conflict,
                format!(
                    "the booking {} is cancelled already",
                    stored.booking.locator
                ),
            ));
        }
        let (ended, gone) = self.end(stored);
        Ok(Change {
            by: Author::of(asked),
            kind: Kind::Cancel {
                id: ended.id,
                released: gone.released,
                flights: gone.flights,
            },
            terms: ended.terms.clone(),
            booking: Box::new(ended.seen_by(&asked.caller)),
        })
    }

    /// A booking ends by itself, if its time has come.
    pub(super) fn expire(&mut self, locator: Locator) -> Option<Change> {
        let stored = self.bookings.get(&locator)?;
        let because = self.is_over(&stored.booking)?;
        let (ended, gone) = self.end(stored.clone());
        Some(Change {
            by: Author::System,
            kind: Kind::Expire {
                id: ended.id,
                released: gone.released,
                flights: gone.flights,
                because,
            },
            terms: ended.terms,
            booking: Box::new(ended.booking),
        })
    }

    fn is_over(&self, booking: &Booking) -> Option<Ending> {
        match booking.status {
            BookingStatus::Held => booking
                .time_limit
                .filter(|limit| limit.0 <= self.now)
                .map(Ending::TimeLimit),
            BookingStatus::Waitlisted => booking
                .segments
                .iter()
                .filter_map(|segment| self.flights.get(&segment.flight_id))
                .any(|flight| self.is_gone(flight).is_some())
                .then_some(Ending::FlightGone),
            BookingStatus::Confirmed | BookingStatus::Cancelled => None,
        }
    }

    /// Nothing lives in the booking any more. Answers it as it is then, and what has ended.
    fn end(&mut self, mut stored: Stored) -> (Stored, Gone) {
        let booking = &mut stored.booking;
        booking.status = BookingStatus::Cancelled;
        booking.time_limit = None;
        for choice in std::mem::take(&mut booking.seats) {
            let segment = usize::from(choice.segment)
                .checked_sub(1)
                .and_then(|at| booking.segments.get(at));
            if let Some(segment) = segment {
                self.taken.remove(&(segment.flight_id, choice.seat));
            }
        }
        let seats = u32::from(party::seats_needed(&booking.passengers));
        let (mut released, mut flights) = (Vec::new(), Vec::new());
        for (segment, terms) in booking.segments.iter_mut().zip(&mut stored.terms) {
            if segment.status == SegmentStatus::Xx {
                continue;
            }
            flights.push(flight_of(segment));
            terms.ended_at.get_or_insert(self.now);
            if holds_seats(segment.status) {
                let place = (segment.flight_id, segment.cabin);
                self.give_back(place, seats);
                released.push(place);
            }
            segment.status = SegmentStatus::Xx;
        }
        let flights = flights.join(", ");
        (self.becomes(stored), Gone { released, flights })
    }
}

/// What ends with a booking.
struct Gone {
    /// What its segments held.
    released: Vec<Place>,
    /// The flights that it was on until then.
    flights: String,
}
