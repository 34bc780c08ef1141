//! The entry in hand, and bookings that are placed on queues.

use std::time::Duration;

use airside_common::api::problem::Code;
use airside_common::api::queues::{DelayItem, QueueItem, QueueItemState};
use airside_common::queue::QueueReason;
use airside_common::time::Instant;
use rstest::rstest;

use super::queues::{calls, finished, finishes, listed, taken, takes, with_new_times};
use crate::store::action::Event;
use crate::store::queues::{QueueAnswer, QueueCall};
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{
    booking, broken, direct, in_hand, noon, offline, passenger, problem, queue_item, refused,
    wrong_field,
};

#[test]
fn taking_shows_the_booking_under_a_bar_that_says_what_is_in_hand() {
    let mut desk = listed();
    assert!(takes(&desk.types("t")));
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
    assert_eq!(
        desk.layers(),
        ["Search", "Queues", "Booking"],
        "it is shown"
    );
}

/// The agent has gone on to something else before the answer came.
#[rstest]
#[case("<f2>", "Search")]
#[case("<f3>/", "Bookings")]
#[case("<f6><f1>", "Help")]
fn what_is_taken_does_not_take_the_keys_of_another_screen(#[case] keys: &str, #[case] top: &str) {
    let mut desk = listed();
    desk.types("t");
    desk.types(keys);
    desk.is_given(in_hand(1), with_new_times(1));
    assert_eq!(desk.layers().last(), Some(&top));
    let told = "TEST23 of queue 7 is in hand: F6 t to see it";
    assert_eq!(desk.message(), Some((Tone::Warning, told)));
    assert_eq!(calls(&desk.types("d")).len(), 0, "nothing is finished");
    assert_eq!(calls(&desk.types("<f6>t")).len(), 1, "the totals are read");
    assert_eq!(desk.layers().last(), Some(&"Booking"));
    assert!(desk.screen(80, 24).contains("▌Queue 7"));
}

/// The form is about a booking that opens anew.
#[test]
fn a_form_goes_with_its_booking() {
    let mut desk = taken();
    desk.types("p<f1><f6>");
    let below = ["Search", "Booking", "Queue entry", "Help", "Queues"];
    assert_eq!(desk.layers(), below);
    desk.types("t");
    assert_eq!(desk.layers(), ["Search", "Queues", "Booking"]);
}

#[test]
fn a_form_that_is_open_when_an_entry_is_given_stays() {
    let mut desk = taken();
    desk.types("d");
    desk.queues(finished(&desk, 1));
    desk.types("ocall");
    desk.is_given(in_hand(2), with_new_times(2));
    desk.types(" back");
    assert_eq!(desk.field("remark"), "call back");
}

#[test]
fn an_empty_queue_and_a_lost_answer_are_told_in_words() {
    let mut desk = listed();
    desk.types("t");
    desk.queues(QueueAnswer::Taken {
        request: desk.asked_of_queues(),
        queue: 7,
        result: Ok(None),
    });
    assert_eq!(
        desk.message(),
        Some((Tone::Info, "Nothing is to be done on queue 7 now"))
    );
    assert_eq!(calls(&desk.types("t")).len(), 1);
    desk.queues(QueueAnswer::Taken {
        request: desk.asked_of_queues(),
        queue: 7,
        result: Err(broken()),
    });
    assert!(
        desk.message()
            .unwrap()
            .1
            .contains("its queue shows until when it is yours")
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
    assert!(finishes(&desk.types("d"), 1));
    assert_eq!(calls(&desk.types("d")).len(), 0);
    let effects = desk.queues(finished(&desk, 1));
    assert!(takes(&effects));
    desk.is_given(in_hand(2), with_new_times(2));
    assert_eq!(
        desk.layers(),
        ["Search", "Queues", "Booking"],
        "in its place"
    );
    assert!(desk.screen(80, 24).contains("TEST24"));
    assert!(finishes(&desk.types("D"), 2));
    assert_eq!(calls(&desk.queues(finished(&desk, 2))).len(), 0);
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
        request: desk.asked_of_queues(),
        id: queue_item(1).id,
        result: Err(broken()),
    });
    assert!(desk.message().unwrap().1.contains("does no harm"));
    assert!(finishes(&desk.types("d"), 1));
    let no = problem(Code::Conflict, "eve has taken it");
    let effects = desk.queues(QueueAnswer::Finished {
        request: desk.asked_of_queues(),
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
    let request = desk.state.requests;
    let call = QueueCall::Delay {
        request,
        queue: 7,
        id,
        body,
    };
    assert_eq!(calls(&effects), [&call]);
    assert_eq!(desk.types("<enter>"), [], "it is on its way");
    let item = QueueItem {
        state: QueueItemState::Delayed,
        due_at: Instant(noon() + jiff::SignedDuration::from_mins(45)),
        ..queue_item(1)
    };
    desk.queues(QueueAnswer::Delayed {
        request: desk.state.requests,
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

#[test]
fn what_has_changed_in_hand_is_not_said_to_be_done_or_put_off() {
    let id = queue_item(1).id;
    let stays = || Ok(Box::new(queue_item(1)));
    let words = "TEST23 has changed meanwhile: it stays on queue 7";
    // Done, and the next one: that is the same one again.
    let mut desk = taken();
    desk.types("d");
    let effects = desk.queues(QueueAnswer::Finished {
        request: desk.asked_of_queues(),
        id,
        result: stays(),
    });
    assert_eq!(desk.message(), Some((Tone::Warning, words)));
    assert_eq!(desk.state.queues.in_hand, None);
    assert!(takes(&effects), "{effects:?}");
    let mut desk = taken();
    desk.types("p5<enter>");
    desk.queues(QueueAnswer::Delayed {
        request: desk.state.requests,
        id,
        result: stays(),
    });
    assert_eq!(desk.message(), Some((Tone::Warning, words)));
    assert_eq!(desk.layers(), ["Search", "Queues", "Booking"]);
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
            request: desk.state.requests,
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
    let [QueueCall::Place { queue: 0, body, .. }] = calls(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(body.locator, queue_item(1).locator);
    assert_eq!(body.remark.as_ref().unwrap().as_str(), "call back");
    let fail = |desk: &mut Desk, failure| {
        desk.queues(QueueAnswer::Placed {
            request: desk.state.requests,
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
        request: desk.state.requests,
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
    assert!(finishes(&desk.types("d"), 1));
}

/// The console looks again by itself when the lease ends, and once.
#[test]
fn the_end_of_a_lease_is_due() {
    let mut desk = taken();
    let now = desk.state.now;
    let left = in_hand(1).taken_until.unwrap().0.duration_since(now.wall);
    let left = Duration::try_from(left).unwrap();
    assert_eq!(desk.state.next_due(), Some(now.elapsed + left));
    desk.waits(660);
    assert_eq!(desk.state.next_due(), None);
    let mut desk = taken();
    desk.types("l");
    assert_eq!(desk.state.next_due(), None, "it is not shown any more");
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
