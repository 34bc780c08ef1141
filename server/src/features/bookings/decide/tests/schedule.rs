//! Flights that change and are cancelled under their bookings.

use airside_common::time::OffsetTime;

use super::*;

/// The flight has other times.
pub(super) fn moved(facts: &mut Facts, flight: i64, departs: &str, arrives: &str) {
    let id = FlightId::from_raw(flight);
    let flight = facts.flights.get_mut(&id).unwrap();
    let before = (flight.departure, flight.arrival);
    flight.version += 1;
    (flight.departure, flight.arrival) = (departs.parse().unwrap(), arrives.parse().unwrap());
    let version = flight.version;
    facts
        .moves
        .entry(id)
        .or_default()
        .push(Move { version, before });
}

/// The flight is cancelled.
pub(super) fn grounded(facts: &mut Facts, flight: i64) {
    let id = FlightId::from_raw(flight);
    let flight = facts.flights.get_mut(&id).unwrap();
    flight.version += 1;
    flight.status = FlightStatus::Cancelled;
    let (version, before) = (flight.version, (flight.departure, flight.arrival));
    facts
        .moves
        .entry(id)
        .or_default()
        .push(Move { version, before });
}

/// Tells a booking what has happened; answers what it was told, in words.
pub(super) fn told(facts: &mut Facts, locator: Locator) -> Vec<String> {
    let command = Command::Due(Duty::Reschedule(locator));
    let decision = decide(facts, std::slice::from_ref(&command)).remove(0);
    apply(facts, &command, &decision);
    decision.changes.iter().map(Change::detail).collect()
}

fn segment(facts: &Facts, locator: Locator) -> (SegmentStatus, Option<OffsetTime>) {
    let segment = &facts.bookings[&locator].booking.segments[0];
    (segment.status, segment.previous_departure)
}

const BOOKED: (&str, &str) = ("2026-12-01T08:00:00-05:00", "2026-12-01T10:00:00-06:00");
const LATER: (&str, &str) = ("2026-12-01T09:00:00-05:00", "2026-12-01T11:00:00-06:00");
const LATEST: (&str, &str) = ("2026-12-01T10:30:00-05:00", "2026-12-01T12:30:00-06:00");

#[test]
fn a_booking_is_told_once_of_each_change_and_keeps_what_it_agreed_to() {
    let mut facts = world();
    let (locator, _) = booked(&mut facts, 2, Some("5A"));
    let agreed = Some(BOOKED.0.parse().unwrap());
    assert!(told(&mut facts, locator).is_empty(), "nothing has happened");
    moved(&mut facts, 1, LATER.0, LATER.1);
    assert_eq!(
        told(&mut facts, locator),
        ["2 passengers: UA1545 2026-12-01 JFKORD economy is 0900-1100 now, not 0800-1000"]
    );
    assert_eq!(segment(&facts, locator), (SegmentStatus::Tk, agreed));
    assert!(told(&mut facts, locator).is_empty(), "it knows");
    moved(&mut facts, 1, LATEST.0, LATEST.1);
    assert_eq!(told(&mut facts, locator).len(), 1);
    assert_eq!(segment(&facts, locator), (SegmentStatus::Tk, agreed));
    let stored = &facts.bookings[&locator];
    assert_eq!(stored.booking.status, BookingStatus::Confirmed);
    assert_eq!(stored.booking.version, 3);
    assert_eq!(stored.booking.seats.len(), 1, "the seat stays");
    moved(&mut facts, 1, BOOKED.0, BOOKED.1);
    assert_eq!(told(&mut facts, locator).len(), 1);
    assert_eq!(
        segment(&facts, locator),
        (SegmentStatus::Hk, None),
        "as it was agreed"
    );
}

#[test]
fn of_several_changes_only_the_last_is_told() {
    let mut facts = world();
    let (locator, _) = booked(&mut facts, 1, None);
    moved(&mut facts, 1, LATER.0, LATER.1);
    moved(&mut facts, 1, LATEST.0, LATEST.1);
    assert_eq!(
        told(&mut facts, locator),
        ["1 passenger: UA1545 2026-12-01 JFKORD economy is 1030-1230 now, not 0800-1000"]
    );
    assert_eq!(facts.bookings[&locator].booking.version, 2);
}

#[test]
fn what_comes_to_nothing_is_told_to_nobody() {
    let mut facts = world();
    let (locator, _) = booked(&mut facts, 1, None);
    moved(&mut facts, 1, LATER.0, LATER.1);
    moved(&mut facts, 1, BOOKED.0, BOOKED.1);
    let command = Command::Due(Duty::Reschedule(locator));
    let decision = decide(&facts, std::slice::from_ref(&command)).remove(0);
    assert!(matches!(decision.changes[0].kind, Kind::Notice { .. }));
    apply(&mut facts, &command, &decision);
    assert_eq!(segment(&facts, locator), (SegmentStatus::Hk, None));
    assert_eq!(facts.bookings[&locator].booking.version, 1);
    assert!(decide(&facts, &[command])[0].changes.is_empty(), "it knows");
}

#[test]
fn who_books_after_a_change_has_agreed_to_it() {
    let mut facts = world();
    moved(&mut facts, 1, LATER.0, LATER.1);
    let (locator, _) = booked(&mut facts, 1, None);
    assert!(told(&mut facts, locator).is_empty());
    assert_eq!(segment(&facts, locator), (SegmentStatus::Hk, None));
}

