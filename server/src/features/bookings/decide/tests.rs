use std::collections::HashMap;

use airside_common::api::bookings::CreateBooking;
use airside_common::booking::BookingStatus;
use airside_common::flight::{Cabin, FlightId};
use airside_common::money::{Currency, Money};
use airside_common::user::{Role, UserId};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::features::auth::caller::SessionId;
use crate::features::bookings::command::{Asked, Fingerprint};
use crate::features::bookings::hold::HoldTerms;
use crate::features::bookings::party;

const NOW: &str = "2026-11-25T12:00:00Z";

fn flight(id: i64, route: &str, departs: &str, arrives: &str) -> FlightFacts {
    let cabin = CabinFacts {
        capacity: 12,
        sold: 0,
        fare: Money::from_minor(10_000, Currency::USD),
    };
    FlightFacts {
        id: FlightId::from_raw(id),
        carrier: "UA".parse().unwrap(),
        number: "1545".parse().unwrap(),
        origin: route[..3].parse().unwrap(),
        destination: route[3..].parse().unwrap(),
        departure: departs.parse().unwrap(),
        arrival: arrives.parse().unwrap(),
        aircraft: "738".parse().unwrap(),
        status: FlightStatus::Scheduled,
        version: 1,
        cabins: [None, Some(cabin), None, Some(cabin)],
    }
}

/// JFK-ORD in the morning, ORD-LAX 60 minutes later, LHR-JFK, and a departed one.
fn world() -> Facts {
    let flights = [
        flight(
            1,
            "JFKORD",
            "2026-12-01T08:00:00-05:00",
            "2026-12-01T10:00:00-06:00",
        ),
        flight(
            2,
            "ORDLAX",
            "2026-12-01T11:00:00-06:00",
            "2026-12-01T13:00:00-08:00",
        ),
        flight(
            3,
            "JFKORD",
            "2026-11-25T06:59:00-05:00",
            "2026-11-25T09:00:00-06:00",
        ),
    ];
    let mut rng = rand::rng();
    Facts {
        now: NOW.parse().unwrap(),
        flights: flights.into_iter().map(|f| (f.id, f)).collect(),
        bookings: HashMap::new(),
        moves: HashMap::new(),
        waiting: Vec::new(),
        taken: HashSet::new(),
        locators: (0..64).map(|_| Locator::random(&mut rng)).collect(),
    }
}

fn caller(office: &str) -> Caller {
    Caller {
        user_id: UserId::new(),
        username: "demo".parse().unwrap(),
        role: Role::Agent,
        office: office.parse().unwrap(),
        session: SessionId::new(),
    }
}

fn command(caller: Caller, action: Action) -> Command {
    Command::Asked(Box::new(Asked {
        caller,
        request_id: "request-1".to_owned(),
        key: airside_common::booking::OperationKey::random(),
        fingerprint: Fingerprint([0; 32]),
        action,
    }))
}

fn create(change: impl FnOnce(&mut Value)) -> Command {
    let mut body = json!({
        "segments": [{"flight_id": "1", "cabin": "economy"}],
        "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
        "contact": {"phone": "212-5550100"},
    });
    change(&mut body);
    let body: CreateBooking = serde_json::from_value(body).unwrap();
    let action = Action::Create {
        body: Box::new(body),
        terms: HoldTerms::default(),
    };
    command(caller("NYC1A0001"), action)
}

fn adults(count: usize) -> Value {
    vec![json!({"given_name": "Ada", "surname": "Byron", "type": "adult"}); count].into()
}

