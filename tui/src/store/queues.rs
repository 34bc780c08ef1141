//! What the console knows of its office's queues, whatever screen is open.

use std::time::Duration;

use airside_common::api::bookings::Booking;
use airside_common::api::queues::{
    DelayItem, PlaceItem, QueueItem, QueueItemPage, QueueTotal, QueueTotals, TakenItem,
};
use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::locator::Locator;
use airside_common::queue::{QueueItemId, QueueReason};

use super::action::Failure;
use super::screen::Loading;

/// What is asked of the queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueueCall {
    /// How much lies on each.
    Totals {
        request: u64,
        /// Not at once.
        after: Duration,
    },
    /// What lies on one.
    Items {
        request: u64,
        queue: u8,
        cursor: Option<String>,
        /// Not at once.
        after: Duration,
    },
    /// The next entry that is due.
    Take { request: u64, queue: u8 },
    /// An entry is done with.
    Finish {
        request: u64,
        queue: u8,
        id: QueueItemId,
    },
    /// An entry is put off.
    Delay {
        request: u64,
        queue: u8,
        id: QueueItemId,
        body: DelayItem,
    },
    /// A booking is put on a queue.
    Place {
        request: u64,
        queue: u8,
        body: PlaceItem,
    },
}

/// What comes back.
#[derive(Debug, Clone)]
pub(crate) enum QueueAnswer {
    Totals {
        request: u64,
        result: Result<QueueTotals, Failure>,
    },
    Items {
        request: u64,
        result: Result<QueueItemPage, Failure>,
    },
    Taken {
        request: u64,
        queue: u8,
        result: Result<Option<Box<TakenItem>>, Failure>,
    },
    Finished {
        request: u64,
        id: QueueItemId,
        result: Result<Box<QueueItem>, Failure>,
    },
    Delayed {
        request: u64,
        id: QueueItemId,
        result: Result<Box<QueueItem>, Failure>,
    },
    Placed {
        request: u64,
        locator: Locator,
        result: Result<Box<QueueItem>, Failure>,
    },
}

/// The request under way that concerns the entry in hand; there is one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) request: u64,
    pub(crate) asking: Asking,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    /// The next entry of a queue.
    Take,
    /// The entry in hand is being finished, and then no other is taken.
    Finish,
    /// The entry in hand is being finished, and then the next one is taken.
    FinishAndTake,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueueState {
    pub(crate) totals: Vec<QueueTotal>,
    pub(crate) loading: Loading,
    /// Whether a queue has changed since the totals were asked for.
    pub(crate) behind: bool,
    pub(crate) error: Option<String>,
    /// The entry that the agent works on. The server gives it to nobody else for some minutes.
    pub(crate) in_hand: Option<QueueItem>,
    pub(crate) asked: Option<Asked>,
}

impl QueueState {
    /// Takes what was asked with a request, if its answer is awaited still.
    pub(crate) fn answered(&mut self, request: u64) -> Option<Asking> {
        let asked = self.asked.take_if(|asked| asked.request == request);
        asked.map(|asked| asked.asking)
    }

    /// Entries of all queues that can be taken.
    pub(crate) fn waiting(&self) -> u64 {
        self.totals.iter().map(|queue| queue.waiting).sum()
    }

    /// The entry in hand, if it is about this booking.
    pub(crate) fn in_hand_of(&self, locator: Locator) -> Option<&QueueItem> {
        self.in_hand.as_ref().filter(|item| item.locator == locator)
    }
}

/// Whether the reason for which a booking lies on a queue is gone: then the server is done with the entry by itself.
pub(crate) fn is_settled(reason: QueueReason, booking: &Booking) -> bool {
    let has = |status| booking.segments.iter().any(|s| s.status == status);
    if booking.status == BookingStatus::Cancelled {
        return true;
    }
    match reason {
        QueueReason::ScheduleChanged => !has(SegmentStatus::Tk),
        QueueReason::FlightCancelled => !has(SegmentStatus::Un),
        QueueReason::TimeLimitNear => booking.status != BookingStatus::Held,
        QueueReason::Placed | QueueReason::WaitlistCleared | QueueReason::Other => false,
    }
}

/// Why a booking lies on a queue, in words.
pub(crate) fn reason_words(reason: QueueReason) -> &'static str {
    match reason {
        QueueReason::Placed => "put there",
        QueueReason::FlightCancelled => "flight cancelled",
        QueueReason::WaitlistCleared => "waitlist cleared",
        QueueReason::ScheduleChanged => "schedule changed",
        QueueReason::TimeLimitNear => "time limit near",
        QueueReason::Other => "see the booking",
    }
}
