//! Changes of flights and their end, and the bookings that these touch.

use airside_common::api::bookings::{Booking, BookingPage};
use airside_common::api::flights::{Flight, PatchFlight};
use airside_common::api::problem::{Code, FieldError};
use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::flight::{Cabin, FlightStatus};
use rstest::rstest;

use crate::keymap::Keymap;
use crate::store::action::{Event, Failure};
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::screen::flight_change::{FlightChange, Progress};
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{
    booking, broken, direct, flight, logged_out, offline, passenger, problem, refused, usd,
};

/// The list with two flights.
fn listed() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<f4>");
    desk.reads_flights(vec![flight(101), flight(102)]);
    desk
}

fn asked(desk: &Desk) -> &FlightChange {
    let found = desk.state.layers.iter().find_map(|layer| match layer {
        Layer::FlightChange(change) => Some(change.as_ref()),
        _ => None,
    });
    found.expect("it is asked")
}

/// A booking of so many on flight 101.
fn booked(n: usize, passengers: usize, status: SegmentStatus) -> Booking {
    let mut made = booking(n, passenger("SMITH", "ANN"), &direct(101));
    made.passengers = vec![passenger("SMITH", "ANN"); passengers];
    made.segments[0].status = status;
    if status == SegmentStatus::Xx {
        made.status = BookingStatus::Cancelled;
    }
    made
}

fn page(desk: &mut Desk, result: Result<Vec<Booking>, Failure>, next: Option<&str>) -> Vec<Effect> {
    desk.happens(Event::FlightBookings {
        request: desk.state.requests,
        result: result.map(|items| BookingPage {
            items,
            next_cursor: next.map(str::to_owned),
        }),
    })
}

fn patched(desk: &mut Desk, result: Result<Flight, Failure>) -> Vec<Effect> {
    desk.happens(Event::FlightPatched {
        request: desk.state.requests,
        flight: flight(101).id,
        result: result.map(Box::new),
    })
}

fn read(desk: &mut Desk, result: Result<Flight, Failure>) -> Vec<Effect> {
    desk.happens(Event::Flight {
        request: desk.state.requests,
        flight: flight(101).id,
        result: result.map(Box::new),
    })
}

fn stale() -> Failure {
    refused(&problem(Code::StaleVersion, "the flight has version 4"))
}

/// What the console asks the server to change.
fn patch(effects: &[Effect]) -> &PatchFlight {
    match effects {
        [Effect::PatchFlight { patch, .. }] => patch,
        other => panic!("{other:?}"),
    }
}

/// The departure is put to 09:15, and the two bookings that this touches are there.
fn moved() -> Desk {
    let mut desk = listed();
    desk.types("e<ctrl-u>0915<enter>");
    let two = vec![
        booked(1, 2, SegmentStatus::Hk),
        booked(2, 1, SegmentStatus::Tk),
    ];
    page(&mut desk, Ok(two), None);
    desk
}

#[test]
fn the_form_has_what_is_and_asks_for_nothing_as_long_as_it_is_so() {
    let mut desk = listed();
    assert_eq!(desk.types("e"), []);
    for (field, content) in [
        ("departure", "08:00"),
        ("arrival", "11:10"),
        ("arrival_day", "the same day"),
        ("aircraft", "738"),
        ("economy.capacity", "150"),
        ("economy.fare", "100.00"),
        ("first.capacity", ""),
    ] {
        assert_eq!(desk.field(field), content, "{field}");
    }
    assert_eq!(desk.types("<enter>"), []);
    assert_eq!(desk.message(), Some((Tone::Info, "Nothing is changed yet")));
}