/// Status and code, or the field that is wrong.
fn verdict(decision: &Decision) -> String {
    let problem = match &decision.outcome {
        Outcome::Answered(answer) if answer.status < 300 => return answer.status.to_string(),
        Outcome::Answered(answer) => serde_json::from_str(&answer.body).unwrap(),
        Outcome::Refused(problem) => Problem::clone(problem),
        Outcome::Settled(changed) => {
            assert_eq!(decision.changes.len(), *changed);
            return format!("{changed} settled");
        }
    };
    assert_eq!(decision.changes.len(), 0, "a refusal that writes");
    let detail = problem
        .errors
        .first()
        .map_or_else(|| problem.code.word(), |e| e.field.clone());
    format!("{} {detail}", problem.status)
}

fn decide_one(facts: &Facts, command: Command) -> String {
    verdict(&decide(facts, &[command])[0])
}

#[test]
fn a_party_on_two_flights_pays_for_all_who_have_seats() {
    let command = create(|b| {
        b["segments"] = json!([{"flight_id": "1", "cabin": "economy"}, {"flight_id": "2", "cabin": "business"}]);
        b["passengers"] = json!([
            {"given_name": "Ada", "surname": "Byron", "type": "adult"},
            {"given_name": "Max", "surname": "Byron", "type": "child", "date_of_birth": "2020-05-05"},
            {"given_name": "Eve", "surname": "Byron", "type": "infant", "date_of_birth": "2026-05-05"},
        ]);
        b["expected_total"] = json!({"amount": "400.00", "currency": "USD"});
    });
    let decisions = decide(&world(), &[command]);
    assert_eq!(verdict(&decisions[0]), "201");
    let change = &decisions[0].changes[0];
    assert_eq!(change.booking.total.to_string(), "400.00 USD");
    let balance = seat_balance(&[change]);
    assert_eq!(
        balance[&(FlightId::from_raw(1), Cabin::Economy)],
        2,
        "an infant takes no seat"
    );
    assert_eq!(balance[&(FlightId::from_raw(2), Cabin::Business)], 2);
}

#[rstest]
#[case("segments", json!([{"flight_id": "9", "cabin": "economy"}]), "422 segments[0].flight_id")]
#[case("segments", json!([{"flight_id": "1", "cabin": "first"}]), "422 segments[0].cabin")]
#[case("segments", json!([{"flight_id": "3", "cabin": "economy"}]), "409 flight_not_bookable")]
#[case("segments", json!([{"flight_id": "2", "cabin": "economy"}, {"flight_id": "1", "cabin": "economy"}]), "422 segments[1].flight_id")]
#[case("passengers", adults(13), "409 sold_out")]
#[case("passengers", json!([{"given_name": "A", "surname": "B", "type": "child", "date_of_birth": "1990-01-01"}]), "422 passengers[0].date_of_birth")]
#[case("expected_total", json!({"amount": "99.00", "currency": "USD"}), "409 fare_changed")]
#[case("expected_total", json!({"amount": "100.00", "currency": "EUR"}), "409 fare_changed")]
#[case("seats", json!([{"segment": 1, "passenger": 1, "seat": "99A"}]), "422 seats[0].seat")]
#[case("seats", json!([{"segment": 1, "passenger": 1, "seat": "1A"}]), "422 seats[0].seat")]
#[case("seats", json!([{"segment": 1, "passenger": 1, "seat": "4A"}]), "201")]
fn refusals(#[case] field: &str, #[case] value: Value, #[case] expected: &str) {
    assert_eq!(decide_one(&world(), create(|b| b[field] = value)), expected);
}

#[test]
fn a_cancelled_flight_is_not_bookable() {
    let mut facts = world();
    facts
        .flights
        .get_mut(&FlightId::from_raw(1))
        .unwrap()
        .status = FlightStatus::Cancelled;
    assert_eq!(
        decide_one(&facts, create(|_| {})),
        "409 flight_not_bookable"
    );
}

#[test]
fn fares_in_two_currencies_are_refused() {
    let mut facts = world();
    let second = facts.flights.get_mut(&FlightId::from_raw(2)).unwrap();
    second.cabins[3].as_mut().unwrap().fare = Money::from_minor(1, Currency::EUR);
    let both = create(|b| {
        b["segments"] =
            json!([{"flight_id": "1", "cabin": "economy"}, {"flight_id": "2", "cabin": "economy"}]);
    });
    assert_eq!(decide_one(&facts, both), "422 segments[1].flight_id");
}

