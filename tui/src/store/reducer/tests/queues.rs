//! The office's queues, and what lies on one.

use std::time::Duration;

use airside_common::api::bookings::Booking;
use airside_common::api::events::{QUEUE_CHANGED, QueueChanged};
use airside_common::api::problem::Code;
use airside_common::api::queues::{QueueItem, QueueItemPage, QueueItemState};
use airside_common::user::Role;
use rstest::rstest;

use crate::store::action::{Event, Failure, Live, News};
use crate::store::effect::Effect;
use crate::store::ledger::LedgerEffect;
use crate::store::queues::{QueueAnswer, QueueCall};
use crate::store::state::Connection;
use crate::trial::desk::Desk;
use crate::trial::specimens::{
    booking, broken, direct, in_hand, logged_out, moved, offline, opened, passenger, problem,
    queue_item, refused, session,
};

fn changed(office: &str, queue: u8) -> Event {
    Event::Live(Box::new(Live::News(News::Queue(QueueChanged {
        kind: QUEUE_CHANGED.to_owned(),
        office: office.parse().unwrap(),
        queue,
    }))))
}

fn own(queue: u8) -> Event {
    changed("NYC1A0001", queue)
}

pub(super) fn calls(effects: &[Effect]) -> Vec<&QueueCall> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Queue(call) => Some(call),
            _ => None,
        })
        .collect()
}

/// A booking of which a flight has moved.
pub(super) fn with_new_times(n: usize) -> Booking {
    let mut booking = booking(n, passenger("SMITH", "ANN"), &direct(101));
    moved(&mut booking.segments[0]);
    booking
}

pub(super) fn page(items: Vec<QueueItem>) -> QueueItemPage {
    QueueItemPage {
        items,
        next_cursor: None,
    }
}

/// The queues, of which three bookings wait on that of schedule changes, with the cursor there.
pub(super) fn listed() -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f6>");
    desk.waits_on_queues(3);
    desk.types("<down><down><down>");
    desk
}

/// The queue of schedule changes with two entries.
pub(super) fn queue_open() -> Desk {
    let mut desk = listed();
    desk.types("<enter>");
    desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Ok(page(vec![queue_item(1), queue_item(2)])),
    });
    desk
}

/// The booking of the first entry, in hand.
pub(super) fn taken() -> Desk {
    let mut desk = listed();
    desk.types("t");
    desk.is_given(in_hand(1), with_new_times(1));
    desk
}

/// Whether an entry is said to be done, and nothing else is asked.
pub(super) fn finishes(effects: &[Effect], n: usize) -> bool {
    matches!(calls(effects)[..], [QueueCall::Finish { queue: 7, id, .. }] if *id == queue_item(n).id)
}

/// Whether the next entry is asked for, and nothing else.
pub(super) fn takes(effects: &[Effect]) -> bool {
    matches!(calls(effects)[..], [QueueCall::Take { queue: 7, .. }])
}

pub(super) fn finished(desk: &Desk, n: usize) -> QueueAnswer {
    let item = QueueItem {
        state: QueueItemState::Done,
        ..queue_item(n)
    };
    QueueAnswer::Finished {
        request: desk.asked_of_queues(),
        id: item.id,
        result: Ok(Box::new(item)),
    }
}

/// Of two answers the first is taken.
#[test]
fn an_answer_that_comes_twice_is_taken_once() {
    let mut desk = taken();
    desk.types("d");
    let done = finished(&desk, 1);
    desk.queues(done.clone());
    assert!(
        desk.state.queues.asked.is_some(),
        "the next one is asked for"
    );
    assert_eq!(desk.queues(done), []);
    desk.is_given(in_hand(2), with_new_times(2));
    assert_eq!(desk.state.queues.in_hand, Some(in_hand(2)));
}

#[test]
fn what_waits_is_seen_on_every_screen() {
    let mut desk = Desk::starting();
    let me = crate::trial::specimens::session("demo", airside_common::user::Role::Agent);
    let effects = desk.happens(Event::Opened(Box::new(opened(Some(me)))));
    assert!(matches!(
        calls(&effects)[..],
        [QueueCall::Totals {
            after: Duration::ZERO,
            ..
        }]
    ));
    assert!(!desk.screen(80, 24).contains("Q 3"));
    desk.waits_on_queues(3);
    for keys in ["", "<f3>", "<f6>", "<f9>"] {
        desk.types(keys);
        assert!(
            desk.screen(80, 24).lines().next().unwrap().contains("Q 3"),
            "{keys}"
        );
    }
    desk.types("<ctrl-o>");
    assert!(!desk.screen(80, 24).contains("Q 3"));
}

