//! The office's queues, and the entry in hand.

use std::time::Duration;

use airside_common::api::bookings::Booking;
use airside_common::api::events::{QUEUE_CHANGED, QueueChanged};
use airside_common::api::problem::Code;
use airside_common::api::queues::{DelayItem, QueueItem, QueueItemPage, QueueItemState};
use airside_common::queue::QueueReason;
use airside_common::time::Instant;
use rstest::rstest;

use crate::store::action::{Event, Live, News};
use crate::store::effect::Effect;
use crate::store::ledger::LedgerEffect;
use crate::store::queues::{QueueAnswer, QueueCall};
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{
    booking, broken, direct, in_hand, moved, noon, offline, opened, passenger, problem, queue_item,
    refused, wrong_field,
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

fn calls(effects: &[Effect]) -> Vec<&QueueCall> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Queue(call) => Some(call),
            _ => None,
        })
        .collect()
}

/// A booking of which a flight has moved.
fn with_new_times(n: usize) -> Booking {
    let mut booking = booking(n, passenger("SMITH", "ANN"), &direct(101));
    moved(&mut booking.segments[0]);
    booking
}

fn page(items: Vec<QueueItem>) -> QueueItemPage {
    QueueItemPage {
        items,
        next_cursor: None,
    }
}

/// The queues, of which three bookings wait on that of schedule changes, with the cursor there.
fn listed() -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f6>");
    desk.waits_on_queues(3);
    desk.types("<down><down><down>");
    desk
}

/// The queue of schedule changes with two entries.
fn queue_open() -> Desk {
    let mut desk = listed();
    desk.types("<enter>");
    desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Ok(page(vec![queue_item(1), queue_item(2)])),
    });
    desk
}

/// The booking of the first entry, in hand.
fn taken() -> Desk {
    let mut desk = listed();
    desk.types("t");
    desk.is_given(in_hand(1), with_new_times(1));
    desk
}

fn finish(n: usize) -> QueueCall {
    QueueCall::Finish {
        queue: 7,
        id: queue_item(n).id,
    }
}

