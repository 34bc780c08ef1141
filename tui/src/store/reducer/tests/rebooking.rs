//! Changed flights: accepted, or others taken in their place.

use airside_common::api::bookings::Booking;
use airside_common::api::events::BookingChanged;
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::flight::Cabin;
use rstest::rstest;

use crate::store::action::{Event, Live, News};
use crate::store::effect::Effect;
use crate::store::operation::{Operation, OperationKind, Reference};
use crate::store::state::Tone;
use crate::trial::desk::{Desk, sent, submitted};
use crate::trial::specimens::{
    booking, connection, direct, itinerary_of, locator, moved, offer, passenger, problem, usd,
    wrong_field,
};

/// A booking in version 2 whose flights have changed: those that are named are moved or cancelled.
fn changed(statuses: &[SegmentStatus]) -> Booking {
    let mut changed = if statuses.len() == 1 {
        booking(1, passenger("SMITH", "ANN"), &direct(101))
    } else {
        booking(1, passenger("SMITH", "ANN"), &connection())
    };
    changed.version = 2;
    for (segment, status) in changed.segments.iter_mut().zip(statuses) {
        if *status == SegmentStatus::Tk {
            moved(segment);
        }
        segment.status = *status;
    }
    changed
}

fn open(booking: Booking) -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    desk.reads(vec![booking]);
    desk.types("<enter>");
    desk
}

/// What is asked for is sent once it is written.
fn sends(desk: &mut Desk, effects: &[Effect]) -> Operation {
    let key = submitted(effects).expect("something was asked for");
    let effects = desk.happens(Event::Journalled {
        key,
        result: Ok(()),
    });
    sent(&effects).expect("it is sent")
}

/// Another flight at 150.
fn other() -> airside_common::api::search::Itinerary {
    itinerary_of(vec![offer(7, &[(Cabin::Economy, 9, 150)])])
}

const TK: SegmentStatus = SegmentStatus::Tk;
const UN: SegmentStatus = SegmentStatus::Un;
const HK: SegmentStatus = SegmentStatus::Hk;

#[test]
fn new_times_are_accepted_at_once_and_confirmed_in_place() {
    let mut desk = open(changed(&[TK]));
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("07:20 10:30     TK   new times"),
        "{screen}"
    );
    assert!(
        screen.contains("was                          08:00 11:10"),
        "{screen}"
    );
    let effects = desk.types("a");
    let operation = sends(&mut desk, &effects);
    assert_eq!(operation.base_version, Some(2));
    assert_eq!(operation.target, Reference::Known(locator(1)));
    let OperationKind::Rebook { body, .. } = &operation.kind else {
        panic!("{operation:?}");
    };
    assert_eq!(body.segments.len(), 1);
    assert_eq!(
        (body.segments[0].segment, &body.segments[0].replacement),
        (1, &None)
    );
    assert_eq!(
        body.expected_total,
        Some(usd(100)),
        "new times cost nothing"
    );
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("rebooking") && screen.contains(" HK ") && !screen.contains("was "),
        "{screen}"
    );
    desk.types("a");
    assert!(desk.message().unwrap().1.contains("being rebooked"));
    let mut accepted = changed(&[HK]);
    accepted.version = 3;
    desk.confirmed(&operation.key, accepted);
    assert_eq!(
        desk.message(),
        Some((Tone::Good, "TEST23: changes accepted"))
    );
}

#[test]
fn flights_that_are_given_up_are_asked_about() {
    let mut desk = open(changed(&[UN, TK]));
    assert!(submitted(&desk.types("a")).is_none());
    assert_eq!(desk.layers().last(), Some(&"Question"));
    assert!(
        desk.screen(80, 24)
            .contains("UA201 WE 25NOV JFK-ORD is given up")
    );
    let effects = desk.types("y");
    let operation = sends(&mut desk, &effects);
    let OperationKind::Rebook { body, preview, .. } = &operation.kind else {
        panic!("{operation:?}");
    };
    let named: Vec<u8> = body.segments.iter().map(|s| s.segment).collect();
    assert_eq!(named, [1, 2], "all in one request");
    let codes: Vec<&str> = preview.segments.iter().map(|s| s.status.code()).collect();
    assert_eq!(codes, ["XX", "HK"]);
}

