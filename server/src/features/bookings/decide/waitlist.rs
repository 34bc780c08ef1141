//! Free seats for those who wait.
//!
//! They go to the parties in the order in which these came. A party gets seats on all its flights or on none; one that is too
//! large for what is free, or waits for another flight as well, is passed over, and keeps its place.

use airside_common::api::bookings::Booking;
use airside_common::booking::{BookingStatus, SegmentStatus};

use super::{Author, Change, Desk, Kind, Place};
use crate::features::bookings::party;

impl Desk<'_> {
    /// Gives seats to those who wait for one of the cabins that have become free.
    pub(super) fn clear(&mut self, freed: impl Fn(Place) -> bool) -> Vec<Change> {
        let mut cleared = Vec::new();
        for locator in self.waiting {
            let Some(stored) = self.bookings.get(locator) else {
                continue;
            };
            let booking = &stored.booking;
            let seats = u32::from(party::seats_needed(&booking.passengers));
            let places: Vec<Place> = booking
                .segments
                .iter()
                .map(|segment| (segment.flight_id, segment.cabin))
                .collect();
            let has_its_turn = booking.status == BookingStatus::Waitlisted
                && places.iter().any(|place| freed(*place))
                && places.iter().all(|place| self.left(*place) >= seats)
                && self.all_leave(booking);
            if !has_its_turn {
                continue;
            }
            let mut stored = stored.clone();
            stored.booking.status = BookingStatus::Confirmed;
            for segment in &mut stored.booking.segments {
                segment.status = SegmentStatus::Hk;
            }
            for place in places {
                self.take(place, seats);
            }
            let confirmed = self.becomes(stored);
            cleared.push(Change {
                by: Author::System,
                kind: Kind::Clear { id: confirmed.id },
                booking: Box::new(confirmed.booking),
            });
        }
        cleared
    }

    fn all_leave(&self, booking: &Booking) -> bool {
        booking.segments.iter().all(|segment| {
            let flight = self.flights.get(&segment.flight_id);
            flight.is_some_and(|flight| self.is_gone(flight).is_none())
        })
    }
}