fn finished(n: usize) -> QueueAnswer {
    let item = QueueItem {
        state: QueueItemState::Done,
        ..queue_item(n)
    };
    QueueAnswer::Finished {
        id: item.id,
        result: Ok(Box::new(item)),
    }
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
    desk.happens(Event::LoggedOut(Ok(())));
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
fn taking_shows_the_booking_under_a_bar_that_says_what_is_in_hand() {
    let mut desk = listed();
    assert_eq!(calls(&desk.types("t")), [&QueueCall::Take { queue: 7 }]);
    assert_eq!(calls(&desk.types("t")).len(), 0, "one at a time");
    let item = QueueItem {
        remark: Some("VIP".parse().unwrap()),
        ..in_hand(1)
    };
    desk.is_given(item, with_new_times(1));
    assert_eq!(desk.layers(), ["Search", "Queues", "Booking"]);
    let screen = desk.screen(80, 24);
    assert!(
        screen.contains("▌Queue 7: schedule changed   yours until 12:10   VIP"),
        "{screen}"
    );
    // Another one only once this one is out of hand.
    desk.types("<esc>");
    assert_eq!(calls(&desk.types("t")).len(), 0);
    assert!(desk.message().unwrap().1.contains("is in hand"));
}

#[test]
fn an_empty_queue_and_a_lost_answer_are_told_in_words() {
    let mut desk = listed();
    desk.types("t");
    desk.queues(QueueAnswer::Taken {
        queue: 7,
        result: Ok(None),
    });
    assert_eq!(
        desk.message(),
        Some((Tone::Info, "Nothing is to be done on queue 7 now"))
    );
    assert_eq!(calls(&desk.types("t")).len(), 1);
    desk.queues(QueueAnswer::Taken {
        queue: 7,
        result: Err(broken()),
    });
    assert!(
        desk.message()
            .unwrap()
            .1
            .contains("given back after ten minutes")
    );
    assert_eq!(
        calls(&desk.types("t")).len(),
        1,
        "it can be asked for again"
    );
}

#[test]
fn done_takes_the_next_one_at_once_and_done_alone_does_not() {
    let mut desk = taken();
    assert_eq!(calls(&desk.types("d")), [&finish(1)]);
    assert_eq!(calls(&desk.types("d")).len(), 0);
    let effects = desk.queues(finished(1));
    assert_eq!(calls(&effects), [&QueueCall::Take { queue: 7 }]);
    desk.is_given(in_hand(2), with_new_times(2));
    assert_eq!(
        desk.layers(),
        ["Search", "Queues", "Booking"],
        "in its place"
    );
    assert!(desk.screen(80, 24).contains("TEST24"));
    assert_eq!(calls(&desk.types("D")), [&finish(2)]);
    assert_eq!(calls(&desk.queues(finished(2))).len(), 0);
    assert_eq!(
        desk.message(),
        Some((Tone::Good, "TEST24 is done on queue 7"))
    );
    assert!(!desk.screen(80, 24).contains("▌Queue"));
}

#[test]
fn an_entry_that_is_somebody_elses_by_now_is_let_go_and_a_lost_answer_is_asked_for_again() {
    let mut desk = taken();
    desk.types("d");
    desk.queues(QueueAnswer::Finished {
        id: queue_item(1).id,
        result: Err(broken()),
    });
    assert!(desk.message().unwrap().1.contains("does no harm"));
    assert_eq!(calls(&desk.types("d")), [&finish(1)]);
    let no = problem(Code::Conflict, "eve has taken it");
    let effects = desk.queues(QueueAnswer::Finished {
        id: queue_item(1).id,
        result: Err(refused(&no)),
    });
    assert_eq!(calls(&effects).len(), 0, "nothing else is taken");
    assert_eq!(desk.message(), Some((Tone::Error, "eve has taken it")));
    assert_eq!(desk.state.queues.in_hand, None);
}

#[test]
fn leaving_says_until_when_nobody_gets_it() {
    let mut desk = taken();
    assert_eq!(calls(&desk.types("l")).len(), 0);
    assert_eq!(desk.layers(), ["Search", "Queues"]);
    assert!(desk.message().unwrap().1.contains("12:10"));
    assert_eq!(calls(&desk.types("t")).len(), 1);
}

#[rstest]
#[case("45", "", Some(45), None)]
#[case("", "1800", None, Some("2026-11-24T18:00:00Z"))]
#[case("", "11:30", None, Some("2026-11-25T11:30:00Z"))]
#[case("", "27nov 0900", None, Some("2026-11-27T09:00:00Z"))]
fn an_entry_is_put_off(
    #[case] minutes: &str,
    #[case] until: &str,
    #[case] for_minutes: Option<u32>,
    #[case] at: Option<&str>,
) {
    let mut desk = taken();
    let effects = desk.types(&format!("p{minutes}<tab>{until}<enter>"));
    let body = DelayItem {
        minutes: for_minutes,
        until: at.map(|at| Instant(at.parse().unwrap())),
    };
    let id = queue_item(1).id;
    assert_eq!(calls(&effects), [&QueueCall::Delay { queue: 7, id, body }]);
    assert_eq!(desk.types("<enter>"), [], "it is on its way");
    let item = QueueItem {
        state: QueueItemState::Delayed,
        due_at: Instant(noon() + jiff::SignedDuration::from_mins(45)),
        ..queue_item(1)
    };
    desk.queues(QueueAnswer::Delayed {
        id,
        result: Ok(Box::new(item)),
    });
    assert_eq!(desk.layers(), ["Search", "Queues", "Booking"]);
    assert_eq!(
        desk.message(),
        Some((Tone::Good, "TEST23 put off until 24NOV 12:45"))
    );
    assert_eq!(desk.state.queues.in_hand, None);
}

#[rstest]
#[case("", "", "minutes")]
#[case("0", "", "minutes")]
#[case("525601", "", "minutes")]
#[case("soon", "", "minutes")]
#[case("5", "1800", "until")]
#[case("", "later", "until")]
#[case("", "32nov 1800", "until")]
#[case("", "24nov 0900", "until")]
fn what_is_no_time_is_told_at_its_field(
    #[case] minutes: &str,
    #[case] until: &str,
    #[case] field: &str,
) {
    let mut desk = taken();
    let effects = desk.types(&format!("p{minutes}<tab>{until}<enter>"));
    assert_eq!(effects, []);
    assert_eq!(desk.focus(), field);
    assert!(desk.error(field).is_some());
    assert_eq!(desk.field("minutes"), minutes, "nothing is lost");
}

#[test]
fn what_the_server_finds_wrong_is_told_at_its_field_and_else_below() {
    let mut desk = taken();
    desk.types("p5<enter>");
    let id = queue_item(1).id;
    let fail = |desk: &mut Desk, failure| {
        desk.queues(QueueAnswer::Delayed {
            id,
            result: Err(failure),
        })
    };
    fail(&mut desk, refused(&wrong_field("minutes", "at least 10")));
    assert_eq!(desk.error("minutes"), Some("at least 10"));
    assert_eq!(calls(&desk.types("0<enter>")).len(), 1);
    fail(&mut desk, offline());
    assert!(desk.screen(80, 24).contains("cannot be reached"));
    assert_eq!(desk.field("minutes"), "50");
    desk.types("<enter>");
    fail(&mut desk, refused(&problem(Code::Conflict, "eve has it")));
    assert_eq!(desk.layers(), ["Search", "Queues", "Booking"]);
    assert_eq!(desk.state.queues.in_hand, None);
}

#[test]
fn a_booking_is_put_on_the_general_queue_with_a_remark() {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    desk.reads(vec![with_new_times(1)]);
    let effects = desk.types("<enter>ocall back<enter>");
    let [QueueCall::Place { queue: 0, body }] = calls(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(body.locator, queue_item(1).locator);
    assert_eq!(body.remark.as_ref().unwrap().as_str(), "call back");
    let fail = |desk: &mut Desk, failure| {
        desk.queues(QueueAnswer::Placed {
            locator: queue_item(1).locator,
            result: Err(failure),
        })
    };
    fail(&mut desk, refused(&wrong_field("remark", "too rude")));
    assert_eq!(desk.error("remark"), Some("too rude"));
    let effects = desk.types("<ctrl-u><enter>");
    assert!(
        matches!(calls(&effects)[..], [QueueCall::Place { body, .. }] if body.remark.is_none())
    );
    let item = QueueItem {
        queue: 0,
        reason: QueueReason::Placed,
        ..queue_item(1)
    };
    desk.queues(QueueAnswer::Placed {
        locator: item.locator,
        result: Ok(Box::new(item)),
    });
    assert_eq!(desk.message(), Some((Tone::Good, "TEST23 is on queue 0")));
    assert_eq!(desk.layers(), ["Search", "Bookings", "Booking"]);
    let long = "x".repeat(201);
    assert_eq!(desk.types(&format!("o{long}<enter>")), []);
    assert!(desk.error("remark").is_some());
}

#[test]
fn what_the_server_does_not_have_cannot_be_put_on_a_queue() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.books();
    desk.types("o");
    assert!(
        desk.message()
            .unwrap()
            .1
            .contains("until the server has it")
    );
    assert!(!desk.layers().contains(&"Queue entry"));
}

#[test]
fn once_its_reason_is_gone_the_bar_says_so() {
    let mut desk = taken();
    assert!(!desk.screen(80, 24).contains("settled"));
    let mut accepted = booking(1, passenger("SMITH", "ANN"), &direct(101));
    accepted.version = 2;
    desk.happens(Event::Fetched {
        locator: accepted.locator,
        result: Ok(Box::new(accepted)),
    });
    assert!(desk.screen(80, 24).contains("settled"));
    // The server has done it by itself; saying so again does no harm, and brings the next one.
    assert_eq!(calls(&desk.types("d")), [&finish(1)]);
}

#[test]
fn a_lease_that_has_ended_is_told() {
    let mut desk = taken();
    desk.waits(660);
    assert!(
        desk.screen(80, 24).contains("given back"),
        "{}",
        desk.screen(80, 24)
    );
}