#[rstest]
#[case(changed(&[HK]), "Nothing has changed")]
#[case(changed(&[UN]), "All its flights are cancelled")]
#[case(Booking { status: BookingStatus::Waitlisted, ..changed(&[TK]) }, "It waits for seats")]
#[case(Booking { status: BookingStatus::Cancelled, ..changed(&[TK]) }, "cancelled already")]
fn what_cannot_be_accepted_is_told(#[case] booking: Booking, #[case] words: &str) {
    let mut desk = open(booking);
    assert_eq!(desk.types("a"), []);
    let (tone, told) = desk.message().unwrap();
    assert_eq!(tone, Tone::Info);
    assert!(told.contains(words), "{told}");
}

/// To the results of a search for another flight in the place of the only one.
fn looking(booking: Booking) -> Desk {
    let mut desk = open(booking);
    desk.types("b<enter>");
    desk
}

#[test]
fn another_flight_is_looked_for_on_the_same_way_and_asked_about_with_what_it_costs() {
    let mut desk = open(changed(&[TK]));
    desk.types("b");
    assert_eq!(desk.field("origin"), "JFK · New York");
    assert_eq!(desk.field("destination"), "LAX · Los Angeles");
    assert_eq!(desk.field("date"), "25NOV");
    assert_eq!(desk.field("cabin"), "economy");
    assert!(
        desk.screen(80, 24)
            .contains("TEST23: instead of UA101 WE 25NOV JFK-LAX")
    );
    let effects = desk.types("<enter>");
    assert!(matches!(effects[0], Effect::Itineraries { .. }));
    desk.finds(vec![other()], None);
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("TEST23: instead of UA101") && screen.contains("Enter take"),
        "{screen}"
    );
    desk.types("<enter>");
    assert_eq!(desk.layers(), ["Search", "Bookings", "Booking", "Question"]);
    let screen = desk.screen(80, 24);
    for text in [
        "Rebook TEST23?",
        "UA101 WE 25NOV JFK-LAX 07:20 10:30 Y TK",
        "→ UA7 WE 25NOV JFK-LAX 08:00 11:10 Y",
        "Total 100.00 USD → 150.00 USD (+50.00 USD)",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    let effects = desk.types("y");
    let operation = sends(&mut desk, &effects);
    let OperationKind::Rebook { body, .. } = &operation.kind else {
        panic!("{operation:?}");
    };
    assert_eq!(body.expected_total, Some(usd(150)));
    let replacement = body.segments[0].replacement.as_ref().unwrap();
    assert_eq!(replacement.flight_id, offer(7, &[]).flight_id);
    assert_eq!(operation.seats(replacement.flight_id, Cabin::Economy), 1);
    let screen = desk.screen(80, 24);
    for text in ["XX   given up", "UA7", "150.00 USD", "rebooking"] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    desk.types("<esc>");
    let list = desk.screen(80, 24);
    assert!(
        list.contains("UA7 JFK-LAX") && !list.contains("UA101"),
        "{list}"
    );
    let mut rebooked = booking(1, passenger("SMITH", "ANN"), &other());
    rebooked.version = 3;
    rebooked.total = usd(150);
    desk.confirmed(&operation.key, rebooked);
    assert_eq!(
        desk.message(),
        Some((Tone::Good, "TEST23 rebooked, total 150.00 USD"))
    );
}

#[test]
fn which_of_several_flights_is_chosen_beginning_with_the_one_that_changed() {
    let mut desk = open(changed(&[HK, UN]));
    desk.types("b");
    assert_eq!(desk.layers().last(), Some(&"Which flight?"));
    desk.types("<enter>");
    assert_eq!(desk.field("origin"), "ORD · Chicago");
    desk.types("<enter>");
    let mut onward = offer(9, &[(Cabin::Economy, 0, 80)]);
    onward.origin = "ORD".parse().unwrap();
    desk.finds(vec![connection(), itinerary_of(vec![onward])], None);
    desk.types("<enter>");
    assert!(desk.message().unwrap().1.contains("choose a nonstop one"));
    desk.types("<down><enter>");
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("the other flights stay at what they cost"),
        "{screen}"
    );
    assert!(
        screen.contains("0 seats are left, 1 are needed"),
        "{screen}"
    );
    let effects = desk.types("y");
    let operation = sends(&mut desk, &effects);
    let OperationKind::Rebook { body, preview, .. } = &operation.kind else {
        panic!("{operation:?}");
    };
    assert_eq!((body.segments[0].segment, body.expected_total), (2, None));
    let codes: Vec<&str> = preview.segments.iter().map(|s| s.status.code()).collect();
    assert_eq!(codes, ["HK", "XX", "HK"]);
}