/// Segments that an earlier release has written know no version of their flights.
#[test]
fn a_booking_of_an_earlier_release_is_told_of_all_changes() {
    let mut facts = world();
    let (locator, _) = booked(&mut facts, 1, None);
    facts.bookings.get_mut(&locator).unwrap().terms = vec![SegmentTerms::default()];
    assert!(told(&mut facts, locator).is_empty());
    moved(&mut facts, 1, LATER.0, LATER.1);
    assert_eq!(told(&mut facts, locator).len(), 1);
    assert_eq!(segment(&facts, locator).0, SegmentStatus::Tk);
    assert!(told(&mut facts, locator).is_empty());
}

#[test]
fn a_cancelled_flight_gives_the_seats_back_and_nobody_gets_them() {
    let mut facts = world();
    let (locator, agent) = booked(&mut facts, 12, Some("5A"));
    let waits = create(|b| b["waitlist"] = json!(true));
    let decision = decide(&facts, std::slice::from_ref(&waits)).remove(0);
    apply(&mut facts, &waits, &decision);
    let waiting = decision.changes[0].booking.locator;
    moved(&mut facts, 1, LATER.0, LATER.1);
    told(&mut facts, locator);
    grounded(&mut facts, 1);
    assert_eq!(
        told(&mut facts, locator),
        ["12 passengers: UA1545 2026-12-01 JFKORD economy does not operate"]
    );
    let stored = &facts.bookings[&locator];
    assert_eq!(stored.booking.segments[0].status, SegmentStatus::Un);
    assert_eq!(stored.booking.status, BookingStatus::Confirmed);
    assert_eq!(stored.booking.seats, []);
    assert!(facts.taken.is_empty());
    let sold = |facts: &Facts| {
        facts.flights[&FlightId::from_raw(1)].cabins[3]
            .unwrap()
            .sold
    };
    assert_eq!(sold(&facts), 0);
    assert!(
        told(&mut facts, waiting).is_empty(),
        "its waitlist ends by itself"
    );
    let clear = Command::Due(Duty::Clear(FlightId::from_raw(1)));
    assert_eq!(decide_one(&facts, clear), "0 settled");
    // What is cancelled then has nothing to give back.
    let gone = cancel(locator, IfMatch::Any, &agent);
    let decision = decide(&facts, std::slice::from_ref(&gone)).remove(0);
    assert_eq!(verdict(&decision), "200");
    assert_eq!(decision.changes[0].seats(), []);
    assert_eq!(
        decision.changes[0].detail(),
        "12 passengers off UA1545 2026-12-01 JFKORD economy"
    );
    apply(&mut facts, &gone, &decision);
    assert_eq!(sold(&facts), 0);
}

#[test]
fn who_waits_is_told_new_times_and_gets_seats_only_for_flights_that_connect() {
    let mut facts = world();
    let (locator, agent) = booked(&mut facts, 12, None);
    let waits = create(|b| {
        b["waitlist"] = json!(true);
        b["segments"] =
            json!([{"flight_id": "1", "cabin": "economy"}, {"flight_id": "2", "cabin": "economy"}]);
    });
    let decision = decide(&facts, std::slice::from_ref(&waits)).remove(0);
    apply(&mut facts, &waits, &decision);
    let waiting = decision.changes[0].booking.locator;
    moved(&mut facts, 1, LATEST.0, LATEST.1);
    assert_eq!(told(&mut facts, waiting).len(), 1);
    assert_eq!(segment(&facts, waiting).0, SegmentStatus::Hl);
    let gone = cancel(locator, IfMatch::Any, &agent);
    let decision = decide(&facts, std::slice::from_ref(&gone)).remove(0);
    assert_eq!(decision.changes.len(), 1, "it cannot be flown any more");
    moved(&mut facts, 1, LATER.0, "2026-12-01T10:10:00-06:00");
    // Nobody has told it yet.
    let decision = decide(&facts, std::slice::from_ref(&gone)).remove(0);
    apply(&mut facts, &gone, &decision);
    assert_eq!(segment(&facts, waiting), (SegmentStatus::Hk, None));
    assert!(
        told(&mut facts, waiting).is_empty(),
        "it has got what it was told"
    );
}

#[test]
fn a_hold_keeps_its_limit_and_is_warned_once() {
    let mut facts = world();
    let command = create(|b| b["hold"] = json!(true));
    let decision = decide(&facts, std::slice::from_ref(&command)).remove(0);
    apply(&mut facts, &command, &decision);
    let held = Booking::clone(&decision.changes[0].booking);
    moved(&mut facts, 1, LATER.0, LATER.1);
    told(&mut facts, held.locator);
    let stored = &facts.bookings[&held.locator];
    assert_eq!(stored.booking.time_limit, held.time_limit);
    assert_eq!(stored.booking.status, BookingStatus::Held);
    let warn = Command::Due(Duty::Warn(held.locator));
    let both = [warn.clone(), warn.clone()];
    let decisions = decide(&facts, &both);
    let verdicts: Vec<_> = decisions.iter().map(verdict).collect();
    assert_eq!(verdicts, ["1 settled", "0 settled"]);
    apply(&mut facts, &warn, &decisions[0]);
    assert_eq!(facts.bookings[&held.locator].booking.version, 2, "it stays");
    assert_eq!(decide_one(&facts, warn.clone()), "0 settled");
    facts.bookings.get_mut(&held.locator).unwrap().is_warned = false;
    facts.now = held.time_limit.unwrap().0;
    assert_eq!(decide_one(&facts, warn), "0 settled", "too late");
}
