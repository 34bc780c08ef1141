//! What an event means for the queues, pure: what is put there, and what is done with.
//!
//! The booking decides, as it is now: events may come again, late, or in another order.

use airside_common::booking::BookingStatus;
use airside_common::event::Event;
use airside_common::queue::{QueueNumber, QueueReason};

/// What of a booking decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub status: BookingStatus,
    /// Whether a segment of it is TK.
    pub has_new_times: bool,
    /// Whether a segment of it is UN.
    pub has_cancelled_flight: bool,
}

/// What becomes of the entries of a booking for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It is there, and can be taken.
    Open,
    /// It is done with.
    Done,
}

/// The queue on which events put bookings for a reason.
pub fn queue_of(reason: QueueReason) -> QueueNumber {
    match reason {
        QueueReason::FlightCancelled => QueueNumber::Cancelled,
        QueueReason::WaitlistCleared => QueueNumber::Cleared,
        QueueReason::ScheduleChanged => QueueNumber::Changed,
        QueueReason::TimeLimitNear => QueueNumber::TimeLimit,
        QueueReason::Placed | QueueReason::Other => QueueNumber::General,
    }
}

/// What an event means for a booking; reasons that are not named stay as they are.
pub fn entries(event: &Event, booking: Standing) -> Vec<(QueueReason, Entry)> {
    use QueueReason::{FlightCancelled, Placed, ScheduleChanged, TimeLimitNear, WaitlistCleared};
    let happened_by_itself = event
        .booking()
        .is_some_and(|event| event.operation.is_none());
    let is_changed = matches!(event, Event::BookingChanged(_));
    let mut entries = Vec::new();
    let mut settle = |reason, needs_somebody: bool, is_news: bool| {
        if !needs_somebody {
            entries.push((reason, Entry::Done));
        } else if is_news {
            entries.push((reason, Entry::Open));
        }
    };
    let lives = booking.status != BookingStatus::Cancelled;
    let moved = is_changed && happened_by_itself;
    settle(ScheduleChanged, lives && booking.has_new_times, moved);
    settle(
        FlightCancelled,
        lives && booking.has_cancelled_flight,
        moved,
    );
    settle(
        TimeLimitNear,
        booking.status == BookingStatus::Held,
        matches!(event, Event::BookingExpiring(_)),
    );
    settle(
        WaitlistCleared,
        lives && (happened_by_itself || !is_changed),
        matches!(event, Event::WaitlistCleared(_)),
    );
    settle(Placed, lives, false);
    entries
}

#[cfg(test)]
mod tests {
    use airside_common::event::BookingEvent;
    use rstest::rstest;

    use super::*;

    fn event(kind: &str, operation: Option<&str>) -> Event {
        let mut event = serde_json::json!({
            "type": kind, "locator": "K7QW2M", "version": 2, "office": "NYC1A0001", "operation": null,
        });
        event["operation"] = operation.into();
        let event: Event = serde_json::from_value(event).unwrap();
        assert!(matches!(event.booking(), Some(BookingEvent { .. })));
        event
    }

    /// Reasons that are opened by an event, of a booking in a state with so many TK and UN segments, and those that it ends.
    #[rstest]
    #[case(
        "booking.changed",
        None,
        "confirmed",
        true,
        false,
        "schedule_changed",
        "flight_cancelled time_limit_near"
    )]
    #[case(
        "booking.changed",
        None,
        "held",
        true,
        true,
        "schedule_changed flight_cancelled",
        ""
    )]
    // It was accepted meanwhile.
    #[case(
        "booking.changed",
        None,
        "confirmed",
        false,
        false,
        "",
        "schedule_changed flight_cancelled time_limit_near"
    )]
    // Somebody has accepted one of two.
    #[case(
        "booking.changed",
        Some("k"),
        "confirmed",
        true,
        false,
        "",
        "flight_cancelled time_limit_near waitlist_cleared"
    )]
    #[case(
        "booking.expiring",
        None,
        "held",
        false,
        false,
        "time_limit_near",
        "schedule_changed flight_cancelled"
    )]
    #[case(
        "booking.expiring",
        None,
        "confirmed",
        false,
        false,
        "",
        "schedule_changed flight_cancelled time_limit_near"
    )]
    #[case(
        "waitlist.cleared",
        None,
        "confirmed",
        false,
        false,
        "waitlist_cleared",
        "schedule_changed flight_cancelled time_limit_near"
    )]
    #[case(
        "booking.confirmed",
        Some("k"),
        "confirmed",
        true,
        false,
        "",
        "flight_cancelled time_limit_near"
    )]
    #[case(
        "booking.cancelled",
        Some("k"),
        "cancelled",
        false,
        false,
        "",
        "schedule_changed flight_cancelled time_limit_near waitlist_cleared placed"
    )]
    #[case(
        "waitlist.cleared",
        None,
        "cancelled",
        false,
        false,
        "",
        "schedule_changed flight_cancelled time_limit_near waitlist_cleared placed"
    )]
    fn entries_follow_the_booking(
        #[case] kind: &str,
        #[case] operation: Option<&str>,
        #[case] status: &str,
        #[case] has_new_times: bool,
        #[case] has_cancelled_flight: bool,
        #[case] opened: &str,
        #[case] done: &str,
    ) {
        let booking = Standing {
            status: status.parse().unwrap(),
            has_new_times,
            has_cancelled_flight,
        };
        let entries = entries(&event(kind, operation), booking);
        let of = |wanted| {
            let words = entries.iter().filter(|(_, entry)| *entry == wanted);
            let words: Vec<&str> = words.map(|(reason, _)| reason.word()).collect();
            words.join(" ")
        };
        assert_eq!(
            (of(Entry::Open).as_str(), of(Entry::Done).as_str()),
            (opened, done)
        );
    }
}