#[test]
fn the_same_flight_is_no_other_one_and_no_means_no() {
    let mut desk = looking(changed(&[HK]));
    desk.finds(vec![direct(101), other()], None);
    desk.types("<enter>");
    assert!(desk.message().unwrap().1.contains("choose another one"));
    desk.types("d");
    assert_eq!(desk.layers().last(), Some(&"Itinerary"));
    desk.types("<esc><down>d<enter>n");
    assert_eq!(desk.layers(), ["Search", "Bookings", "Booking"]);
    assert_eq!(desk.state.ledger.operations().count(), 0);
}

#[test]
fn a_search_of_its_own_leaves_the_rebooking() {
    let mut desk = looking(changed(&[TK]));
    desk.finds(vec![other()], None);
    desk.types("<f2>");
    assert!(desk.screen(80, 24).contains("Where to?"));
    assert!(!desk.layers().contains(&"Flights found"));
}

#[rstest]
#[case(
    problem(Code::SoldOut, "UA7 is sold out"),
    "Not rebooked: UA7 is sold out"
)]
#[case(
    problem(Code::StaleVersion, "the version is 3"),
    "Not rebooked: the booking was changed meanwhile, look at it again"
)]
#[case(
    problem(Code::FareChanged, "the total is 160.00 USD, not 150.00 USD"),
    "Not rebooked: the total is 160.00 USD, not 150.00 USD; choose the flight again"
)]
#[case(
    wrong_field("segments[0].replacement.flight_id", "does not connect"),
    "Not rebooked: does not connect"
)]
fn a_refusal_is_told_in_plain_words_and_all_is_as_it_was(#[case] no: Problem, #[case] words: &str) {
    let mut desk = looking(changed(&[TK]));
    desk.finds(vec![other()], None);
    let effects = desk.types("<enter>y");
    let operation = sends(&mut desk, &effects);
    desk.refused(&operation.key, no);
    assert_eq!(desk.message(), Some((Tone::Error, words)));
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("TK   new times") && !screen.contains("  UA7 "),
        "{screen}"
    );
    assert!(screen.contains("100.00 USD"), "{screen}");
    assert_eq!(desk.state.ledger.operations().count(), 0);
}

#[test]
fn a_booking_that_changed_after_the_question_is_looked_at_again() {
    let mut desk = looking(changed(&[TK]));
    desk.finds(vec![other()], None);
    desk.types("<enter>");
    let mut newer = changed(&[UN]);
    newer.version = 3;
    desk.happens(Event::Fetched {
        locator: newer.locator,
        result: Ok(Box::new(newer)),
    });
    assert!(submitted(&desk.types("y")).is_none());
    assert!(desk.message().unwrap().1.contains("has changed meanwhile"));
}

#[test]
fn what_happens_to_a_flight_is_told_where_its_booking_is_open() {
    let mut before = changed(&[HK]);
    before.version = 1;
    let mut desk = open(before);
    let effects = desk.happens(Event::Live(Box::new(Live::News(News::Booking(
        BookingChanged {
            kind: "booking.changed".to_owned(),
            locator: locator(1),
            version: 2,
            office: "NYC1A0001".parse().unwrap(),
            operation: None,
        },
    )))));
    assert_eq!(effects.len(), 1, "it is read: {effects:?}");
    desk.happens(Event::Fetched {
        locator: locator(1),
        result: Ok(Box::new(changed(&[TK]))),
    });
    assert_eq!(
        desk.message(),
        Some((Tone::Warning, "TEST23: UA101 leaves 25NOV 07:20 now"))
    );
    let mut gone = changed(&[UN]);
    gone.version = 3;
    desk.happens(Event::Fetched {
        locator: locator(1),
        result: Ok(Box::new(gone)),
    });
    assert_eq!(
        desk.message(),
        Some((Tone::Warning, "TEST23: UA101 is cancelled"))
    );
}
