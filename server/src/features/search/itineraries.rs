//! How flights connect: direct, with one stop, with two, never through a city twice.

use airside_common::airport::CarrierCode;
use jiff::civil::Date;
use smallvec::SmallVec;

use super::timetable::{Entry, Minute, Timetable, minute};
use crate::reference::{AirportIndex, Reference};

/// Shortest connection between two flights within one country, in minutes.
pub const DOMESTIC_CONNECTION: Minute = 45;
/// Shortest connection where a border is crossed on either flight, in minutes.
pub const INTERNATIONAL_CONNECTION: Minute = 90;
/// Longest connection, in minutes.
pub const LONGEST_CONNECTION: Minute = 6 * 60;
/// The most itineraries of one search: bounds the work where hubs multiply. Those with fewer stops come first.
pub const MOST_ITINERARIES: usize = 20_000;

/// What is asked of the timetable.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// From.
    pub origin: AirportIndex,
    /// To.
    pub destination: AirportIndex,
    /// Departure of the first flight: not before.
    pub from: Minute,
    /// Departure of the first flight: before.
    pub until: Minute,
    /// Local departure of the first flight: not before, in minutes of the day.
    pub earliest: u32,
    /// Local departure of the first flight: not after, in minutes of the day.
    pub latest: u32,
    /// The most stops.
    pub max_stops: u8,
    /// Only flights of this carrier.
    pub carrier: Option<CarrierCode>,
}

/// A flight with its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// The flight.
    pub flight: Entry,
    /// From.
    pub origin: AirportIndex,
    /// To.
    pub destination: AirportIndex,
}

/// One to three flights that connect.
pub type Legs = SmallVec<[Leg; 3]>;

/// The minutes from the first instant of a local date to the first of the day after the last.
pub fn days(
    reference: &Reference,
    origin: AirportIndex,
    first: Date,
    last: Date,
) -> Option<(Minute, Minute)> {
    let zone = reference.zone(origin);
    let start = |date: Date| {
        let start = date.to_zoned(zone.clone()).ok()?;
        minute(start.timestamp())
    };
    Some((start(first)?, start(last.tomorrow().ok()?)?))
}

/// All itineraries of a route.
pub fn itineraries(reference: &Reference, timetable: &Timetable, route: &Route) -> Vec<Legs> {
    let mut found = Vec::new();
    if route.from >= route.until {
        return found;
    }
    for stops in 0..=route.max_stops {
        let mut walk = Walk {
            reference,
            timetable,
            route,
            stops,
            found: &mut found,
        };
        walk.step(route.origin, &mut Legs::new());
    }
    found
}

/// Visits all itineraries with exactly so many stops.
struct Walk<'a> {
    reference: &'a Reference,
    timetable: &'a Timetable,
    route: &'a Route,
    stops: u8,
    found: &'a mut Vec<Legs>,
}

impl Walk<'_> {
    fn step(&mut self, at: AirportIndex, legs: &mut Legs) {
        let timetable = self.timetable;
        let left = usize::from(self.stops) - legs.len();
        if left == 0 {
            self.fly(at, self.route.destination, legs);
            return;
        }
        for via in timetable.destinations(at) {
            let useful = via != self.route.destination
                && (left > 1 || timetable.has_route(via, self.route.destination));
            if useful && self.is_new_city(via, legs) {
                self.fly(at, via, legs);
            }
        }
    }

    /// No stop is in the city of the origin, of the destination, or of another stop.
    fn is_new_city(&self, via: AirportIndex, legs: &Legs) -> bool {
        let city = self.reference.city(via);
        let is_other = |airport| self.reference.city(airport) != city;
        is_other(self.route.origin)
            && is_other(self.route.destination)
            && self.reference.city(self.route.origin) != self.reference.city(self.route.destination)
            && legs.iter().all(|leg| is_other(leg.destination))
    }

    fn fly(&mut self, from: AirportIndex, to: AirportIndex, legs: &mut Legs) {
        let route = self.route;
        let (start, end) = match legs.last() {
            None => (route.from, route.until),
            Some(last) => {
                let arrival = last.flight.arrival();
                let shortest = self.connection(last.origin, from, to);
                (arrival + shortest, arrival + LONGEST_CONNECTION + 1)
            }
        };
        for flight in self.timetable.departures(from, to, start, end) {
            if self.found.len() >= MOST_ITINERARIES {
                return;
            }
            if route
                .carrier
                .is_some_and(|carrier| carrier != flight.carrier())
            {
                continue;
            }
            let local = flight.local_minute();
            if legs.is_empty() && !(route.earliest..=route.latest).contains(&local) {
                continue;
            }
            legs.push(Leg {
                flight: *flight,
                origin: from,
                destination: to,
            });
            if to == route.destination {
                self.found.push(legs.clone());
            } else {
                self.step(to, legs);
            }
            legs.pop();
        }
    }

    /// The shortest connection at an airport between two flights.
    fn connection(&self, before: AirportIndex, at: AirportIndex, after: AirportIndex) -> Minute {
        let country = self.reference.country(at);
        if self.reference.country(before) == country && self.reference.country(after) == country {
            DOMESTIC_CONNECTION
        } else {
            INTERNATIONAL_CONNECTION
        }
    }
}

#[cfg(test)]
mod tests;