#[test]
fn the_bookings_that_a_change_touches_are_counted_before_it_is_done() {
    let mut desk = listed();
    let effects = desk.types("e<ctrl-u>0915<enter>");
    let [
        Effect::FlightBookings {
            flight: of,
            cursor: None,
            ..
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(*of, flight(101).id);
    assert_eq!(desk.types("y"), [], "they are not all here");
    let first = vec![
        booked(1, 2, SegmentStatus::Hk),
        booked(2, 1, SegmentStatus::Xx),
        booked(3, 3, SegmentStatus::Hl),
        booked(4, 1, SegmentStatus::Un),
    ];
    let next = page(&mut desk, Ok(first), Some("77"));
    assert!(matches!(&next[..], [Effect::FlightBookings { cursor: Some(c), .. }] if c == "77"));
    assert!(desk.screen(80, 24).contains("so far"));
    assert_eq!(desk.types("y"), []);
    page(&mut desk, Ok(vec![booked(5, 1, SegmentStatus::Tk)]), None);
    let screen = desk.screen(80, 24);
    for text in [
        "3 bookings, 6 passengers: they are told of the new times",
        "Departure  08:00 WE 25NOV → 09:15 WE 25NOV",
        "NYC1A0001",
        "HL",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    assert!(
        !screen.contains("XX") && !screen.contains("UN "),
        "{screen}"
    );
    assert_eq!(desk.types("<enter>"), [], "y is meant");
    let effects = desk.types("yy");
    let [Effect::PatchFlight { version: 3, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(
        patch(&effects).departure.unwrap().0.to_string(),
        "2026-11-25T09:15:00"
    );
    let only_that = PatchFlight {
        departure: patch(&effects).departure,
        ..PatchFlight::default()
    };
    assert_eq!(*patch(&effects), only_that);
    let mut now = flight(101);
    now.version = 4;
    now.departure = "2026-11-25T09:15:00-05:00".parse().unwrap();
    patched(&mut desk, Ok(now));
    assert_eq!(desk.layers(), ["Search", "Flights"]);
    assert_eq!(
        desk.message(),
        Some((
            Tone::Good,
            "UA101 WE 25NOV changed: 3 bookings will be told"
        ))
    );
    assert!(desk.screen(80, 24).contains("09:15"));
}

#[test]
fn all_that_can_change_is_sent_and_nothing_else() {
    let mut desk = listed();
    desk.types("e<tab><ctrl-u>0110<tab><right><tab><ctrl-u>739<tab>4<tab>2500<tab><tab><tab><tab>");
    let effects = desk.types("<tab><ctrl-u>160<tab><ctrl-u>99.50<enter>");
    assert!(
        matches!(&effects[..], [Effect::FlightBookings { .. }]),
        "{effects:?}"
    );
    page(&mut desk, Ok(Vec::new()), None);
    assert!(desk.screen(80, 24).contains("Nobody is booked on it"));
    let effects = desk.types("y");
    let patch = patch(&effects);
    assert_eq!(patch.departure, None);
    assert_eq!(patch.arrival.unwrap().0.to_string(), "2026-11-26T01:10:00");
    assert_eq!(patch.aircraft.unwrap().as_str(), "739");
    let cabins: Vec<_> = patch.cabins.iter().flatten().collect();
    let cabins: Vec<_> = cabins
        .iter()
        .map(|c| (c.cabin, c.capacity, c.fare))
        .collect();
    assert_eq!(
        cabins,
        [
            (Cabin::First, 4, usd(2500)),
            (
                Cabin::Economy,
                160,
                airside_common::money::Money::parse("99.50", usd(1).currency()).unwrap()
            )
        ]
    );
}

#[test]
fn nobody_is_told_of_a_fare() {
    let mut desk = listed();
    desk.types("e<backtab><ctrl-u>120<enter>");
    page(&mut desk, Ok(vec![booked(1, 1, SegmentStatus::Hk)]), None);
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("nobody is told, its times stay"),
        "{screen}"
    );
    desk.types("y");
    patched(&mut desk, Ok(flight(101)));
    assert_eq!(
        desk.message().unwrap().1,
        "UA101 WE 25NOV changed: its times stay, and nobody is told"
    );
}

#[rstest]
#[case("<ctrl-u>25:00<enter>", "departure")]
#[case("<tab><ctrl-u><enter>", "arrival")]
#[case("<tab><tab><tab><ctrl-u>x<enter>", "aircraft")]
#[case("<tab><tab><tab><tab>4<enter>", "first.fare")]
#[case("<backtab><backtab><ctrl-u><enter>", "economy.capacity")]
#[case("<backtab><backtab><ctrl-u>901<enter>", "economy.capacity")]
fn what_is_wrong_is_told_at_its_field(#[case] keys: &str, #[case] field: &str) {
    let mut desk = listed();
    desk.types("e");
    assert_eq!(desk.types(keys), []);
    assert_eq!(desk.focus(), field);
    assert!(desk.error(field).is_some());
}

#[rstest]
#[case(Code::InvalidRequest, "departure", "departure")]
#[case(Code::FlightHasBookings, "aircraft", "aircraft")]
#[case(Code::FlightHasBookings, "cabins[1].capacity", "economy.capacity")]
#[case(Code::InvalidRequest, "cabins[0].fare", "first.fare")]
#[case(Code::InvalidRequest, "cabins", "first.capacity")]
fn a_refusal_stands_at_the_field_that_it_names(
    #[case] code: Code,
    #[case] named: &str,
    #[case] field: &str,
) {
    let mut desk = listed();
    desk.types("e<tab><tab><tab><tab>4<tab>2500<backtab><backtab><backtab>");
    desk.types("<backtab><backtab><backtab><backtab><ctrl-u>10<enter>");
    page(&mut desk, Ok(vec![booked(1, 1, SegmentStatus::Hk)]), None);
    desk.types("y");
    let mut no = problem(code, "it cannot be");
    no.errors.push(FieldError {
        field: named.to_owned(),
        message: "not so".to_owned(),
    });
    patched(&mut desk, Err(refused(&no)));
    assert_eq!(desk.top().name(), "Change a flight");
    assert_eq!((desk.focus(), desk.error(field)), (field, Some("not so")));
    assert!(desk.screen(80, 24).contains("✗ it cannot be"));
    assert_eq!(
        desk.message(),
        Some((Tone::Error, "Not changed: it cannot be"))
    );
    assert_eq!(
        desk.field("economy.capacity"),
        "10",
        "what was entered stays"
    );
}

#[test]
fn a_flight_that_was_changed_meanwhile_is_shown_and_asked_about_again() {
    let mut desk = moved();
    desk.types("y");
    let effects = patched(&mut desk, Err(stale()));
    assert_eq!(
        effects,
        [Effect::Flight {
            request: desk.state.requests,
            flight: flight(101).id
        }]
    );
    assert_eq!(desk.types("y"), [], "not before it is read");
    let mut now = flight(101);
    now.version = 7;
    now.departure = "2026-11-25T08:40:00-05:00".parse().unwrap();
    now.aircraft = "320".parse().unwrap();
    let effects = read(&mut desk, Ok(now));
    assert!(matches!(
        &effects[..],
        [Effect::FlightBookings { cursor: None, .. }]
    ));
    page(&mut desk, Ok(vec![booked(1, 2, SegmentStatus::Hk)]), None);
    let screen = desk.screen(80, 24);
    for text in [
        "It was changed meanwhile: this is what it is now",
        "Departure  08:40 WE 25NOV → 09:15 WE 25NOV",
        "1 booking, 2 passengers",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    let effects = desk.types("y");
    assert!(matches!(
        &effects[..],
        [Effect::PatchFlight { version: 7, .. }]
    ));
    assert_eq!(patch(&effects).aircraft, None, "nobody asked for that");
    // The entry has what the other has changed, and what was entered here.
    patched(&mut desk, Err(stale()));
    let mut now = flight(101);
    (now.version, now.aircraft) = (8, "739".parse().unwrap());
    read(&mut desk, Ok(now));
    desk.types("<esc>");
    assert_eq!(
        (desk.field("departure"), desk.field("aircraft")),
        ("0915", "739")
    );
}

#[test]
fn what_somebody_else_has_changed_of_a_cabin_is_not_written_back() {
    let mut desk = listed();
    // The fare is typed anew, and is what it was.
    desk.types("e<backtab><ctrl-u>100<backtab><ctrl-u>160<enter>");
    page(&mut desk, Ok(Vec::new()), None);
    let effects = desk.types("y");
    let cabin = |effects: &[Effect]| patch(effects).cabins.clone().unwrap()[0].clone();
    assert_eq!(
        (cabin(&effects).capacity, cabin(&effects).fare),
        (160, usd(100))
    );
    patched(&mut desk, Err(stale()));
    let mut now = flight(101);
    (now.version, now.cabins[0].fare) = (4, usd(120));
    read(&mut desk, Ok(now));
    page(&mut desk, Ok(Vec::new()), None);
    let screen = desk.screen(80, 24);
    let line = "150 seats, 120.00 USD → 160 seats, 120.00 USD";
    assert!(screen.contains(line), "{screen}");
    let effects = desk.types("y");
    assert_eq!(
        (cabin(&effects).capacity, cabin(&effects).fare),
        (160, usd(120))
    );
}

#[test]
fn an_answer_closes_the_entry_that_it_is_for_and_no_newer_one() {
    let mut desk = moved();
    desk.types("y<esc><esc>");
    let first = desk.state.requests;
    desk.types("e<tab><tab><tab><ctrl-u>320<enter>");
    page(&mut desk, Ok(Vec::new()), None);
    desk.types("y");
    let layers = ["Search", "Flights", "Change a flight", "What it touches"];
    let mut now = flight(101);
    now.version = 4;
    now.departure = "2026-11-25T09:15:00-05:00".parse().unwrap();
    desk.happens(Event::FlightPatched {
        request: first,
        flight: now.id,
        result: Ok(Box::new(now)),
    });
    assert_eq!(desk.layers(), layers);
    assert_eq!(desk.message(), Some((Tone::Good, "UA101 WE 25NOV changed")));
    assert!(matches!(asked(&desk).progress, Progress::Sending(_)));
    let mut now = flight(101);
    (now.version, now.aircraft) = (5, "320".parse().unwrap());
    patched(&mut desk, Ok(now));
    assert_eq!(desk.layers(), ["Search", "Flights"]);
}

#[test]
fn what_somebody_else_has_done_already_is_told() {
    let mut desk = moved();
    desk.types("y");
    patched(&mut desk, Err(stale()));
    let mut now = flight(101);
    now.departure = "2026-11-25T09:15:00-05:00".parse().unwrap();
    read(&mut desk, Ok(now));
    assert_eq!(desk.layers(), ["Search", "Flights"]);
    let words = "UA101 WE 25NOV is so already: it was changed meanwhile";
    assert_eq!(desk.message(), Some((Tone::Warning, words)));

    let mut desk = moved();
    desk.types("y");
    patched(&mut desk, Err(stale()));
    let mut now = flight(101);
    now.status = FlightStatus::Cancelled;
    read(&mut desk, Ok(now));
    assert_eq!(desk.layers(), ["Search", "Flights"]);
    assert!(desk.screen(80, 24).contains("CANCELLED"));
    assert!(desk.message().unwrap().1.contains("is cancelled already"));
}

#[test]
fn a_flight_is_cancelled_once_its_bookings_are_known() {
    let mut desk = listed();
    let effects = desk.types("x");
    assert!(matches!(&effects[..], [Effect::FlightBookings { .. }]));
    page(&mut desk, Ok(vec![booked(1, 2, SegmentStatus::Hk)]), None);
    let screen = desk.screen(80, 24);
    assert!(screen.contains("Cancel flight UA101?"), "{screen}");
    assert!(
        screen.contains("1 booking, 2 passengers: they lose their flight"),
        "{screen}"
    );
    assert_eq!(desk.types("n"), []);
    assert_eq!(desk.layers(), ["Search", "Flights"]);
    desk.types("x");
    page(&mut desk, Ok(vec![booked(1, 2, SegmentStatus::Hk)]), None);
    let id = flight(101).id;
    let effects = desk.types("y");
    assert_eq!(
        effects,
        [Effect::CancelFlight {
            request: desk.state.requests,
            flight: id,
            version: 3
        }]
    );
    let mut gone = flight(101);
    (gone.status, gone.version) = (FlightStatus::Cancelled, 4);
    desk.happens(Event::FlightCancelled {
        request: desk.state.requests,
        flight: id,
        result: Ok(Box::new(gone)),
    });
    assert_eq!(desk.layers(), ["Search", "Flights"]);
    assert!(desk.screen(80, 24).contains("CANCELLED"));
    let words = "UA101 WE 25NOV cancelled: 1 booking will be told";
    assert_eq!(desk.message(), Some((Tone::Good, words)));
    for keys in ["x", "e"] {
        assert_eq!(desk.types(keys), []);
        assert_eq!(
            desk.message(),
            Some((Tone::Info, "It is cancelled already"))
        );
    }
}

#[test]
fn bookings_that_cannot_be_read_are_told_and_hold_up_nobody() {
    let mut desk = listed();
    desk.types("x");
    page(&mut desk, Err(offline()), None);
    let screen = desk.screen(100, 24);
    assert!(
        screen.contains("cannot be read, 20 seats are sold"),
        "{screen}"
    );
    let effects = desk.types("r");
    assert!(matches!(&effects[..], [Effect::Flight { .. }]));
    let effects = read(&mut desk, Ok(flight(101)));
    assert!(matches!(&effects[..], [Effect::FlightBookings { .. }]));
    assert!(desk.screen(100, 24).contains("It is as it was"));
    page(&mut desk, Err(offline()), None);
    assert!(matches!(
        &desk.types("y")[..],
        [Effect::CancelFlight { .. }]
    ));
    desk.happens(Event::FlightCancelled {
        request: desk.state.requests,
        flight: flight(101).id,
        result: Err(offline()),
    });
    assert_eq!(
        asked(&desk).progress,
        Progress::Open,
        "it may be tried again"
    );
    let screen = desk.screen(100, 24);
    let words = "Not cancelled: the server cannot be reached: connection refused";
    assert!(screen.contains(words), "{screen}");
    assert!(matches!(desk.message(), Some((Tone::Error, _))));
}

#[rstest]
#[case(broken(), "the connection broke: it took too long")]
#[case(refused(&problem(Code::Unavailable, "the database is away")), "the database is away")]
fn whether_it_was_done_is_not_known_where_no_answer_tells(
    #[case] failure: Failure,
    #[case] why: &str,
) {
    let mut desk = moved();
    desk.types("y");
    patched(&mut desk, Err(failure));
    let words = format!("It is not known whether UA101 WE 25NOV was changed; F5 shows it: {why}");
    assert_eq!(desk.message(), Some((Tone::Error, words.as_str())));
    assert_eq!(asked(&desk).notice.as_deref(), Some(words.as_str()));
    let effects = desk.types("<f5>");
    assert!(matches!(&effects[..], [Effect::Flight { .. }]));
    let mut now = flight(101);
    now.departure = "2026-11-25T09:15:00-05:00".parse().unwrap();
    read(&mut desk, Ok(now));
    let words = "UA101 WE 25NOV is so already: it was changed meanwhile";
    assert_eq!(desk.message(), Some((Tone::Warning, words)));
}

#[test]
fn what_is_said_of_keys_follows_the_keymap() {
    let mut desk = moved();
    let rule = |key, run| {
        format!("[[rule]]\non = '{key}'\nwhen = ['flight-change']\nrun = '{run}'\ndescribe = ''\n")
    };
    let text = ["f9", "f8", "f7"]
        .into_iter()
        .zip(["refresh", "confirm", "back"]);
    let text: String = text.map(|(key, run)| rule(key, run)).collect();
    desk.state.keymap = Keymap::with_user(&text).unwrap();
    desk.types("<enter>");
    let words = "F8 does it; F7 leaves the flight as it is";
    assert_eq!(desk.message(), Some((Tone::Info, words)));
    desk.types("y");
    patched(&mut desk, Err(broken()));
    assert!(desk.message().unwrap().1.contains("; F9 shows it:"));
}

#[test]
fn late_answers_and_an_ended_session_lose_nothing() {
    let mut desk = listed();
    desk.types("x<esc>");
    page(&mut desk, Ok(vec![booked(1, 1, SegmentStatus::Hk)]), None);
    assert_eq!(desk.layers(), ["Search", "Flights"]);
    desk.types("x");
    page(&mut desk, Err(logged_out()), None);
    assert_eq!(
        desk.layers(),
        ["Search", "Flights", "What it touches", "Log in"]
    );
}

#[test]
fn an_answer_to_a_question_that_was_left_is_told() {
    let mut desk = moved();
    desk.types("y<esc><esc>");
    assert_eq!(desk.layers(), ["Search", "Flights"]);
    patched(&mut desk, Err(stale()));
    let words = "Not changed: it was changed meanwhile";
    assert_eq!(desk.message(), Some((Tone::Warning, words)));
    let mut now = flight(101);
    now.aircraft = "320".parse().unwrap();
    read(&mut desk, Ok(now));
    assert!(desk.screen(80, 24).contains("320"));
}

#[test]
fn many_bookings_are_read_to_a_bound() {
    let mut desk = listed();
    desk.types("x");
    let mut pages = 0;
    loop {
        pages += 1;
        let more = page(
            &mut desk,
            Ok(vec![booked(pages, 1, SegmentStatus::Hk)]),
            Some("1"),
        );
        if more.is_empty() {
            break;
        }
        assert!(pages < 100);
    }
    assert_eq!(pages, 50);
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("50 bookings, 50 passengers at least"),
        "{screen}"
    );
    desk.types("<end>");
    let last = asked(&desk).bookings.items[49].locator.to_string();
    assert!(desk.screen(80, 24).contains(&last));
}

#[test]
fn bookings_that_are_read_anew_are_shown_from_the_first() {
    let mut desk = listed();
    desk.types("x");
    let many = (1..=30).map(|n| booked(n, 1, SegmentStatus::Hk)).collect();
    page(&mut desk, Ok(many), None);
    desk.types("<end><f5>");
    read(&mut desk, Ok(flight(101)));
    page(&mut desk, Ok(vec![booked(7, 1, SegmentStatus::Hk)]), None);
    assert_eq!((asked(&desk).list.at, asked(&desk).list.top), (0, 0));
}
