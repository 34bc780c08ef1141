//! Which itineraries are worth an agent's look.
//!
//! An itinerary is dominated by another that has fewer stops, departs no earlier and arrives no later. Search leaves a
//! dominated one out where the other can be booked instead; in a week of hubs nine of ten are such.

use smallvec::SmallVec;

use super::itineraries::Legs;
use super::timetable::Minute;

/// Departure and arrival.
type Times = (Minute, Minute);

/// The best of the itineraries that were added: a Pareto front of departures and arrivals for each number of stops.
#[derive(Debug, Default)]
pub struct Fronts {
    /// At each place those with so many stops or fewer, by departure; a later departure has a later arrival, since one
    /// that departs later and arrives earlier takes the place of the other.
    up_to: [SmallVec<[Times; 32]>; 2],
}

impl Fronts {
    /// Lets an itinerary dominate others from now on.
    pub fn add(&mut self, legs: &Legs) {
        let (departure, arrival) = times(legs);
        for front in self.up_to.iter_mut().skip(stops(legs)) {
            if reaches(front, (departure, arrival)) {
                continue;
            }
            front.retain(|(other, end)| *other > departure || *end < arrival);
            let at = front.partition_point(|(other, _)| *other < departure);
            front.insert(at, (departure, arrival));
        }
    }

    /// Whether one that was added dominates an itinerary.
    pub fn dominate(&self, legs: &Legs) -> bool {
        let (departure, arrival) = times(legs);
        arrival >= self.dominated_from(stops(legs), departure)
    }

    /// The first arrival with which an itinerary of so many stops and this departure is dominated; `Minute::MAX` where
    /// none is.
    pub fn dominated_from(&self, stops: usize, departure: Minute) -> Minute {
        stops
            .checked_sub(1)
            .and_then(|fewer| self.up_to.get(fewer))
            .map_or(Minute::MAX, |front| earliest(front, departure))
    }
}

/// The earliest arrival on the front among those that depart no earlier.
fn earliest(front: &[Times], departure: Minute) -> Minute {
    let at = front.partition_point(|(other, _)| *other < departure);
    front.get(at).map_or(Minute::MAX, |(_, end)| *end)
}

/// Whether something on the front departs no earlier and arrives no later.
fn reaches(front: &[Times], (departure, arrival): Times) -> bool {
    earliest(front, departure) <= arrival
}

/// How often one changes.
pub(super) fn stops(legs: &Legs) -> usize {
    legs.len().saturating_sub(1)
}

fn times(legs: &Legs) -> Times {
    match (legs.first(), legs.last()) {
        (Some(first), Some(last)) => (first.flight.departure, last.flight.arrival()),
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests;
