//! Accepting what happened, and taking other flights.

use airside_common::api::bookings::RebookBooking;

use super::schedule::{grounded, moved, told};
use super::*;

pub(super) fn rebook(locator: Locator, caller: &Caller, body: Value) -> Command {
    let body: RebookBooking = serde_json::from_value(body).unwrap();
    let action = Action::Rebook {
        locator,
        expected: IfMatch::Any,
        body: Box::new(body),
    };
    command(caller.clone(), action)
}

/// JFK-ORD-LAX with a seat on each for two people, and flights that may take their places: 4 JFK-ORD half an hour earlier, 5
/// ORD-LAX an hour later.
fn journey() -> (Facts, Locator, Caller) {
    let mut facts = world();
    for (id, route, departs, arrives) in [
        (
            4,
            "JFKORD",
            "2026-12-01T07:30:00-05:00",
            "2026-12-01T09:30:00-06:00",
        ),
        (
            5,
            "ORDLAX",
            "2026-12-01T12:00:00-06:00",
            "2026-12-01T14:00:00-08:00",
        ),
    ] {
        let mut other = flight(id, route, departs, arrives);
        other.cabins[3].as_mut().unwrap().fare = Money::from_minor(15_000, Currency::USD);
        facts.flights.insert(other.id, other);
    }
    let command = create(|b| {
        b["segments"] =
            json!([{"flight_id": "1", "cabin": "economy"}, {"flight_id": "2", "cabin": "economy"}]);
        b["passengers"] = adults(2);
        b["seats"] = json!([
            {"segment": 1, "passenger": 1, "seat": "5A"}, {"segment": 2, "passenger": 1, "seat": "4A"}
        ]);
    });
    let decision = decide(&facts, std::slice::from_ref(&command)).remove(0);
    apply(&mut facts, &command, &decision);
    let caller = command.asked().unwrap().caller.clone();
    (facts, decision.changes[0].booking.locator, caller)
}

fn statuses(booking: &Booking) -> Vec<(i64, &'static str)> {
    let segments = booking.segments.iter();
    segments
        .map(|s| (s.flight_id.raw(), s.status.code()))
        .collect()
}

fn sold(facts: &Facts, flight: i64) -> u32 {
    facts.flights[&FlightId::from_raw(flight)].cabins[3]
        .unwrap()
        .sold
}

/// Carries it out; answers the booking as it is then.
fn done(facts: &mut Facts, command: &Command) -> Booking {
    let decision = decide(facts, std::slice::from_ref(command)).remove(0);
    assert_eq!(verdict(&decision), "200", "{decision:?}");
    apply(facts, command, &decision);
    Booking::clone(&decision.changes[0].booking)
}

#[test]
fn new_times_are_accepted() {
    let (mut facts, locator, agent) = journey();
    moved(
        &mut facts,
        1,
        "2026-12-01T08:10:00-05:00",
        "2026-12-01T10:10:00-06:00",
    );
    told(&mut facts, locator);
    let accept = rebook(locator, &agent, json!({"segments": [{"segment": 1}]}));
    let decision = decide(&facts, std::slice::from_ref(&accept)).remove(0);
    assert_eq!(
        decision.changes[0].detail(),
        "2 passengers: UA1545 2026-12-01 JFKORD economy accepted, 400.00 USD"
    );
    assert_eq!(decision.changes[0].seats(), []);
    let booking = done(&mut facts, &accept);
    assert_eq!(statuses(&booking), [(1, "HK"), (2, "HK")]);
    assert_eq!(booking.segments[0].previous_departure, None);
    assert_eq!((booking.version, booking.seats.len()), (3, 2));
    assert!(told(&mut facts, locator).is_empty());
    assert_eq!(
        decide_one(&facts, accept),
        "422 segments[0].segment",
        "it is HK"
    );
}

#[test]
fn a_flight_takes_the_place_of_one_that_does_not_operate() {
    let (mut facts, locator, agent) = journey();
    grounded(&mut facts, 1);
    told(&mut facts, locator);
    let body = json!({
        "segments": [{"segment": 1, "replacement": {"flight_id": "4", "cabin": "economy"}}],
        "expected_total": {"amount": "500.00", "currency": "USD"},
    });
    let booking = done(&mut facts, &rebook(locator, &agent, body));
    assert_eq!(statuses(&booking), [(1, "XX"), (4, "HK"), (2, "HK")]);
    assert_eq!(booking.total.to_string(), "500.00 USD");
    // The seat of what stays goes with its segment.
    let seats: Vec<_> = booking
        .seats
        .iter()
        .map(|c| (c.segment, c.seat.to_string()))
        .collect();
    assert_eq!(seats, [(3, "4A".to_owned())]);
    assert_eq!([1, 4, 2].map(|flight| sold(&facts, flight)), [0, 2, 2]);
    let terms = &facts.bookings[&locator].terms;
    assert!(terms[0].ended_at.is_some() && terms[1].booked_at == Some(facts.now));
}

