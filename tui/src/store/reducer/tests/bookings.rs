//! The list of bookings, and one of them.

use airside_common::api::bookings::{Booking, HistoryEntry};
use airside_common::api::problem::Code;
use airside_common::booking::BookingStatus;
use airside_common::time::Instant;
use rstest::rstest;

use crate::effects::http::calls::BookingFilter;
use crate::store::action::Event;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::ledger::LedgerEffect;
use crate::store::ledger::answer::SetbackKind;
use crate::store::operation::OperationKind;
use crate::store::screen::bookings::Bookings;
use crate::store::state::{Connection, Tone};
use crate::trial::desk::{Desk, sent, submitted};
use crate::trial::specimens::{booking, direct, made, noon, offline, passenger, problem, refused};

fn list(desk: &Desk) -> &Bookings {
    desk.state
        .layers
        .iter()
        .find_map(|layer| match layer {
            Layer::Bookings(bookings) => Some(bookings.as_ref()),
            _ => None,
        })
        .expect("the bookings are open")
}

fn read(n: usize, surname: &str) -> Booking {
    booking(
        n,
        passenger(surname, "ANN"),
        &direct(100 + u16::try_from(n).unwrap()),
    )
}

/// The list with the bookings of Baker, Young and Smith, the newest first.
fn listed() -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    desk.reads(vec![read(3, "BAKER"), read(2, "YOUNG"), read(1, "SMITH")]);
    desk
}

/// Rows of the list as they stand on the screen.
fn names(desk: &Desk) -> Vec<&'static str> {
    let screen = desk.screen(120, 30);
    let mut found: Vec<(usize, &str)> = ["BAKER", "YOUNG", "SMITH", "smith"]
        .into_iter()
        .filter_map(|name| Some((screen.find(name)?, name)))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).collect()
}

fn asked(effects: &[Effect]) -> &BookingFilter {
    match effects {
        [Effect::Bookings { filter, .. }] => filter,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_list_is_read_when_it_opens() {
    let mut desk = Desk::agent();
    asked(&desk.types("<f3>"));
    assert!(desk.screen(80, 24).contains("Reading"));
    desk.reads(Vec::new());
    assert!(desk.screen(80, 24).contains("No bookings here"));
    desk.types("<f5>");
    desk.reads(vec![read(1, "SMITH")]);
    assert_eq!(names(&desk), ["SMITH"]);
}

#[test]
fn the_filter_narrows_while_it_is_typed_and_asks_at_the_end() {
    let mut desk = listed();
    assert_eq!(names(&desk), ["BAKER", "YOUNG", "SMITH"]);
    assert_eq!(desk.types("fyoung"), []);
    assert_eq!(names(&desk), ["YOUNG"]);
    assert_eq!(
        asked(&desk.types("<enter>")).surname.as_deref(),
        Some("young")
    );
    assert_eq!(names(&desk), ["YOUNG"]);
    assert_eq!(asked(&desk.types("<esc>")).surname, None);
    assert_eq!(names(&desk), ["BAKER", "YOUNG", "SMITH"]);
}

#[rstest]
#[case("ua102", &["YOUNG"])]
#[case("test23", &["SMITH"])]
#[case("confirmed ann", &["BAKER", "YOUNG", "SMITH"])]
#[case("lax 25nov", &["BAKER", "YOUNG", "SMITH"])]
#[case("nobody", &[])]
fn the_filter_finds_by_flight_locator_status_and_place(
    #[case] typed: &str,
    #[case] found: &[&str],
) {
    let mut desk = listed();
    desk.types("/");
    desk.types(typed);
    assert_eq!(names(&desk), found);
    desk.types("<esc>");
    assert_eq!(names(&desk).len(), 3, "escape takes the filter away");
}

#[rstest]
#[case(
    "cancelled ua101 smith",
    Some(BookingStatus::Cancelled),
    Some("UA101"),
    Some("smith")
)]
#[case("jfk", None, None, None)]
fn the_server_is_asked_for_what_it_knows_to_narrow_by(
    #[case] typed: &str,
    #[case] status: Option<BookingStatus>,
    #[case] flight: Option<&str>,
    #[case] surname: Option<&str>,
) {
    let mut desk = listed();
    desk.types("f");
    desk.types(typed);
    let effects = desk.types("<enter>");
    let filter = asked(&effects);
    assert_eq!(filter.status, status);
    assert_eq!(filter.flight.as_deref(), flight);
    assert_eq!(filter.surname.as_deref(), surname);
}

