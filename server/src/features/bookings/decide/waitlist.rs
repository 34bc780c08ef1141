//! Free seats for those who wait.
//!
//! They go to the parties in the order in which these came. A party gets seats on all its flights or on none; one that is too
//! large for what is free, or waits for another flight as well, is passed over, and keeps its place.

use airside_common::api::bookings::Booking;
use airside_common::booking::{BookingStatus, SegmentStatus};

use super::{Author, Change, Desk, FlightFacts, Kind, Place};
use crate::features::bookings::{itinerary, party};

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
                && self.can_be_flown(booking);
            if !has_its_turn {
                continue;
            }
            let mut stored = stored.clone();
            stored.booking.status = BookingStatus::Confirmed;
            let flights = self.flights;
            for (segment, terms) in stored.booking.segments.iter_mut().zip(&mut stored.terms) {
                segment.status = SegmentStatus::Hk;
                // Who is told that the seats are there is told the times that the flight has now.
                segment.previous_departure = None;
                segment.previous_arrival = None;
                if let Some(flight) = flights.get(&segment.flight_id) {
                    terms.version = Some(flight.version);
                }
            }
            for place in places {
                self.take(place, seats);
            }
            let confirmed = self.becomes(stored);
            cleared.push(Change {
                by: Author::System,
                kind: Kind::Clear { id: confirmed.id },
                terms: confirmed.terms,
                booking: Box::new(confirmed.booking),
            });
        }
        cleared
    }

    /// All flights leave, and still connect: they may have other times than those that the party asked for.
    fn can_be_flown(&self, booking: &Booking) -> bool {
        let flights: Option<Vec<&FlightFacts>> = booking
            .segments
            .iter()
            .map(|segment| self.flights.get(&segment.flight_id))
            .collect();
        flights.is_some_and(|flights| {
            flights.iter().all(|flight| self.is_gone(flight).is_none())
                && itinerary::connect(&flights).is_ok()
        })
    }
}
