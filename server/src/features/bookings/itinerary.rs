//! Whether flights connect: the same rules as the search's, so that what it offers can be booked.

use airside_common::airport::AirportCode;
use jiff::SignedDuration;

use super::decide::FlightFacts;
use crate::reference::reference;

/// Shortest connection between flights within one country.
pub const SHORTEST_DOMESTIC: SignedDuration = SignedDuration::from_mins(45);

/// Shortest connection where one of the flights crosses a border.
pub const SHORTEST_INTERNATIONAL: SignedDuration = SignedDuration::from_mins(90);

/// Longest connection.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(6);

/// Why flights are no itinerary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Position of the flight that does not fit, from 0.
    pub index: usize,
    /// What is wrong, for a person.
    pub message: String,
}

/// Checks that each flight leaves from the city where the one before arrived, after a connection that can be made and
/// is none too long, and that no city is visited twice.
pub fn connect(flights: &[&FlightFacts]) -> Result<(), Broken> {
    for (index, pair) in flights.windows(2).enumerate() {
        let index = index + 1;
        let (before, after) = (pair[0], pair[1]);
        let broken = |message| Broken { index, message };
        if !same_city(before.destination, after.origin) {
            return Err(broken(format!(
                "the flight leaves from {}, but the one before arrives at {}",
                after.origin, before.destination
            )));
        }
        let wait = after
            .departure
            .instant()
            .duration_since(before.arrival.instant());
        let shortest = if is_domestic(before) && is_domestic(after) {
            SHORTEST_DOMESTIC
        } else {
            SHORTEST_INTERNATIONAL
        };
        if wait < shortest {
            return Err(broken(format!(
                "the flight leaves {} min after the one before arrives; {} min are needed",
                wait.as_mins(),
                shortest.as_mins()
            )));
        }
        if wait > LONGEST {
            return Err(broken(format!(
                "the connection of {} min is longer than {} min; book the flights apart",
                wait.as_mins(),
                LONGEST.as_mins()
            )));
        }
        let returns = flights[..index]
            .iter()
            .any(|earlier| same_city(earlier.origin, after.destination));
        if returns {
            return Err(broken(format!(
                "the itinerary comes through {} twice; book the way back apart",
                after.destination
            )));
        }
    }
    Ok(())
}

/// Airports that reference data do not know are a city of their own.
fn same_city(a: AirportCode, b: AirportCode) -> bool {
    let city = |code| reference().find(code).map(|at| reference().city(at));
    a == b || city(a).is_some_and(|a| Some(a) == city(b))
}

/// A flight from or to an airport that reference data do not know is treated as an international one.
fn is_domestic(flight: &FlightFacts) -> bool {
    let country = |code| reference().find(code).map(|at| reference().country(at));
    country(flight.origin).is_some_and(|from| Some(from) == country(flight.destination))
}
