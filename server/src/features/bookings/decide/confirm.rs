//! Confirming what is held.

use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, SegmentStatus};

use super::{Author, Change, Desk, Kind, Stored};
use crate::features::bookings::command::Asked;

impl Desk<'_> {
    /// A held booking becomes a confirmed one, as long as its time limit is later than the database's time.
    pub(super) fn confirm(&mut self, stored: Stored, asked: &Asked) -> Result<Change, Problem> {
        let locator = stored.booking.locator;
        let why = match stored.booking.status {
            BookingStatus::Held => None,
            BookingStatus::Confirmed => Some("is confirmed already"),
            BookingStatus::Cancelled => Some("is cancelled"),
            BookingStatus::Waitlisted => Some("waits for seats, and is confirmed when there are"),
        };
        if let Some(why) = why {
            return Err(Problem::new(
                Code::Conflict,
                format!("the booking {locator} {why}"),
            ));
        }
        if let Some(limit) = stored.booking.time_limit.filter(|l| l.0 <= self.now) {
            return Err(Problem::new(
                Code::TimeLimitPassed,
                format!("the booking {locator} was held until {limit}"),
            ));
        }
        let segments = stored.booking.segments.iter();
        let segments = segments.filter(|segment| segment.status != SegmentStatus::Xx);
        self.bookable(segments.filter_map(|segment| self.flights.get(&segment.flight_id)))?;

        let mut confirmed = stored;
        confirmed.booking.status = BookingStatus::Confirmed;
        confirmed.booking.time_limit = None;
        let confirmed = self.becomes(confirmed);
        Ok(Change {
            by: Author::of(asked),
            kind: Kind::Confirm { id: confirmed.id },
            terms: confirmed.terms.clone(),
            booking: Box::new(confirmed.seen_by(&asked.caller)),
        })
    }
}
