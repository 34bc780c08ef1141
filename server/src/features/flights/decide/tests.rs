use super::*;
use crate::features::flights::store::FlightRecord;
use crate::reference::reference;
use airside_common::flight::{FlightId, FlightStatus};
use airside_common::money::{Currency, Money};
use rstest::rstest;

fn money(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

fn cabin(cabin: Cabin, capacity: u32) -> CabinPlan {
    CabinPlan {
        cabin,
        capacity,
        fare: money(10_000),
    }
}

fn asked() -> CreateFlight {
    CreateFlight {
        carrier: "UA".parse().unwrap(),
        number: "1".parse().unwrap(),
        origin: "JFK".parse().unwrap(),
        destination: "LAX".parse().unwrap(),
        departure: "2026-12-07T08:00".parse().unwrap(),
        arrival: "2026-12-07T11:00".parse().unwrap(),
        aircraft: "738".parse().unwrap(),
        cabins: vec![cabin(Cabin::Business, 16), cabin(Cabin::Economy, 150)],
    }
}

fn facts(bookings: u64, chosen: &str) -> FlightFacts {
    FlightFacts {
        flight: FlightRecord {
            id: FlightId::new(1, 1),
            plan: create(reference(), &asked()).unwrap(),
            status: FlightStatus::Scheduled,
            version: 1,
            sold: [0, 0, 0, u32::try_from(bookings).unwrap()],
        },
        bookings,
        chosen: vec![(chosen.parse().unwrap(), Cabin::Economy)],
    }
}

fn field(result: Result<FlightPlan, Refusal>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(Refusal::Invalid { field, .. }) => field,
        Err(Refusal::HasBookings { field, .. }) => format!("bookings: {field}"),
    }
}

#[test]
fn what_is_wrong_with_a_new_flight_is_named() {
    let wrong = |spoil: fn(&mut CreateFlight)| {
        let mut flight = asked();
        spoil(&mut flight);
        field(create(reference(), &flight))
    };
    assert_eq!(wrong(|_| ()), "ok");
    assert_eq!(wrong(|f| f.origin = "QQQ".parse().unwrap()), "origin");
    assert_eq!(wrong(|f| f.destination = f.origin), "destination");
    assert_eq!(
        wrong(|f| f.departure = "2026-03-08T02:30".parse().unwrap()),
        "departure"
    );
    assert_eq!(
        wrong(|f| f.arrival = "2026-12-07T04:59".parse().unwrap()),
        "arrival"
    );
    assert_eq!(
        wrong(|f| f.arrival = "2026-12-08T05:01".parse().unwrap()),
        "arrival"
    );
    assert_eq!(wrong(|f| f.cabins.clear()), "cabins");
    assert_eq!(wrong(|f| f.cabins[0].capacity = 0), "cabins[0].capacity");
    assert_eq!(wrong(|f| f.cabins[1].fare = money(-1)), "cabins[1].fare");
    assert_eq!(
        wrong(|f| f.cabins[1].cabin = Cabin::Business),
        "cabins[1].cabin"
    );
    assert_eq!(wrong(|f| f.cabins[1].capacity = 890), "cabins");
}

fn patch(text: &str) -> PatchFlight {
    serde_json::from_str(text).unwrap()
}

#[rstest]
#[case("{}", "ok", "ok")]
#[case(r#"{"departure":"2026-12-07T08:30"}"#, "ok", "ok")]
#[case(
    r#"{"departure":"2026-12-08T08:30","arrival":"2026-12-08T11:30"}"#,
    "departure",
    "departure"
)]
#[case(r#"{"aircraft":"320"}"#, "ok", "bookings: aircraft")]
#[case(
    r#"{"cabins":[{"cabin":"economy","capacity":150,"fare":{"amount":"1.00","currency":"USD"}}]}"#,
    "ok",
    "ok"
)]
#[case(
    r#"{"cabins":[{"cabin":"economy","capacity":20,"fare":{"amount":"1.00","currency":"USD"}}]}"#,
    "ok",
    "bookings: cabins[0].capacity"
)]
#[case(
    r#"{"cabins":[{"cabin":"economy","capacity":1,"fare":{"amount":"1.00","currency":"USD"}}]}"#,
    "ok",
    "bookings: cabins[0].capacity"
)]
#[case(
    r#"{"cabins":[{"cabin":"economy","capacity":150,"fare":{"amount":"1.00","currency":"EUR"}}]}"#,
    "cabins",
    "cabins"
)]
fn bookings_bind_what_may_change(#[case] text: &str, #[case] empty: &str, #[case] booked: &str) {
    let seat = "30A";
    assert_eq!(field(change(reference(), &facts(0, seat), &patch(text))), {
        // Nobody sits on an empty flight.
        empty
    });
    assert_eq!(
        field(change(reference(), &facts(2, seat), &patch(text))),
        booked
    );
}

#[test]
fn bookings_are_told_of_other_times_and_of_nothing_else() {
    assert!(cancel(&facts(0, "30A")) && cancel(&facts(1, "30A")));
    let told = |bookings, text| {
        let facts = facts(bookings, "30A");
        is_told(&facts, &change(reference(), &facts, &patch(text)).unwrap())
    };
    for later in [
        r#"{"departure":"2026-12-07T08:05"}"#,
        r#"{"arrival":"2026-12-07T11:05"}"#,
    ] {
        assert!(told(1, later), "{later}");
        assert!(!told(0, later), "there is nobody");
    }
    assert!(!told(1, r#"{"departure":"2026-12-07T08:00"}"#), "as it was");
    let fare = r#"{"cabins":[{"cabin":"economy","capacity":150,"fare":{"amount":"1.00","currency":"USD"}}]}"#;
    assert!(!told(1, fare));
}

#[rstest]
// A flight that is new needs what the file does not say.
#[case(None, [false; 4], Ok(10_000))]
#[case(None, [false, false, false, true], Err("none is set for a new economy cabin"))]
// One that exists has it.
#[case(Some(Currency::USD), [false, false, false, true], Ok(4_242))]
#[case(Some(Currency::USD), [false; 4], Ok(4_242))]
// A cabin that it has not is new, and its fare in the flight's currency.
#[case(Some(Currency::USD), [false, true, false, false], Err("none is set for a new business cabin"))]
#[case(Some(Currency::EUR), [false; 4], Err("one currency"))]
fn fares_that_a_file_does_not_say_stay(
    #[case] now: Option<Currency>,
    #[case] missing: [bool; 4],
    #[case] economy: Result<i64, &str>,
) {
    let row = PlannedRow {
        line: 1,
        plan: create(reference(), &asked()).unwrap(),
        unsaid: Unsaid::Fares { missing },
    };
    let now = now.map(|currency| {
        let mut now = row.plan.clone();
        now.cabins = [None, None, None, now.cabins[3]];
        now.cabins[3].as_mut().unwrap().fare = Money::from_minor(4_242, currency);
        now
    });
    let merged = super::asked(&row, now.as_ref());
    match (merged, economy) {
        (Ok(plan), Ok(minor)) => assert_eq!(plan.cabins[3].unwrap().fare.minor(), minor),
        (Err(refusal), Err(reason)) => {
            let message = refusal.message();
            assert!(message.contains(reason), "{message}");
        }
        other => panic!("{other:?}"),
    }
}