/// However many changes there are, one request is under way, and one more follows.
#[test]
fn changes_are_gathered_and_the_totals_read_once_more() {
    let mut desk = Desk::agent();
    desk.waits_on_queues(0);
    let effects = desk.happens(own(7));
    let [QueueCall::Totals { after, .. }] = calls(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert!(!after.is_zero(), "others may come at the same time");
    for queue in [7, 7, 1, 0] {
        assert_eq!(calls(&desk.happens(own(queue))).len(), 0);
    }
    let effects = desk.waits_on_queues(1);
    assert!(matches!(calls(&effects)[..], [QueueCall::Totals { .. }]));
    assert_eq!(calls(&desk.waits_on_queues(2)).len(), 0);
    assert!(desk.screen(80, 24).contains("Q 2"));
    assert_eq!(
        calls(&desk.happens(changed("LON1A0001", 7))).len(),
        0,
        "not the own office's"
    );
}

#[test]
fn what_is_not_read_is_not_being_read() {
    let mut desk = Desk::agent();
    desk.types("<f6>");
    assert!(desk.screen(80, 24).contains("Reading …"));
    let fails = |desk: &mut Desk| {
        let request = desk.state.requests;
        let result = Err(offline());
        desk.queues(QueueAnswer::Totals { request, result });
    };
    fails(&mut desk);
    let screen = desk.screen(80, 24);
    assert!(!screen.contains("Reading …"), "{screen}");
    assert!(
        screen.contains("Not read  the server cannot be reached"),
        "{screen}"
    );
    assert!(screen.contains("F5 reads it again"), "{screen}");
    assert_eq!(calls(&desk.types("<f5>")).len(), 1);
    assert!(desk.screen(80, 24).contains("Reading …"));
    desk.waits_on_queues(3);
    desk.types("<enter>");
    let request = desk.state.requests;
    let result = Err(offline());
    desk.queues(QueueAnswer::Items { request, result });
    let screen = desk.screen(80, 24);
    assert!(!screen.contains("Nothing lies"), "{screen}");
    assert!(screen.contains("F5 reads it again"), "{screen}");
}

#[test]
fn what_could_not_be_read_is_read_when_the_stream_is_back() {
    let mut desk = Desk::agent();
    desk.waits_on_queues(3);
    desk.happens(own(7));
    let request = desk.state.requests;
    desk.queues(QueueAnswer::Totals {
        request,
        result: Err(offline()),
    });
    assert!(desk.screen(80, 24).contains("Q 3"), "what was known stands");
    let effects = desk.happens(Event::Live(Box::new(Live::Connected)));
    assert!(matches!(calls(&effects)[..], [QueueCall::Totals { .. }]));
    let effects = desk.happens(Event::Live(Box::new(Live::News(News::Reset))));
    assert!(matches!(calls(&effects)[..], [QueueCall::Totals { .. }]));
}

#[test]
fn a_queue_shows_its_entries_and_follows_its_changes() {
    let mut desk = queue_open();
    let screen = desk.screen(80, 24);
    for text in [
        "Queue 7 schedule changes",
        "2 entries",
        "schedule changed",
        "TEST23",
        "24NOV 12:00",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    desk.types("<down>");
    let effects = desk.happens(own(7));
    assert!(matches!(
        calls(&effects)[..],
        [QueueCall::Totals { .. }, QueueCall::Items { queue: 7, .. }]
    ));
    // Another one has changed; and this one again, while the answer is awaited.
    assert_eq!(calls(&desk.happens(own(1))).len(), 0);
    assert_eq!(calls(&desk.happens(own(7))).len(), 0);
    let other = QueueItem {
        state: QueueItemState::InHand,
        taken_by: Some("eve".parse().unwrap()),
        ..queue_item(2)
    };
    let effects = desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Ok(page(vec![other])),
    });
    assert!(matches!(calls(&effects)[..], [QueueCall::Items { .. }]));
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("1 entry") && screen.contains("in hand: eve"),
        "{screen}"
    );
}

/// The list was left before its answer came, or is asked for again.
#[rstest]
#[case("<esc>")]
#[case("<f5>")]
fn a_failure_that_comes_late_is_one_still(#[case] keys: &str) {
    let late = |failure: Failure| {
        let mut desk = listed();
        desk.types("<enter>");
        let request = desk.state.requests;
        desk.types(keys);
        desk.queues(QueueAnswer::Items {
            request,
            result: Err(failure),
        });
        desk
    };
    let desk = late(offline());
    assert!(matches!(desk.state.connection, Connection::Offline(_)));
    let desk = late(logged_out());
    assert_eq!(desk.layers().last(), Some(&"Log in"));
}

#[test]
fn a_further_page_that_failed_is_asked_for_again() {
    let mut desk = listed();
    desk.types("<enter>");
    let answers = |desk: &mut Desk, result| {
        let request = desk.state.requests;
        desk.queues(QueueAnswer::Items { request, result })
    };
    let first = QueueItemPage {
        next_cursor: Some("further".to_owned()),
        ..page(vec![queue_item(1), queue_item(2)])
    };
    answers(&mut desk, Ok(first));
    for _ in 0..2 {
        let effects = desk.types("<down>");
        let [QueueCall::Items { cursor, .. }] = calls(&effects)[..] else {
            panic!("{effects:?}");
        };
        assert_eq!(cursor.as_deref(), Some("further"));
        assert_eq!(desk.types("<up>"), [], "once at a time");
        answers(&mut desk, Err(offline()));
        assert!(desk.screen(80, 24).contains("2+ entries"));
    }
    desk.types("<down>");
    answers(&mut desk, Ok(page(vec![queue_item(3)])));
    assert!(desk.screen(80, 24).contains("3 entries"));
    assert_eq!(desk.types("<down>"), []);
    // What was there stands where it is read anew and that fails.
    desk.types("<f5>");
    answers(&mut desk, Err(offline()));
    assert!(desk.screen(80, 24).contains("3 entries"));
}

