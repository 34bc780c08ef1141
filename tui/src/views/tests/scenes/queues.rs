//! Queues, and bookings whose flights have changed.

use airside_common::api::bookings::Booking;
use airside_common::api::problem::Code;
use airside_common::api::queues::{QueueItemPage, QueueItemState};
use airside_common::booking::SegmentStatus;
use airside_common::queue::QueueReason;
use airside_common::time::Instant;

use super::{bookings_reading, record};
use crate::store::action::Event;
use crate::store::queues::QueueAnswer;
use crate::trial::desk::{Desk, submitted};
use crate::trial::specimens::{
    booking, connection, direct, in_hand, locator, moved, noon, offline, passenger, problem,
    queue_item, refused,
};

/// All of them with their names.
pub(super) fn all() -> Vec<(&'static str, Desk)> {
    vec![
        ("record_changed", record_changed()),
        ("record_rebooking", record_rebooking()),
        ("record_in_hand", record_in_hand()),
        ("record_settled", record_settled()),
        ("record_not_reached", record_not_reached()),
        ("segments", segments()),
        ("search_replacing", search_replacing()),
        ("results_replacing", results_replacing()),
        ("question_rebooking", question_rebooking()),
        ("queues", queues()),
        ("queues_offline", queues_offline()),
        ("queues_not_read", queues_not_read()),
        ("queue", queue()),
        ("queue_empty", queue_empty()),
        ("queue_not_read", queue_not_read()),
        ("delay", delay()),
        ("delay_wrong", delay_wrong()),
        ("place", place()),
        ("place_refused", place_refused()),
    ]
}

fn record_changed() -> Desk {
    let mut desk = bookings_reading();
    let mut changed = booking(1, passenger("SMITH", "JOHN"), &connection());
    moved(&mut changed.segments[0]);
    changed.segments[1].status = SegmentStatus::Un;
    desk.reads(vec![changed]);
    desk.types("<enter>");
    desk
}

/// Another flight was taken in the place of the first one, and the server has not answered yet.
fn record_rebooking() -> Desk {
    let mut desk = question_rebooking();
    assert!(submitted(&desk.types("y")).is_some());
    desk
}

/// A booking of which the first flight leaves on another day, and the second is cancelled.
fn disrupted() -> Booking {
    let mut changed = booking(1, passenger("SMITH", "JOHN"), &connection());
    let first = &mut changed.segments[0];
    moved(first);
    let by = jiff::SignedDuration::from_hours(24);
    for time in [&mut first.departure, &mut first.arrival] {
        *time = airside_common::time::OffsetTime::new(time.instant() + by, time.offset());
    }
    changed.segments[1].status = SegmentStatus::Un;
    changed
}

fn record_in_hand() -> Desk {
    let mut desk = queues();
    desk.types("t");
    let mut item = in_hand(1);
    item.remark = Some("東京 call the party before noon".parse().unwrap());
    desk.is_given(item, disrupted());
    desk
}

fn record_settled() -> Desk {
    let mut desk = record_in_hand();
    let mut accepted = booking(1, passenger("SMITH", "JOHN"), &direct(101));
    accepted.version = 2;
    desk.happens(Event::Fetched {
        locator: accepted.locator,
        result: Ok(Box::new(accepted)),
    });
    desk
}

/// Opened from a queue while the server was away.
fn record_not_reached() -> Desk {
    let mut desk = queue();
    desk.types("<enter>");
    desk.happens(Event::Fetched {
        locator: locator(2),
        result: Err(offline()),
    });
    desk
}

fn segments() -> Desk {
    let mut desk = record_changed();
    desk.types("b");
    desk
}

fn search_replacing() -> Desk {
    let mut desk = segments();
    desk.types("<up><enter>");
    desk
}

fn results_replacing() -> Desk {
    let mut desk = search_replacing();
    desk.types("<enter>");
    desk.finds((101..110).map(direct).collect(), None);
    desk
}

fn question_rebooking() -> Desk {
    let mut desk = results_replacing();
    desk.types("<down><enter>");
    desk
}

fn queues() -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f6>");
    desk.waits_on_queues(3);
    desk.types("<down><down><down>");
    desk
}

fn queues_offline() -> Desk {
    let mut desk = queues();
    desk.types("<f5>");
    desk.queues(QueueAnswer::Totals {
        request: desk.state.requests,
        result: Err(offline()),
    });
    desk
}

/// Nothing of them is known yet.
fn queues_not_read() -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f6>");
    desk.queues(QueueAnswer::Totals {
        request: desk.state.requests,
        result: Err(offline()),
    });
    desk
}

fn queue_not_read() -> Desk {
    let mut desk = queues();
    desk.types("<enter>");
    desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Err(offline()),
    });
    desk
}

/// A queue with all that can stand in it.
fn queue() -> Desk {
    let mut desk = queues();
    desk.types("<enter>");
    let mut said = queue_item(2);
    said.reason = QueueReason::Placed;
    said.remark = Some(
        "東京👩‍👩‍👧 call back after 3 pm, and before the office closes"
            .parse()
            .unwrap(),
    );
    let mut late = queue_item(4);
    late.state = QueueItemState::Delayed;
    late.due_at = Instant(noon() + jiff::SignedDuration::from_hours(30));
    late.reason = QueueReason::WaitlistCleared;
    let mut gone = queue_item(5);
    gone.reason = QueueReason::FlightCancelled;
    let mut near = queue_item(6);
    near.reason = QueueReason::TimeLimitNear;
    desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Ok(QueueItemPage {
            items: vec![queue_item(1), said, in_hand(3), late, gone, near],
            next_cursor: Some("next".to_owned()),
        }),
    });
    desk.types("<down>");
    desk
}

fn queue_empty() -> Desk {
    let mut desk = queues();
    desk.types("<enter>");
    desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Ok(QueueItemPage {
            items: Vec::new(),
            next_cursor: None,
        }),
    });
    desk
}

fn delay() -> Desk {
    let mut desk = record_in_hand();
    desk.types("p45");
    desk
}

fn delay_wrong() -> Desk {
    let mut desk = record_in_hand();
    desk.types("psoon<tab>24nov 0900<enter>");
    desk
}

fn place() -> Desk {
    let mut desk = record();
    desk.types("ocall back");
    desk
}

fn place_refused() -> Desk {
    let mut desk = place();
    desk.types("<enter>");
    let no = problem(Code::Conflict, "the booking is cancelled");
    desk.queues(QueueAnswer::Placed {
        request: desk.state.requests,
        locator: locator(1),
        result: Err(refused(&no)),
    });
    desk
}
