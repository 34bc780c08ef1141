//! What a batch of commands names: all that it can depend on.

use airside_common::flight::{Cabin, FlightId, SeatNumber};
use airside_common::locator::Locator;

use crate::features::bookings::command::{Action, Command, Duty};
use crate::features::bookings::decide::Stored;

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
    /// Those of them that may give back what they hold.
    pub(crate) ending: Vec<Locator>,
    /// Flights whose free seats go to those who wait.
    pub(crate) clearing: Vec<FlightId>,
    /// Whether bookings are to be told what has happened to their flights.
    pub(crate) tells_moves: bool,
    /// How many bookings are to be made.
    pub(crate) creates: usize,
}

impl Wanted {
    /// What these commands name.
    pub(crate) fn by(commands: &[Command]) -> Self {
        let mut wanted = Self::default();
        for command in commands {
            let asked = match command {
                Command::Asked(asked) => asked,
                Command::Due(Duty::Expire(locator)) => {
                    wanted.bookings.push(*locator);
                    wanted.ending.push(*locator);
                    continue;
                }
                Command::Due(Duty::Clear(flight)) => {
                    wanted.clearing.push(*flight);
                    continue;
                }
                Command::Due(Duty::Reschedule(locator)) => {
                    wanted.bookings.push(*locator);
                    wanted.tells_moves = true;
                    continue;
                }
                Command::Due(Duty::Warn(locator)) => {
                    wanted.bookings.push(*locator);
                    continue;
                }
            };
            match &asked.action {
                Action::Create { body, .. } => {
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
                Action::Confirm { locator, .. } => wanted.bookings.push(*locator),
                Action::Cancel { locator, .. } => {
                    wanted.bookings.push(*locator);
                    wanted.ending.push(*locator);
                }
                Action::Rebook { locator, body, .. } => {
                    wanted.bookings.push(*locator);
                    wanted.ending.push(*locator);
                    for flight in body.segments.iter().filter_map(|s| s.replacement.as_ref()) {
                        wanted.flights.push(flight.flight_id);
                        wanted.cabins.push((flight.flight_id, flight.cabin));
                    }
                }
            }
        }
        sort(&mut wanted.flights);
        sort(&mut wanted.cabins);
        sort(&mut wanted.seats);
        sort(&mut wanted.bookings);
        sort(&mut wanted.ending);
        sort(&mut wanted.clearing);
        wanted
    }

    /// Whether somebody who waits may get something.
    pub(crate) fn frees_seats(&self) -> bool {
        !self.ending.is_empty() || !self.clearing.is_empty()
    }

    /// All bookings that may change: those that are named, and those who wait for what becomes free.
    pub(crate) fn bookings_with(&self, waiting: &[Locator]) -> Vec<Locator> {
        let mut all = [self.bookings.as_slice(), waiting].concat();
        sort(&mut all);
        all
    }

    /// All flights that are to be known: those to be booked, and those of bookings that may change.
    pub(crate) fn flights_with(&self, bookings: &[Stored]) -> Vec<i64> {
        let segments = bookings.iter().flat_map(|stored| &stored.booking.segments);
        let mut all: Vec<i64> = self
            .flights
            .iter()
            .copied()
            .chain(segments.map(|segment| segment.flight_id))
            .map(FlightId::raw)
            .collect();
        sort(&mut all);
        all
    }
}

fn sort<T: Ord>(things: &mut Vec<T>) {
    things.sort_unstable();
    things.dedup();
}
