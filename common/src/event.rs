//! What happened: the events that a transaction leaves in the outbox.

use serde::{Deserialize, Serialize};

use crate::booking::OperationKey;
use crate::flight::FlightId;
use crate::locator::Locator;
use crate::time::Instant;
use crate::upload::{UploadId, UploadStatus};
use crate::user::{Office, SessionId, UserId};

/// One thing that happened, with the version of what it speaks of; consumers ignore older versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// A flight came into the schedule.
    #[serde(rename = "flight.created")]
    FlightCreated {
        /// Which flight.
        flight: FlightId,
        /// The flight's version.
        version: u64,
    },
    /// A flight's times, aircraft, cabins or fares changed.
    #[serde(rename = "flight.changed")]
    FlightChanged {
        /// Which flight.
        flight: FlightId,
        /// The flight's version.
        version: u64,
    },
    /// A flight will not operate.
    #[serde(rename = "flight.cancelled")]
    FlightCancelled {
        /// Which flight.
        flight: FlightId,
        /// The flight's version.
        version: u64,
    },
    /// A part of a file was merged into the schedule: flights that it made or changed.
    #[serde(rename = "flights.imported")]
    FlightsImported {
        /// Which flights.
        flights: Vec<FlightId>,
    },
    /// Seats of a flight were taken or given back.
    #[serde(rename = "inventory.changed")]
    InventoryChanged {
        /// Which flights.
        flights: Vec<FlightId>,
    },
    /// A booking was made.
    #[serde(rename = "booking.created")]
    BookingCreated(BookingEvent),
    /// A booking was cancelled.
    #[serde(rename = "booking.cancelled")]
    BookingCancelled(BookingEvent),
    /// Sessions were ended before their time, by a logout, a refresh token that was used twice, or a change of their user:
    /// their access tokens are void.
    #[serde(rename = "sessions.ended")]
    SessionsEnded {
        /// Which sessions.
        sessions: Vec<SessionId>,
        /// When the last of their access tokens will have expired.
        until: Instant,
    },
    /// A user may no longer use the system; the sessions have ended with it.
    #[serde(rename = "user.disabled")]
    UserDisabled {
        /// Which user.
        user: UserId,
    },
    /// A file of flights has arrived, and waits for a worker.
    #[serde(rename = "upload.received")]
    UploadReceived {
        /// Which upload.
        upload: UploadId,
    },
    /// A file of flights has been dealt with.
    #[serde(rename = "upload.completed")]
    UploadCompleted {
        /// Which upload.
        upload: UploadId,
        /// How it ended.
        status: UploadStatus,
    },
}

/// A booking's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingEvent {
    /// Which booking.
    pub locator: Locator,
    /// The booking's version after the event.
    pub version: u64,
    /// Whose booking.
    pub office: Office,
    /// The operation that caused it, for the console that sent it.
    pub operation: Option<OperationKey>,
}

impl Event {
    /// The event's type word, such as `booking.created`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FlightCreated { .. } => "flight.created",
            Self::FlightChanged { .. } => "flight.changed",
            Self::FlightCancelled { .. } => "flight.cancelled",
            Self::FlightsImported { .. } => "flights.imported",
            Self::InventoryChanged { .. } => "inventory.changed",
            Self::BookingCreated(_) => "booking.created",
            Self::BookingCancelled(_) => "booking.cancelled",
            Self::SessionsEnded { .. } => "sessions.ended",
            Self::UserDisabled { .. } => "user.disabled",
            Self::UploadReceived { .. } => "upload.received",
            Self::UploadCompleted { .. } => "upload.completed",
        }
    }
}
