//! What an agent asked for and the server has not answered yet.

use airside_common::api::bookings::{CreateBooking, NewSegment, RebookBooking, Segment};
use airside_common::api::problem::Problem;
use airside_common::booking::{BookingStatus, OperationKey};
use airside_common::locator::Locator;
use airside_common::money::Money;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::rebooking;

/// A booking as screens hold it: by the operation that makes it, or by its locator. Resolved through
/// [`Ledger::resolve`](super::ledger::Ledger::resolve), a pending reference leads to the booking once it is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The booking that this operation makes.
    Pending(OperationKey),
    /// A booking that exists.
    Known(Locator),
}

/// What is to be shown of a booking before the server has answered: the flights as the search showed them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The flights in order, with the status that they will have.
    pub segments: Vec<Segment>,
    /// The total that was shown.
    pub total: Option<Money>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// A new booking.
    Create {
        /// The body of the request.
        body: Box<CreateBooking>,
        /// What is shown meanwhile.
        preview: Preview,
    },
    /// A held booking is confirmed.
    Confirm,
    /// Changed flights are accepted, or others taken in their place.
    Rebook {
        /// The body of the request.
        body: Box<RebookBooking>,
        /// What is shown meanwhile: the segments as they will be.
        preview: Preview,
        /// Seats that the party needs on each flight.
        seats: usize,
    },
    /// All of a booking is given back.
    Cancel,
}

/// What is known about the way of an operation to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// It has certainly not reached the server.
    Queued,
    /// It is on its way now.
    Sent,
    /// It was sent, and no answer told what became of it; it is sent again under the same key.
    Unknown,
}

/// One intended write, from the key press to the server's final answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its identity, and the idempotency key of its request.
    pub key: OperationKey,
    /// The server that it is for and the user who asked; it is sent to no other and under no other.
    pub account: Account,
    /// What is asked for.
    pub kind: OperationKind,
    /// Which booking: for a new one, the operation itself.
    pub target: Reference,
    /// The version of the booking that the agent saw, for `If-Match`; unknown while the booking is unmade.
    pub base_version: Option<u64>,
    /// The operation that must be confirmed before this one is sent.
    pub depends_on: Option<OperationKey>,
    /// When the agent asked.
    pub created_at: Timestamp,
    /// How far it came.
    pub state: OperationState,
}

impl Operation {
    /// The status that the booking will have once it is confirmed; `None` where it says nothing of it.
    pub fn becomes(&self) -> Option<BookingStatus> {
        match self.kind {
            OperationKind::Create { .. } | OperationKind::Rebook { .. } => None,
            OperationKind::Confirm => Some(BookingStatus::Confirmed),
            OperationKind::Cancel => Some(BookingStatus::Cancelled),
        }
    }

    /// Seats that it takes on a flight's cabin once it is confirmed.
    pub fn seats(
        &self,
        flight: airside_common::flight::FlightId,
        cabin: airside_common::flight::Cabin,
    ) -> usize {
        let is_on = |s: &&NewSegment| s.flight_id == flight && s.cabin == cabin;
        match &self.kind {
            OperationKind::Create { body, .. } => {
                let party = rebooking::seats_needed(&body.passengers);
                body.segments.iter().filter(is_on).count() * party
            }
            OperationKind::Rebook { body, seats, .. } => {
                let taken = body.segments.iter().filter_map(|s| s.replacement.as_ref());
                taken.filter(is_on).count() * seats
            }
            OperationKind::Confirm | OperationKind::Cancel => 0,
        }
    }
}

/// Why an operation ended without effect and became a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftReason {
    /// The server refused it.
    Refused(Problem),
    /// The server refused the booking that it depended on.
    BookingRefused(Problem),
    /// The agent took it back.
    Withdrawn,
    /// It could not be written to the journal, so it was not sent.
    NotWritten(String),
}

impl DraftReason {
    /// Why what depended on it is a draft, too.
    #[must_use]
    pub fn of_dependents(&self) -> Self {
        match self {
            Self::Refused(problem) => Self::BookingRefused(problem.clone()),
            other => other.clone(),
        }
    }

    /// What became of it, in a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) | Self::BookingRefused(_) => "refused",
            Self::Withdrawn => "taken back",
            Self::NotWritten(_) => "not sent",
        }
    }

    /// The reason in words for the agent.
    pub fn words(&self) -> String {
        match self {
            Self::Refused(problem) => problem.detail.clone(),
            Self::BookingRefused(problem) => {
                format!("the booking was not made: {}", problem.detail)
            }
            Self::Withdrawn => "taken back before it was sent".to_owned(),
            Self::NotWritten(why) => format!("not sent, the journal cannot be written: {why}"),
        }
    }
}

/// An operation that was taken back, as it was, ready to be corrected and asked for again under a new key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What was asked for.
    pub operation: Operation,
    /// Why it did not happen.
    pub reason: DraftReason,
}
