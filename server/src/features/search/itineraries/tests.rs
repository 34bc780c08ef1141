use super::*;
use crate::features::search::store::ScheduledFlight;
use crate::features::search::timetable::tests::{flight, named};
use crate::reference::reference;
use airside_common::flight::FlightId;
use jiff::civil::date;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Two of New York, two of Chicago, one abroad, one with another offset on a quarter.
const AIRPORTS: [&str; 7] = ["JFK", "LGA", "ORD", "MDW", "LAX", "LHR", "KTM"];

fn index(code: &str) -> AirportIndex {
    reference().find(code.parse().unwrap()).unwrap()
}

fn city(code: &str) -> crate::reference::CityIndex {
    reference().city(index(code))
}

/// Every way to put up to three flights one behind the other, checked one by one.
fn naive(
    flights: &[ScheduledFlight],
    from: &str,
    to: &str,
    on: jiff::civil::Date,
    max_stops: usize,
) -> BTreeSet<Vec<FlightId>> {
    let connects = |a: &ScheduledFlight, b: &ScheduledFlight| {
        let wait = b
            .departure
            .instant()
            .duration_since(a.arrival.instant())
            .as_mins();
        let country = |code: airside_common::airport::AirportCode| {
            reference().country(index(code.as_str())).to_owned()
        };
        let here = country(b.origin);
        let shortest = if country(a.origin) == here && country(b.destination) == here {
            45
        } else {
            90
        };
        a.destination == b.origin && (shortest..=360).contains(&wait)
    };
    let fits = |chain: &[&ScheduledFlight]| {
        let mut cities = vec![city(chain[0].origin.as_str())];
        cities.extend(chain.iter().map(|f| city(f.destination.as_str())));
        let distinct = (1..cities.len()).all(|at| !cities[..at].contains(&cities[at]));
        chain[0].origin.as_str() == from
            && chain[chain.len() - 1].destination.as_str() == to
            && chain[0].departure.date() == on
            && (distinct || chain.len() == 1)
            && chain.windows(2).all(|pair| connects(pair[0], pair[1]))
    };
    let mut found = BTreeSet::new();
    let mut keep = |chain: &[&ScheduledFlight]| {
        if chain.len() <= max_stops + 1 && fits(chain) {
            found.insert(chain.iter().map(|f| f.id).collect());
        }
    };
    for a in flights {
        keep(&[a]);
        for b in flights.iter().filter(|b| connects(a, b)) {
            keep(&[a, b]);
            for c in flights.iter().filter(|c| connects(b, c)) {
                keep(&[a, b, c]);
            }
        }
    }
    found
}

/// What is asked for a date, of everything.
fn route(from: &str, to: &str, on: jiff::civil::Date, max_stops: u8) -> Route {
    let (first, end) = days(reference(), index(from), on, on).unwrap();
    Route {
        origin: index(from),
        destination: index(to),
        from: first,
        until: end,
        earliest: 0,
        latest: 24 * 60 - 1,
        max_stops,
        carrier: None,
    }
}

fn ids(found: &[Legs]) -> Vec<Vec<FlightId>> {
    let ids = |legs: &Legs| legs.iter().map(|leg| leg.flight.id()).collect();
    found.iter().map(ids).collect()
}

fn fast(
    flights: &[ScheduledFlight],
    from: &str,
    to: &str,
    on: jiff::civil::Date,
    max_stops: u8,
) -> Vec<Vec<FlightId>> {
    let timetable = Timetable::empty(reference()).with(reference(), &[], flights);
    let route = route(from, to, on, max_stops);
    let walk = Walk::new(reference(), &timetable, &route);
    let mut found = Vec::new();
    for stops in 0..=max_stops {
        walk.find(stops, &Fronts::default(), &mut found);
    }
    ids(&found)
}

