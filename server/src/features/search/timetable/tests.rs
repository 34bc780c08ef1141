use super::*;
use crate::reference::reference;
use proptest::prelude::*;
use rstest::rstest;

/// A flight of a test's schedule: departure in minutes after 2026-12-01T00:00Z.
pub(crate) fn flight(
    id: FlightId,
    origin: &str,
    destination: &str,
    departure: i64,
    duration: i64,
) -> ScheduledFlight {
    let at = |code: &str, minutes: i64| {
        let airport = reference().find(code.parse().unwrap()).unwrap();
        let start: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        let instant = start + jiff::SignedDuration::from_mins(minutes);
        OffsetTime::in_zone(instant, reference().zone(airport))
    };
    ScheduledFlight {
        id,
        carrier: "UA".parse().unwrap(),
        number: FlightNumber::new(1).unwrap(),
        origin: origin.parse().unwrap(),
        destination: destination.parse().unwrap(),
        departure: at(origin, departure),
        arrival: at(destination, departure + duration),
        aircraft: "738".parse().unwrap(),
        version: 1,
    }
}

/// The id of a flight on the local date of its departure.
pub(crate) fn id_on(date: jiff::civil::Date, serial: u32) -> FlightId {
    let days = (date - jiff::civil::date(1970, 1, 1)).get_days();
    FlightId::new(days.unsigned_abs(), serial)
}

/// The flight with the id that its date demands.
pub(crate) fn named(mut flight: ScheduledFlight, serial: u32) -> ScheduledFlight {
    flight.id = id_on(flight.departure.date(), serial);
    flight
}

/// The flight as it stands in a timetable.
pub(crate) fn entry(flight: &ScheduledFlight) -> Entry {
    Entry::of(flight).unwrap()
}

fn one(serial: u32, minute: i64) -> ScheduledFlight {
    named(
        flight(FlightId::new(0, 0), "JFK", "LAX", minute, 360),
        serial,
    )
}