#[test]
fn totals_that_fail_late_fail_still() {
    let mut desk = listed();
    desk.types("<f5>");
    let request = desk.state.requests;
    desk.types("<f5>");
    desk.queues(QueueAnswer::Totals {
        request,
        result: Err(logged_out()),
    });
    assert_eq!(desk.layers().last(), Some(&"Log in"));
}

#[test]
fn an_entry_is_looked_at_without_being_taken() {
    let mut desk = queue_open();
    let effects = desk.types("<down><enter>");
    let fetch = LedgerEffect::Fetch(queue_item(2).locator);
    assert!(effects.contains(&fetch.into()), "{effects:?}");
    assert!(desk.screen(80, 24).contains("Reading"));
    desk.happens(Event::Fetched {
        locator: queue_item(2).locator,
        result: Ok(Box::new(with_new_times(2))),
    });
    assert!(desk.screen(80, 24).contains("SMITH/ANN"));
    assert_eq!(desk.types("dpl"), [], "there is nothing in hand");
}

/// The booking was not reached: that is not to say that it is gone.
#[test]
fn an_entry_whose_booking_is_not_reached_is_read_again() {
    let locator = queue_item(2).locator;
    let fetch: Effect = LedgerEffect::Fetch(locator).into();
    let fetched = |desk: &mut Desk, result| desk.happens(Event::Fetched { locator, result });
    let mut desk = queue_open();
    desk.types("<down><enter>");
    fetched(&mut desk, Err(offline()));
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("✗ the server cannot be reached"),
        "{screen}"
    );
    assert!(screen.contains("F5 reads it again"), "{screen}");
    assert!(!screen.contains("no longer there"), "{screen}");
    assert!(desk.types("<f5>").contains(&fetch));
    assert!(desk.screen(80, 24).contains("Reading …"));
    fetched(&mut desk, Err(offline()));
    // The server is there again: nobody has to ask.
    let effects = desk.happens(Event::Live(Box::new(Live::Connected)));
    assert_eq!(effects.iter().filter(|effect| **effect == fetch).count(), 1);
    fetched(&mut desk, Err(logged_out()));
    let me = session("demo", Role::Agent);
    assert!(desk.happens(Event::LoggedIn(Ok(me))).contains(&fetch));
    fetched(&mut desk, Ok(Box::new(with_new_times(2))));
    assert!(desk.screen(80, 24).contains("SMITH/ANN"));
    desk.types("<f5>");
    fetched(&mut desk, Err(offline()));
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("SMITH/ANN") && screen.contains("✗ Not read again"),
        "{screen}"
    );
    // A list that brings it is an answer as well, and so is its entry.
    desk.reads(vec![with_new_times(2)]);
    assert!(!desk.screen(80, 24).contains('✗'));
    desk.types("<f5>");
    fetched(&mut desk, Err(offline()));
    assert!(desk.screen(80, 24).contains('✗'));
    desk.types("<f6>t");
    desk.is_given(in_hand(2), with_new_times(2));
    assert_eq!(desk.layers().last(), Some(&"Booking"));
    assert!(!desk.screen(80, 24).contains('✗'));
    let no = problem(Code::NotFound, "there is no such booking");
    fetched(&mut desk, Err(refused(&no)));
    assert!(desk.screen(80, 24).contains("no longer there"));
}

/// The answer was lost, or the console was started anew.
#[test]
fn what_the_agent_has_taken_is_in_hand_again_by_looking_at_it() {
    let mut desk = listed();
    desk.types("<enter>");
    let others = QueueItem {
        taken_by: Some("eve".parse().unwrap()),
        ..in_hand(2)
    };
    desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Ok(page(vec![others, in_hand(1)])),
    });
    desk.types("<enter>");
    assert_eq!(desk.state.queues.in_hand, None);
    desk.types("<esc><down><enter>");
    assert_eq!(desk.state.queues.in_hand, Some(in_hand(1)));
}

#[test]
fn a_queue_says_until_when_what_is_on_it_is_the_agents_own() {
    let mut desk = queue_open();
    desk.types("t");
    let lost = QueueAnswer::Taken {
        request: desk.asked_of_queues(),
        queue: 7,
        result: Err(broken()),
    };
    let effects = desk.queues(lost);
    assert!(matches!(
        calls(&effects)[..],
        [QueueCall::Items { queue: 7, .. }]
    ));
    desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Ok(page(vec![in_hand(1), queue_item(2)])),
    });
    let screen = desk.screen(80, 24);
    assert!(screen.contains("yours until 12:10"), "{screen}");
    desk.waits(660);
    let screen = desk.screen(80, 24);
    assert!(screen.contains("yours no more"), "{screen}");
}