#[test]
fn the_cursor_stays_on_its_booking_when_others_come_above_it() {
    let mut desk = listed();
    desk.types("<down>");
    let chosen = list(&desk).selected.clone();
    desk.types("<f5>");
    desk.reads(vec![read(5, "NEW"), read(4, "NEWER")]);
    assert_eq!(list(&desk).selected, chosen);
    assert_eq!(list(&desk).list.at, 3);
}

#[test]
fn the_cursor_follows_a_pending_booking_to_its_locator() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.types("<f3>");
    desk.reads(vec![read(40, "BAKER")]);
    desk.types("<home>");
    desk.confirmed(&operation.key, made(1, &operation.key));
    desk.types("<enter>");
    assert!(desk.screen(80, 24).contains("smith") || desk.screen(80, 24).contains("SMITH"));
    assert!(desk.screen(80, 24).contains("TEST23   confirmed"));
}

#[test]
fn a_booking_opens_and_closes() {
    let mut desk = listed();
    desk.types("<down><enter>");
    let screen = desk.screen(80, 24);
    assert!(screen.contains("TEST24   confirmed"), "{screen}");
    assert!(screen.contains("YOUNG/ANN"));
    desk.types("<esc>");
    assert_eq!(desk.layers(), ["Search", "Bookings"]);
}

#[test]
fn a_cancellation_asks_first() {
    let mut desk = listed();
    assert_eq!(desk.types("x"), []);
    let screen = desk.screen(80, 24);
    assert!(screen.contains("Cancel booking TEST25?"), "{screen}");
    assert!(screen.contains("BAKER ANN"));
    assert_eq!(desk.types("n"), []);
    assert_eq!(desk.layers(), ["Search", "Bookings"]);
    assert_eq!(desk.state.ledger.operations().count(), 0);
}

/// The first booking's cancellation, sent.
fn cancelled(desk: &mut Desk) -> airside_common::booking::OperationKey {
    let key = submitted(&desk.types("xy")).unwrap();
    let effects = desk.happens(Event::Journalled {
        key: key.clone(),
        result: Ok(()),
    });
    let operation = sent(&effects).unwrap();
    assert_eq!(operation.kind, OperationKind::Cancel);
    assert_eq!(operation.base_version, Some(1));
    key
}

#[test]
fn a_cancellation_shows_at_once_and_is_confirmed() {
    let mut desk = listed();
    let key = cancelled(&mut desk);
    assert!(desk.screen(80, 24).contains("cancelling"));
    desk.types("x");
    assert_eq!(
        desk.message(),
        Some((Tone::Info, "It is cancelled already"))
    );
    let done = Booking {
        status: BookingStatus::Cancelled,
        version: 2,
        ..read(3, "BAKER")
    };
    desk.confirmed(&key, done);
    assert_eq!(desk.message(), Some((Tone::Good, "TEST25 cancelled")));
    assert!(!desk.screen(80, 24).contains("cancelling"));
}

#[test]
fn a_refused_cancellation_leaves_the_booking_and_reads_what_is_newer() {
    let mut desk = listed();
    let key = cancelled(&mut desk);
    let effects = desk.refused(
        &key,
        problem(Code::StaleVersion, "it was changed meanwhile"),
    );
    assert!(effects.iter().any(|effect| matches!(effect,
        Effect::Ledger(effect) if matches!(effect.as_ref(), LedgerEffect::Fetch(_)))));
    assert_eq!(
        desk.message(),
        Some((Tone::Error, "Not cancelled: it was changed meanwhile"))
    );
    assert!(!desk.screen(80, 24).contains("cancelling"));
    let newer = Booking {
        version: 2,
        ..read(3, "BAKERY")
    };
    desk.happens(Event::Fetched {
        locator: newer.locator,
        result: Ok(Box::new(newer)),
    });
    assert!(desk.screen(80, 24).contains("BAKERY"));
}

#[test]
fn cancelling_a_pending_booking_waits_for_it() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let create = desk.books();
    let cancel = submitted(&desk.types("xy")).unwrap();
    let effects = desk.happens(Event::Journalled {
        key: cancel.clone(),
        result: Ok(()),
    });
    assert_eq!(sent(&effects), None);
    let effects = desk.confirmed(&create.key, made(1, &create.key));
    assert_eq!(sent(&effects).map(|o| o.key), Some(cancel));
}