#[test]
fn what_stays_costs_what_it_cost() {
    let (mut facts, locator, agent) = journey();
    for id in [1, 2] {
        let flight = facts.flights.get_mut(&FlightId::from_raw(id)).unwrap();
        flight.cabins[3].as_mut().unwrap().fare = Money::from_minor(99_900, Currency::USD);
    }
    let other = json!({"segments": [{"segment": 1, "replacement": {"flight_id": "4", "cabin": "economy"}}]});
    let booking = done(&mut facts, &rebook(locator, &agent, other));
    assert_eq!(booking.total.to_string(), "500.00 USD");
}

#[test]
fn a_flight_that_does_not_operate_is_dropped_unless_it_is_the_last() {
    let (mut facts, locator, agent) = journey();
    grounded(&mut facts, 2);
    told(&mut facts, locator);
    let drop = |segment: u8| rebook(locator, &agent, json!({"segments": [{"segment": segment}]}));
    let booking = done(&mut facts, &drop(2));
    assert_eq!(statuses(&booking), [(1, "HK"), (2, "XX")]);
    assert_eq!(booking.total.to_string(), "200.00 USD");
    grounded(&mut facts, 1);
    told(&mut facts, locator);
    assert_eq!(decide_one(&facts, drop(1)), "422 segments");
    assert_eq!(
        decide_one(&facts, drop(2)),
        "422 segments[0].segment",
        "it has ended"
    );
    assert_eq!(
        decide_one(&facts, drop(3)),
        "422 segments[0].segment",
        "there is none"
    );
    assert_eq!(
        decide_one(&facts, drop(0)),
        "422 segments[0].segment",
        "nor that"
    );
}

#[test]
fn a_party_gets_all_its_new_seats_or_keeps_what_it_has() {
    let (mut facts, locator, agent) = journey();
    let fifth = facts.flights.get_mut(&FlightId::from_raw(5)).unwrap();
    fifth.cabins[3].as_mut().unwrap().sold = 11;
    let body = json!({"segments": [
        {"segment": 1, "replacement": {"flight_id": "4", "cabin": "economy"}},
        {"segment": 2, "replacement": {"flight_id": "5", "cabin": "economy"}},
    ]});
    let both = rebook(locator, &agent, body);
    assert_eq!(decide_one(&facts, both.clone()), "409 sold_out");
    facts
        .flights
        .get_mut(&FlightId::from_raw(5))
        .unwrap()
        .cabins[3]
        .as_mut()
        .unwrap()
        .sold = 10;
    let booking = done(&mut facts, &both);
    assert_eq!(
        statuses(&booking),
        [(1, "XX"), (4, "HK"), (2, "XX"), (5, "HK")]
    );
    assert_eq!(
        [1, 4, 2, 5].map(|flight| sold(&facts, flight)),
        [0, 2, 0, 12]
    );
    assert!(facts.taken.is_empty());
}

#[test]
fn what_is_given_back_goes_to_who_waits() {
    let (mut facts, locator, agent) = journey();
    let (_, _) = booked(&mut facts, 10, None);
    let waits = create(|b| b["waitlist"] = json!(true));
    let decision = decide(&facts, std::slice::from_ref(&waits)).remove(0);
    apply(&mut facts, &waits, &decision);
    let body = json!({"segments": [{"segment": 1, "replacement": {"flight_id": "4", "cabin": "economy"}}]});
    let decision = decide(&facts, &[rebook(locator, &agent, body)]).remove(0);
    let kinds: Vec<_> = decision.changes.iter().map(|change| &change.kind).collect();
    assert!(
        matches!(kinds[..], [Kind::Rebook { .. }, Kind::Clear { .. }]),
        "{kinds:?}"
    );
}

/// The same cabin may be taken by a batch that gives it back.
#[test]
fn two_parties_may_change_places() {
    let mut facts = world();
    let (first, ada) = booked(&mut facts, 12, None);
    let up = |locator, caller: &Caller, cabin| {
        rebook(
            locator,
            caller,
            json!({"segments": [{"segment": 1, "replacement": {"flight_id": "1", "cabin": cabin}}]}),
        )
    };
    let batch = [
        up(first, &ada, "business"),
        create(|b| b["passengers"] = adults(12)),
    ];
    let verdicts: Vec<_> = decide(&facts, &batch).iter().map(verdict).collect();
    assert_eq!(verdicts, ["200", "201"]);
    assert_eq!(
        decide_one(&facts, up(first, &ada, "economy")),
        "422 segments[0].replacement.flight_id"
    );
    assert_eq!(
        decide_one(&facts, up(first, &ada, "first")),
        "422 segments[0].replacement.cabin"
    );
}

