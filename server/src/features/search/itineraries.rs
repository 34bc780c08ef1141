//! How flights connect: direct, with one stop, with two, never through a city twice.

use airside_common::airport::CarrierCode;
use jiff::civil::Date;
use smallvec::SmallVec;

use super::dominance::Fronts;
use super::timetable::{Entry, Minute, Timetable, departing, minute};
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

/// The itineraries of a route, looked for by their number of stops.
pub struct Walk<'a> {
    reference: &'a Reference,
    timetable: &'a Timetable,
    route: &'a Route,
    /// The flights that can be the last of several: the airports that they depart from, in order, each with its flights.
    last: Vec<(AirportIndex, &'a [Entry])>,
}

impl<'a> Walk<'a> {
    /// A walk through a timetable.
    pub fn new(reference: &'a Reference, timetable: &'a Timetable, route: &'a Route) -> Self {
        let connects = route.max_stops > 0
            && reference.city(route.origin) != reference.city(route.destination);
        Self {
            reference,
            timetable,
            route,
            last: if connects {
                timetable.flights_into(route.destination)
            } else {
                Vec::new()
            },
        }
    }

    /// Adds all itineraries with exactly so many stops that none of the fronts dominates.
    pub fn find(&self, stops: u8, fronts: &Fronts, found: &mut Vec<Legs>) {
        let route = self.route;
        if route.from >= route.until || (stops > 0 && self.last.is_empty()) {
            return;
        }
        let mut search = Step {
            walk: self,
            stops: usize::from(stops),
            fronts,
            found,
        };
        search.step(route.origin, &mut Legs::new(), Minute::MAX);
    }

    /// The flights from an airport to the destination.
    fn last(&self, from: AirportIndex) -> &'a [Entry] {
        self.last
            .binary_search_by_key(&from, |(airport, _)| *airport)
            .map_or(&[], |at| self.last[at].1)
    }
}

/// Visits all itineraries with exactly so many stops.
struct Step<'a, 'f> {
    walk: &'a Walk<'a>,
    stops: usize,
    fronts: &'f Fronts,
    found: &'f mut Vec<Legs>,
}

impl Step<'_, '_> {
    /// Goes on from an airport; what does not arrive before a minute is dominated.
    fn step(&mut self, at: AirportIndex, legs: &mut Legs, before: Minute) {
        let walk = self.walk;
        let destination = walk.route.destination;
        let left = self.stops - legs.len();
        if left == 0 {
            let flights = if legs.is_empty() {
                walk.timetable.flights(at, destination)
            } else {
                walk.last(at)
            };
            self.fly((at, destination), flights, legs, before);
            return;
        }
        if left == 1 && walk.last.len() < walk.timetable.route_count(at) {
            // Looked at from the destination there are fewer ways: few fly there, and many from here.
            for (via, _) in &walk.last {
                let flights = walk.timetable.flights(at, *via);
                if !flights.is_empty() && self.is_new_city(*via, legs) {
                    self.fly((at, *via), flights, legs, before);
                }
            }
            return;
        }
        for (via, flights) in walk.timetable.routes(at) {
            let useful = via != destination && (left > 1 || !walk.last(via).is_empty());
            if useful && self.is_new_city(via, legs) {
                self.fly((at, via), flights, legs, before);
            }
        }
    }

    /// No stop is in the city of the origin, of the destination, or of another stop.
    fn is_new_city(&self, via: AirportIndex, legs: &Legs) -> bool {
        let Walk {
            reference, route, ..
        } = self.walk;
        let city = reference.city(via);
        let is_other = |airport| reference.city(airport) != city;
        is_other(route.origin)
            && is_other(route.destination)
            && legs.iter().all(|leg| is_other(leg.destination))
    }

    fn fly(
        &mut self,
        (from, to): (AirportIndex, AirportIndex),
        flights: &[Entry],
        legs: &mut Legs,
        before: Minute,
    ) {
        let route = self.walk.route;
        let window = match legs.last() {
            None => (route.from, route.until),
            Some(last) => {
                let arrival = last.flight.arrival();
                let shortest = self.connection(last.origin, from, to);
                let end = (arrival + LONGEST_CONNECTION + 1).min(before);
                (arrival + shortest, end)
            }
        };
        if window.0 >= window.1 {
            return;
        }
        for flight in departing(flights, window) {
            if self.found.len() >= MOST_ITINERARIES {
                return;
            }
            if route
                .carrier
                .is_some_and(|carrier| carrier != flight.carrier())
            {
                continue;
            }
            let mut before = before;
            if legs.is_empty() {
                if !(route.earliest..=route.latest).contains(&flight.local_minute()) {
                    continue;
                }
                before = self.fronts.dominated_from(self.stops, flight.departure);
            }
            if flight.arrival() >= before {
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
                self.step(to, legs, before);
            }
            legs.pop();
        }
    }

    /// The shortest connection at an airport between two flights.
    fn connection(&self, before: AirportIndex, at: AirportIndex, after: AirportIndex) -> Minute {
        let reference = self.walk.reference;
        let country = reference.country(at);
        if reference.country(before) == country && reference.country(after) == country {
            DOMESTIC_CONNECTION
        } else {
            INTERNATIONAL_CONNECTION
        }
    }
}

#[cfg(test)]
mod tests;