#[rstest]
#[case("2026-12-01T10:44:00-06:00", "ORDLAX", false)]
#[case("2026-12-01T10:45:00-06:00", "ORDLAX", true)]
#[case("2026-12-01T16:00:00-06:00", "ORDLAX", true)]
#[case("2026-12-01T16:01:00-06:00", "ORDLAX", false)]
#[case("2026-12-01T09:00:00-06:00", "ORDLAX", false)]
#[case("2026-12-01T11:00:00-06:00", "ORDJFK", false)]
#[case("2026-12-01T11:00:00-06:00", "DENLAX", false)]
#[case("2026-12-01T11:29:00-06:00", "ORDLHR", false)]
#[case("2026-12-01T11:30:00-06:00", "ORDLHR", true)]
fn connections(#[case] departs: &str, #[case] route: &str, #[case] connects: bool) {
    let mut facts = world();
    let second = flight(2, route, departs, "2026-12-02T12:00:00Z");
    facts.flights.insert(second.id, second);
    let both = create(|b| {
        b["segments"] =
            json!([{"flight_id": "1", "cabin": "economy"}, {"flight_id": "2", "cabin": "economy"}]);
    });
    let expected = if connects {
        "201"
    } else {
        "422 segments[1].flight_id"
    };
    assert_eq!(decide_one(&facts, both), expected);
}

#[test]
fn a_refused_party_takes_nothing_from_its_neighbours() {
    let mut facts = world();
    let second = facts.flights.get_mut(&FlightId::from_raw(2)).unwrap();
    second.cabins[3].as_mut().unwrap().capacity = 1;
    let both = |count| {
        create(move |b| {
            b["segments"] = json!([{"flight_id": "1", "cabin": "economy"}, {"flight_id": "2", "cabin": "economy"}]);
            b["passengers"] = adults(count);
        })
    };
    let first_only = create(|b| b["passengers"] = adults(12));
    let decisions = decide(&facts, &[both(2), first_only, both(1)]);
    let verdicts: Vec<_> = decisions.iter().map(verdict).collect();
    assert_eq!(verdicts, ["409 sold_out", "201", "409 sold_out"]);
}

#[test]
fn a_seat_goes_to_the_first_who_asks() {
    let seat = |passengers: usize| {
        create(move |b| {
            b["passengers"] = adults(passengers);
            b["seats"] = json!([{"segment": 1, "passenger": 1, "seat": "5A"}]);
        })
    };
    let decisions = decide(&world(), &[seat(13), seat(1), seat(1)]);
    let verdicts: Vec<_> = decisions.iter().map(verdict).collect();
    assert_eq!(verdicts, ["409 sold_out", "201", "409 seat_taken"]);
}

fn booked(facts: &mut Facts, count: usize, seat: Option<&str>) -> (Locator, Caller) {
    let command = create(|b| {
        b["passengers"] = adults(count);
        if let Some(seat) = seat {
            b["seats"] = json!([{"segment": 1, "passenger": 1, "seat": seat}]);
        }
    });
    let caller = command.asked().unwrap().caller.clone();
    let decision = decide(facts, std::slice::from_ref(&command)).remove(0);
    assert_eq!(verdict(&decision), "201");
    apply(facts, &command, &decision);
    (decision.changes[0].booking.locator, caller)
}