#[rstest]
#[case::sold_nowhere("9", "economy", None, "422 segments[0].replacement.flight_id")]
#[case::departed("3", "economy", None, "409 flight_not_bookable")]
#[case::does_not_connect("5", "economy", None, "422 segments[0].replacement.flight_id")]
#[case::another_fare("4", "economy", Some("400.00"), "409 fare_changed")]
#[case::that_fare("4", "economy", Some("500.00"), "200")]
#[case::another_cabin("1", "business", None, "200")]
fn refusals(
    #[case] flight: &str,
    #[case] cabin: &str,
    #[case] expected: Option<&str>,
    #[case] answer: &str,
) {
    let (facts, locator, agent) = journey();
    let mut body =
        json!({"segments": [{"segment": 1, "replacement": {"flight_id": flight, "cabin": cabin}}]});
    if let Some(amount) = expected {
        body["expected_total"] = json!({"amount": amount, "currency": "USD"});
    }
    assert_eq!(decide_one(&facts, rebook(locator, &agent, body)), answer);
}

#[test]
fn what_is_left_must_connect() {
    let (mut facts, locator, agent) = journey();
    // 30 minutes at ORD are too few.
    moved(
        &mut facts,
        1,
        "2026-12-01T08:30:00-05:00",
        "2026-12-01T10:30:00-06:00",
    );
    told(&mut facts, locator);
    let body = json!({"segments": [{"segment": 1}]});
    assert_eq!(
        decide_one(&facts, rebook(locator, &agent, body)),
        "422 segments[0].segment"
    );
    let body = json!({"segments": [
        {"segment": 1}, {"segment": 2, "replacement": {"flight_id": "5", "cabin": "economy"}},
    ]});
    let booking = done(&mut facts, &rebook(locator, &agent, body));
    assert_eq!(statuses(&booking), [(1, "HK"), (2, "XX"), (5, "HK")]);
}

#[test]
fn who_holds_nothing_rebooks_nothing() {
    let mut facts = world();
    let (locator, agent) = booked(&mut facts, 12, None);
    let waits = create(|b| b["waitlist"] = json!(true));
    let decision = decide(&facts, std::slice::from_ref(&waits)).remove(0);
    apply(&mut facts, &waits, &decision);
    let up = json!({"segments": [{"segment": 1, "replacement": {"flight_id": "1", "cabin": "business"}}]});
    let caller = &waits.asked().unwrap().caller;
    let waiting = rebook(decision.changes[0].booking.locator, caller, up.clone());
    assert_eq!(decide_one(&facts, waiting), "409 conflict");
    let stranger = rebook(locator, &caller_of("LON1A0001"), up.clone());
    assert_eq!(decide_one(&facts, stranger), "404 not_found");
    let batch = [
        cancel(locator, IfMatch::Any, &agent),
        rebook(locator, &agent, up),
    ];
    let verdicts: Vec<_> = decide(&facts, &batch).iter().map(verdict).collect();
    assert_eq!(verdicts, ["200", "409 conflict"]);
}

fn caller_of(office: &str) -> Caller {
    caller(office)
}

#[test]
fn a_hold_is_rebooked_within_its_time_limit() {
    let (mut facts, ..) = journey();
    let command = create(|b| {
        b["hold"] = json!(true);
        b["time_limit"] = json!("2026-12-01T12:45:00Z");
    });
    let decision = decide(&facts, std::slice::from_ref(&command)).remove(0);
    apply(&mut facts, &command, &decision);
    let locator = decision.changes[0].booking.locator;
    let agent = command.asked().unwrap().caller.clone();
    let body = json!({"segments": [{"segment": 1, "replacement": {"flight_id": "4", "cabin": "economy"}}]});
    let earlier = rebook(locator, &agent, body);
    facts.now = "2026-12-01T12:45:00Z".parse().unwrap();
    assert_eq!(decide_one(&facts, earlier.clone()), "409 time_limit_passed");
    facts.now = "2026-12-01T11:30:00Z".parse().unwrap();
    assert_eq!(
        decide_one(&facts, earlier.clone()),
        "422 segments",
        "nothing of an hour is left"
    );
    facts.now = NOW.parse().unwrap();
    let booking = done(&mut facts, &earlier);
    assert_eq!(booking.status, BookingStatus::Held);
    // An hour before the departure at 12:30.
    assert_eq!(
        booking.time_limit.unwrap().to_string(),
        "2026-12-01T11:30:00Z"
    );
}

#[test]
fn a_booking_does_not_grow_for_ever() {
    let mut facts = world();
    let (locator, agent) = booked(&mut facts, 1, None);
    let mut verdicts = Vec::new();
    for n in 0..40 {
        let cabin = if n % 2 == 0 { "business" } else { "economy" };
        let body = json!({"segments": [{"segment": n + 1, "replacement": {"flight_id": "1", "cabin": cabin}}]});
        let command = rebook(locator, &agent, body);
        let decision = decide(&facts, std::slice::from_ref(&command)).remove(0);
        verdicts.push(verdict(&decision));
        if verdicts.last().unwrap() != "200" {
            break;
        }
        apply(&mut facts, &command, &decision);
    }
    assert_eq!(verdicts.len(), 30);
    assert_eq!(verdicts.last().unwrap(), "422 segments");
}
