//! An office's queues: bookings that need a person.

use serde::{Deserialize, Serialize};

use super::bookings::Booking;
use crate::locator::Locator;
use crate::queue::{QueueItemId, QueueReason};
use crate::text::Remark;
use crate::time::Instant;
use crate::user::{Office, Username};

/// A queue and how many bookings lie on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct QueueTotal {
    /// Its number: 0, 1, 2, 7 or 8.
    pub number: u8,
    /// What it is called.
    pub name: String,
    /// Entries that can be taken now.
    pub waiting: u64,
    /// Entries that somebody has taken.
    pub in_hand: u64,
    /// Entries that are put off until later.
    pub delayed: u64,
}

/// `GET /v1/queues`: all queues of the caller's office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct QueueTotals {
    /// The queues by their numbers.
    pub items: Vec<QueueTotal>,
    /// Always null: all are on one page.
    pub next_cursor: Option<String>,
}

/// How far an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "snake_case")
)]
pub enum QueueItemState {
    /// It can be taken; also what was to be done with or put off, where the booking has changed since it was taken.
    Waiting,
    /// Somebody has taken it.
    InHand,
    /// It is put off until later.
    Delayed,
    /// It is done with.
    Done,
}

/// A booking on a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct QueueItem {
    /// Its name on the queue.
    pub id: QueueItemId,
    /// The queue.
    pub queue: u8,
    /// Why it is there.
    pub reason: QueueReason,
    /// Which booking.
    pub locator: Locator,
    /// Whose queue.
    pub office: Office,
    /// What whoever put it there had to say.
    pub remark: Option<Remark>,
    /// How far it is.
    pub state: QueueItemState,
    /// When it came.
    pub placed_at: Instant,
    /// Who put it there; `system` where an event did.
    pub placed_by: Username,
    /// When it can be taken, or could first: those that come first are taken first.
    pub due_at: Instant,
    /// Who has taken it.
    pub taken_by: Option<Username>,
    /// Until when it is theirs alone.
    pub taken_until: Option<Instant>,
}

/// `GET /v1/queues/{queue}/items`: what is not done with, in the order in which it is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct QueueItemPage {
    /// The entries.
    pub items: Vec<QueueItem>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// An entry that was taken, and the booking as it is now: what is to be done is seen at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct TakenItem {
    /// The entry.
    pub item: QueueItem,
    /// The booking: segments that are TK or UN, with their times before, or its time limit.
    pub booking: Booking,
}

/// `POST /v1/queues/{queue}/items`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct PlaceItem {
    /// Which booking of the own office.
    pub locator: Locator,
    /// What is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub remark: Option<Remark>,
}

/// `POST /v1/queues/{queue}/items/{id}/delay`: one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct DelayItem {
    /// Until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub until: Option<Instant>,
    /// For so many minutes from now: 1 to 525600, a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub minutes: Option<u32>,
}