/// Flights between the airports of the tests.
fn schedule() -> impl Strategy<Value = Vec<ScheduledFlight>> {
    let row = (0..7_usize, 0..7_usize, -600..3600_i64, 20..900_i64);
    prop::collection::vec(row, 0..90).prop_map(|rows| {
        (1..)
            .zip(rows)
            .filter(|(_, (from, to, ..))| from != to)
            .map(|(serial, (from, to, at, duration))| {
                let zero = FlightId::new(0, 0);
                let flight = flight(zero, AIRPORTS[from], AIRPORTS[to], at, duration);
                named(flight, serial)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_timetable_finds_what_a_naive_search_finds(
        flights in schedule(),
        ends in (0..7_usize, 0..7_usize),
        max_stops in 0..3_u8,
    ) {
        prop_assume!(ends.0 != ends.1);
        let (from, to) = (AIRPORTS[ends.0], AIRPORTS[ends.1]);
        for on in [date(2026, 12, 1), date(2026, 12, 2)] {
            let found = fast(&flights, from, to, on, max_stops);
            let distinct: BTreeSet<_> = found.iter().cloned().collect();
            prop_assert_eq!(distinct.len(), found.len(), "one stands twice");
            prop_assert_eq!(distinct, naive(&flights, from, to, on, usize::from(max_stops)));
        }
    }

    #[test]
    fn a_walk_beside_fronts_leaves_out_what_they_dominate_and_nothing_else(
        flights in schedule(),
        ends in (0..7_usize, 0..7_usize),
        open in any::<u64>(),
    ) {
        prop_assume!(ends.0 != ends.1);
        let timetable = Timetable::empty(reference()).with(reference(), &[], &flights);
        let route = route(AIRPORTS[ends.0], AIRPORTS[ends.1], date(2026, 12, 1), 2);
        let walk = Walk::new(reference(), &timetable, &route);
        let mut fronts = Fronts::default();
        let mut at = 0;
        for stops in 0..=2 {
            let mut all = Vec::new();
            walk.find(stops, &Fronts::default(), &mut all);
            let mut found = Vec::new();
            walk.find(stops, &fronts, &mut found);
            // Some have seats.
            for legs in &found {
                if open >> (at % 64) & 1 == 1 {
                    fronts.add(legs);
                }
                at += 1;
            }
            all.retain(|legs| !fronts.dominate(legs));
            prop_assert_eq!(ids(&found), ids(&all), "{} stops", stops);
        }
    }
}

#[test]
fn connections_cross_midnight_and_borders_need_longer() {
    let chain = |wait: i64, last: &str| {
        let flights = [
            named(flight(FlightId::new(0, 0), "JFK", "ORD", 28 * 60, 150), 1),
            named(
                flight(FlightId::new(0, 0), "ORD", last, 28 * 60 + 150 + wait, 200),
                2,
            ),
        ];
        fast(&flights, "JFK", last, date(2026, 12, 1), 2).len()
    };
    assert_eq!(
        [44, 45, 360, 361].map(|wait| chain(wait, "LAX")),
        [0, 1, 1, 0]
    );
    assert_eq!(
        [89, 90, 360, 361].map(|wait| chain(wait, "LHR")),
        [0, 1, 1, 0]
    );
}

#[test]
fn no_city_is_passed_twice() {
    let flights = [
        named(flight(FlightId::new(0, 0), "JFK", "ORD", 900, 150), 1),
        named(flight(FlightId::new(0, 0), "ORD", "LGA", 1100, 150), 2),
        named(flight(FlightId::new(0, 0), "LGA", "LAX", 1300, 360), 3),
    ];
    assert_eq!(fast(&flights, "JFK", "LAX", date(2026, 12, 1), 2).len(), 0);
    assert_eq!(fast(&flights, "ORD", "LAX", date(2026, 12, 1), 2).len(), 1);

    // Nor as two stops one behind the other.
    let flights = [
        named(flight(FlightId::new(0, 0), "JFK", "ORD", 900, 150), 1),
        named(flight(FlightId::new(0, 0), "ORD", "MDW", 1100, 50), 2),
        named(flight(FlightId::new(0, 0), "MDW", "LAX", 1200, 240), 3),
    ];
    assert_eq!(city("ORD"), city("MDW"));
    assert_eq!(fast(&flights, "JFK", "LAX", date(2026, 12, 1), 2).len(), 0);
}