#[test]
fn cancelling_a_pending_booking_that_is_refused_comes_to_nothing() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let create = desk.books();
    let cancel = submitted(&desk.types("xy")).unwrap();
    desk.happens(Event::Journalled {
        key: cancel,
        result: Ok(()),
    });
    desk.refused(&create.key, problem(Code::SoldOut, "sold out"));
    assert_eq!(desk.state.ledger.operations().count(), 0);
    assert_eq!(desk.state.ledger.drafts().count(), 1);
}

/// A refused booking in the list.
fn with_draft() -> Desk {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.types("<f3>");
    desk.refused(&operation.key, problem(Code::SoldOut, "sold out"));
    desk.reads(vec![read(2, "YOUNG")]);
    desk.types("<home>");
    desk
}

#[test]
fn a_refused_booking_stands_first_and_is_found_as_such() {
    let mut desk = with_draft();
    assert_eq!(names(&desk), ["smith", "YOUNG"]);
    desk.types("frefused");
    assert_eq!(names(&desk), ["smith"]);
}

#[test]
fn a_refused_booking_is_thrown_away_after_a_question() {
    let mut desk = with_draft();
    desk.types("x");
    assert!(desk.screen(80, 24).contains("Throw it away?"));
    desk.types("<esc>");
    assert_eq!(desk.state.ledger.drafts().count(), 1);
    let effects = desk.types("x<enter>");
    assert_eq!(effects.len(), 1, "it is written down");
    assert_eq!(desk.state.ledger.drafts().count(), 0);
    assert_eq!(names(&desk), ["YOUNG"]);
}

#[test]
fn a_refused_booking_is_corrected_after_a_restart_too() {
    let desk = with_draft();
    let drafts: Vec<_> = desk.state.ledger.drafts().cloned().collect();
    let mut start = crate::trial::specimens::opened(Some(crate::trial::specimens::session(
        "demo",
        airside_common::user::Role::Agent,
    )));
    start.saved.drafts = drafts;
    let mut desk = Desk::starting();
    desk.happens(Event::Opened(Box::new(start)));
    desk.types("<f3>");
    desk.reads(Vec::new());
    desk.types("<enter>");
    assert_eq!(desk.field("passengers[0].surname"), "smith");
    assert!(desk.screen(80, 24).contains("✗ Not booked: sold out"));
    let again = desk.books();
    let OperationKind::Create { body, .. } = again.kind else {
        panic!("a cancellation");
    };
    assert_eq!(
        body.segments[0].flight_id,
        direct(101).segments[0].flight_id
    );
    assert_eq!(desk.state.ledger.drafts().count(), 0);
}

#[test]
fn the_locator_is_copied() {
    let mut desk = listed();
    assert_eq!(desk.types("c"), [Effect::Copy("TEST25".to_owned())]);
    desk.types("<enter>");
    assert_eq!(desk.types("y"), [Effect::Copy("TEST25".to_owned())]);
}

#[test]
fn a_pending_booking_has_no_locator_and_no_history() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.books();
    assert_eq!(desk.types("c"), []);
    assert!(desk.message().unwrap().1.starts_with("It has no locator"));
    assert_eq!(desk.types("h"), []);
    assert!(desk.message().unwrap().1.starts_with("It has no history"));
}

#[test]
fn the_history_opens_and_closes() {
    let mut desk = listed();
    desk.types("<enter>");
    let locator = read(3, "BAKER").locator;
    assert_eq!(desk.types("h"), [Effect::History { locator }]);
    desk.happens(Event::History {
        locator,
        result: Ok(vec![HistoryEntry {
            version: 1,
            at: Instant(noon()),
            by: "demo".parse().unwrap(),
            action: "booking.created".to_owned(),
            detail: "1 passenger".to_owned(),
        }]),
    });
    assert!(desk.screen(80, 30).contains("booking.created  demo"));
    assert_eq!(desk.types("h"), []);
    assert!(!desk.screen(80, 30).contains("booking.created"));
    desk.types("h");
    desk.happens(Event::History {
        locator,
        result: Err(offline()),
    });
    assert!(desk.screen(80, 30).contains("connection refused"));
}

#[test]
fn a_booking_that_is_gone_leaves_the_list() {
    let mut desk = listed();
    desk.types("<enter>");
    let locator = read(3, "BAKER").locator;
    let effects = desk.types("<f5>");
    assert_eq!(effects, [Effect::from(LedgerEffect::Fetch(locator))]);
    desk.happens(Event::Fetched {
        locator,
        result: Err(refused(&problem(Code::NotFound, "not found"))),
    });
    assert!(desk.screen(80, 24).contains("no longer there"));
    desk.types("<esc>");
    assert_eq!(names(&desk), ["YOUNG", "SMITH"]);
}

