//! What a batch of commands names: all that it can depend on.

use airside_common::flight::{Cabin, FlightId, SeatNumber};
use airside_common::locator::Locator;

use crate::features::bookings::command::{Action, Command};

/// What commands name, each thing once and sorted: the order in which rows are locked.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Flights to be booked.
    pub(crate) flights: Vec<FlightId>,
    /// Cabins to be booked.
    pub(crate) cabins: Vec<(FlightId, Cabin)>,
    /// Seats chosen.
    pub(crate) seats: Vec<(FlightId, SeatNumber)>,
    /// Bookings to be changed.
    pub(crate) bookings: Vec<Locator>,
    /// How many bookings are to be made.
    pub(crate) creates: usize,
}

impl Wanted {
    /// What these commands name.
    pub(crate) fn by(commands: &[Command]) -> Self {
        let mut wanted = Self::default();
        for command in commands {
            match &command.action {
                Action::Create(body) => {
                    wanted.creates += 1;
                    for segment in &body.segments {
                        wanted.flights.push(segment.flight_id);
                        wanted.cabins.push((segment.flight_id, segment.cabin));
                    }
                    for choice in body.seats.iter().flatten() {
                        let segment = usize::from(choice.segment).checked_sub(1);
                        if let Some(segment) = segment.and_then(|at| body.segments.get(at)) {
                            wanted.seats.push((segment.flight_id, choice.seat));
                        }
                    }
                }
                Action::Cancel { locator, .. } => wanted.bookings.push(*locator),
            }
        }
        sort(&mut wanted.flights);
        sort(&mut wanted.cabins);
        sort(&mut wanted.seats);
        sort(&mut wanted.bookings);
        wanted
    }
}

fn sort<T: Ord>(things: &mut Vec<T>) {
    things.sort_unstable();
    things.dedup();
}