/// What a store does with a decision.
fn apply(facts: &mut Facts, command: &Command, decision: &Decision) {
    for change in &decision.changes {
        for ((flight, cabin), seats) in seat_balance(&[change]) {
            let cabin = facts.flights.get_mut(&flight).unwrap().cabins[cabin.index()]
                .as_mut()
                .unwrap();
            cabin.sold = u32::try_from(i64::from(cabin.sold) + seats).unwrap();
            assert!(cabin.sold <= cabin.capacity, "oversold");
        }
        let mut booking = Booking::clone(&change.booking);
        let made_by = if let Kind::Create = change.kind {
            facts.locators.retain(|free| *free != booking.locator);
            if booking.status == BookingStatus::Waitlisted {
                facts.waiting.push(booking.locator);
            }
            for choice in &booking.seats {
                let flight = booking.segments[usize::from(choice.segment) - 1].flight_id;
                assert!(
                    facts.taken.insert((flight, choice.seat)),
                    "a seat sold twice"
                );
            }
            command.asked().unwrap().caller.user_id
        } else {
            let before = &facts.bookings[&booking.locator];
            let is_silent = matches!(change.kind, Kind::Notice { .. } | Kind::Warn { .. });
            let version = before.booking.version + u64::from(!is_silent);
            assert_eq!(booking.version, version);
            booking.operation.clone_from(&before.booking.operation);
            for seat in chosen(&before.booking).difference(&chosen(&booking)) {
                assert!(facts.taken.remove(seat));
            }
            assert!(chosen(&booking).is_subset(&chosen(&before.booking)));
            before.made_by
        };
        let was_warned = facts
            .bookings
            .get(&booking.locator)
            .is_some_and(|b| b.is_warned);
        let stored = Stored {
            id: 1,
            made_by,
            is_warned: was_warned || matches!(change.kind, Kind::Warn { .. }),
            booking,
            terms: change.terms.clone(),
        };
        assert_eq!(stored.terms.len(), stored.booking.segments.len());
        facts.bookings.insert(stored.booking.locator, stored);
    }
}

/// The seats that a booking has chosen.
fn chosen(booking: &Booking) -> HashSet<(FlightId, SeatNumber)> {
    let seats = booking.seats.iter().map(|choice| {
        let segment = &booking.segments[usize::from(choice.segment) - 1];
        (segment.flight_id, choice.seat)
    });
    seats.collect()
}

fn cancel(locator: Locator, expected: IfMatch, caller: &Caller) -> Command {
    command(caller.clone(), Action::Cancel { locator, expected })
}

#[test]
fn a_cancelled_booking_gives_its_seats_to_the_next_in_the_batch() {
    let mut facts = world();
    let (locator, agent) = booked(&mut facts, 12, Some("5A"));
    let next = || {
        create(|b| {
            b["passengers"] = adults(12);
            b["seats"] = json!([{"segment": 1, "passenger": 1, "seat": "5A"}]);
        })
    };
    let batch = [
        next(),
        cancel(locator, IfMatch::Version(1), &agent),
        next(),
        cancel(locator, IfMatch::Version(1), &agent),
        cancel(locator, IfMatch::Any, &agent),
    ];
    let verdicts: Vec<_> = decide(&facts, &batch).iter().map(verdict).collect();
    assert_eq!(
        verdicts,
        [
            "409 sold_out",
            "200",
            "201",
            "412 stale_version",
            "409 conflict"
        ]
    );
}

#[test]
fn another_offices_booking_does_not_exist_for_an_agent_but_for_an_admin() {
    let mut facts = world();
    let (locator, _) = booked(&mut facts, 1, None);
    let stranger = caller("LON1A0001");
    assert_eq!(
        decide_one(&facts, cancel(locator, IfMatch::Any, &stranger)),
        "404 not_found"
    );
    let admin = Caller {
        role: Role::Admin,
        ..stranger
    };
    let decision = decide(&facts, &[cancel(locator, IfMatch::Any, &admin)]).remove(0);
    assert_eq!(verdict(&decision), "200");
    assert_eq!(decision.changes[0].booking.operation, None);
}

mod holds;
mod oversell;
mod rebook;
mod schedule;
mod waitlist;