#[test]
fn offline_the_list_stays_and_says_so_and_pending_work_hurries_afterwards() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.unanswered(&operation.key, SetbackKind::Unreached);
    desk.types("<f3>");
    let request = desk.state.requests;
    desk.happens(Event::Bookings {
        request,
        result: Err(offline()),
    });
    assert!(matches!(desk.state.connection, Connection::Offline(_)));
    assert!(desk.screen(80, 24).contains("OFFLINE"));
    assert_eq!(names(&desk), ["smith"]);
    desk.types("<f5>");
    let effects = desk.reads(Vec::new());
    assert_eq!(sent(&effects).map(|o| o.key), Some(operation.key));
    assert_eq!(desk.state.connection, Connection::Online);
}

#[test]
fn what_is_a_week_old_is_asked_about() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.unanswered(&operation.key, SetbackKind::Unclear);
    let week = 7 * 24 * 3600 + 60;
    assert_eq!(sent(&desk.waits(week)), None);
    assert!(desk.screen(80, 24).contains("Send it still?"));
    let effects = desk.types("y");
    assert_eq!(sent(&effects).map(|o| o.key), Some(operation.key.clone()));
    desk.unanswered(&operation.key, SetbackKind::Unclear);
    assert_eq!(sent(&desk.waits(60)).map(|o| o.key), Some(operation.key));
}

#[test]
fn what_is_a_week_old_and_not_wanted_becomes_a_draft() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.unanswered(&operation.key, SetbackKind::Unclear);
    desk.waits(7 * 24 * 3600 + 60);
    desk.types("n");
    assert_eq!(desk.state.ledger.operations().count(), 0);
    assert_eq!(desk.state.ledger.drafts().count(), 1);
    desk.types("<f3>");
    desk.reads(Vec::new());
    let screen = desk.screen(80, 24);
    assert!(screen.contains("taken back"), "{screen}");
    desk.types("ftaken");
    assert_eq!(names(&desk), ["smith"]);
}

/// The record of a booking in a state.
fn open_record(status: BookingStatus) -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    let mut booking = read(1, "SMITH");
    booking.status = status;
    if status == BookingStatus::Held {
        booking.time_limit = Some(Instant(noon() + jiff::SignedDuration::from_hours(6)));
    }
    desk.reads(vec![booking]);
    desk.types("<enter>");
    desk
}

#[test]
fn a_held_booking_is_confirmed_without_a_question() {
    let mut desk = open_record(BookingStatus::Held);
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("until 24NOV26 18:00") || screen.contains("18:00"),
        "{screen}"
    );
    let key = submitted(&desk.types("t")).expect("it is asked for");
    assert!(desk.screen(80, 24).contains("confirming"));
    assert_eq!(desk.layers().last(), Some(&"Booking"));
    let effects = desk.happens(Event::Journalled {
        key: key.clone(),
        result: Ok(()),
    });
    let operation = sent(&effects).expect("it is sent");
    assert_eq!(
        (operation.kind, operation.base_version),
        (OperationKind::Confirm, Some(1))
    );
    let mut confirmed = read(1, "SMITH");
    confirmed.version = 2;
    desk.confirmed(&key, confirmed);
    let words = format!("{} confirmed", read(1, "SMITH").locator);
    assert_eq!(desk.message(), Some((Tone::Good, words.as_str())));
    assert!(!desk.screen(80, 24).contains("until"));
}

#[test]
fn one_that_is_confirmed_too_late_is_held_no_more_and_says_why() {
    let mut desk = open_record(BookingStatus::Held);
    let key = submitted(&desk.types("t")).unwrap();
    desk.happens(Event::Journalled {
        key: key.clone(),
        result: Ok(()),
    });
    desk.refused(
        &key,
        problem(Code::TimeLimitPassed, "it was held until noon"),
    );
    assert_eq!(
        desk.message(),
        Some((Tone::Error, "Not confirmed: it was held until noon"))
    );
    assert!(desk.screen(80, 24).contains("held"));
}

#[rstest]
#[case(BookingStatus::Confirmed)]
#[case(BookingStatus::Waitlisted)]
#[case(BookingStatus::Cancelled)]
fn what_is_not_held_is_not_confirmed(#[case] status: BookingStatus) {
    let mut desk = open_record(status);
    assert_eq!(submitted(&desk.types("t")), None);
    assert_eq!(
        desk.message(),
        Some((Tone::Info, "Only a held booking can be confirmed"))
    );
    desk.types("<esc>");
    assert_eq!(submitted(&desk.types("t")), None, "nor in the list");
}