fn departures(timetable: &Timetable) -> Vec<(i64, u64)> {
    let mut all: Vec<_> = timetable
        .versions()
        .into_iter()
        .map(|(id, version)| (id.raw() & 0xffff, version))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn flights_come_change_and_go() {
    let reference = reference();
    let first = Timetable::empty(reference).with(reference, &[], &[one(1, 600), one(2, 700)]);
    assert_eq!(departures(&first), [(1, 1), (2, 1)]);
    let mut later = one(1, 800);
    later.version = 2;
    let second = first.with(reference, &[later.id], &[later.clone()]);
    assert_eq!(departures(&second), [(1, 2), (2, 1)]);
    assert!(second.generation() > first.generation());

    // Old news changes nothing.
    let third = second.with(reference, &[later.id], &[one(1, 600)]);
    assert_eq!(departures(&third), [(1, 2), (2, 1)]);

    // The same news again is not a change.
    let same = second.with(reference, &[later.id], std::slice::from_ref(&later));
    assert_eq!(same.generation(), second.generation());

    // Named, and not given: it operates no more.
    let fourth = third.with(reference, &[later.id], &[]);
    assert_eq!(departures(&fourth), [(2, 1)]);
    assert_eq!(departures(&first), [(1, 1), (2, 1)], "readers keep theirs");
}

#[test]
fn what_comes_later_stands_in_order_with_what_was_there() {
    let reference = reference();
    let first = Timetable::empty(reference).with(reference, &[], &[one(1, 600), one(2, 900)]);
    let both = first.with(reference, &[], &[one(3, 700), one(4, 300), one(5, 1000)]);
    let index = |code: &str| reference.find(code.parse().unwrap()).unwrap();
    let flights = both.flights(index("JFK"), index("LAX"));
    let serials: Vec<i64> = flights.iter().map(|e| e.id().raw() & 0xffff).collect();
    assert_eq!(serials, [4, 1, 3, 2, 5]);
}

#[test]
fn flights_are_found_by_where_they_end() {
    let reference = reference();
    let other = named(flight(FlightId::new(0, 0), "ORD", "LAX", 500, 200), 3);
    let away = named(flight(FlightId::new(0, 0), "JFK", "ORD", 500, 200), 4);
    let timetable =
        Timetable::empty(reference).with(reference, &[], &[one(1, 600), one(2, 700), other, away]);
    let index = |code: &str| reference.find(code.parse().unwrap()).unwrap();
    let into = timetable.flights_into(index("LAX"));
    let found: Vec<_> = into
        .iter()
        .map(|(from, flights)| {
            assert_eq!(*flights, timetable.flights(*from, index("LAX")));
            let serial = |e: &Entry| e.id().raw() & 0xffff;
            (*from, flights.iter().map(serial).collect::<Vec<_>>())
        })
        .collect();
    let mut expected = vec![(index("JFK"), vec![1, 2]), (index("ORD"), vec![3])];
    expected.sort_unstable();
    assert_eq!(found, expected);
    for (from, count) in [("JFK", 2), ("ORD", 1), ("LAX", 0)] {
        assert_eq!(timetable.route_count(index(from)), count, "{from}");
    }
    let routes: Vec<_> = timetable
        .routes(index("JFK"))
        .map(|(to, f)| (to, f.len()))
        .collect();
    let mut expected = vec![(index("LAX"), 2), (index("ORD"), 1)];
    expected.sort_unstable();
    assert_eq!(routes, expected);
}

#[test]
fn what_has_departed_goes_and_the_generation_stays() {
    let reference = reference();
    let timetable = Timetable::empty(reference).with(reference, &[], &[one(1, 600), one(2, 700)]);
    let at = |serial, minute_of_day| entry(&one(serial, minute_of_day)).departure;
    for (now, left) in [
        (at(1, 599), 2),
        (at(1, 600), 1),
        (at(1, 699), 1),
        (at(1, 700), 0),
    ] {
        let later = timetable.without_departed(now);
        assert_eq!(later.len(), left);
        assert_eq!(later.generation(), timetable.generation());
    }
    assert_eq!(timetable.len(), 2, "readers keep theirs");
}

#[test]
fn a_flight_is_compact() {
    assert!(size_of::<Entry>() <= 32, "{}", size_of::<Entry>());
}

/// Looks for the flights that depart in a window; all in minutes after the start of a day.
fn finds(minutes: &[u32], (from, until): (u32, u32)) {
    let start = entry(&one(1, 0)).departure;
    let flights: Vec<Entry> = minutes
        .iter()
        .map(|at| entry(&one(1, i64::from(*at))))
        .collect();
    let window = (start + from, start + until);
    let expected: Vec<Entry> = flights
        .iter()
        .filter(|flight| (window.0..window.1).contains(&flight.departure))
        .copied()
        .collect();
    let found = between(&flights, window);
    assert_eq!(found, expected, "{minutes:?} {from}..{until}");
    let found: Vec<Entry> = departing(&flights, window).copied().collect();
    assert_eq!(found, expected, "{minutes:?} {from}..{until}");
}

/// The edges of a route, and of each flight in it.
#[rstest]
#[case(&[])]
#[case(&[7])]
#[case(&[7, 7, 7])]
#[case(&[1, 3, 5, 7, 9, 11])]
#[case(&[1, 2, 3, 4, 30])]
#[case(&[1, 27, 28, 29, 30])]
fn the_flights_of_every_window_are_found(#[case] minutes: &[u32]) {
    for from in 0..=32 {
        for until in from..=32 {
            finds(minutes, (from, until));
        }
    }
}

proptest! {
    /// However evenly a route is flown.
    #[test]
    fn the_flights_of_a_window_are_found(
        mut minutes in prop::collection::vec(prop_oneof![0..100_u32, 0..100_000_u32], 0..60),
        from in prop_oneof![0..120_u32, 0..110_000_u32],
        length in 0..3000_u32,
    ) {
        minutes.sort_unstable();
        finds(&minutes, (from, from + length));
    }
}
