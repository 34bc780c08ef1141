//! What happened: the events that a transaction leaves in the outbox.

use serde::{Deserialize, Serialize};

use crate::airport::AirportCode;
use crate::booking::OperationKey;
use crate::flight::{Cabin, FlightId};
use crate::locator::Locator;
use crate::queue::QueueNumber;
use crate::time::{CalendarDate, Instant};
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
    /// A held booking was confirmed before its time limit.
    #[serde(rename = "booking.confirmed")]
    BookingConfirmed(BookingEvent),
    /// A booking's flights have changed: by themselves, where nobody's operation is named, or since it was rebooked.
    #[serde(rename = "booking.changed")]
    BookingChanged(BookingEvent),
    /// A held booking's time limit is near. The booking itself does not change by it.
    #[serde(rename = "booking.expiring")]
    BookingExpiring(BookingEvent),
    /// A booking ended by itself: its time limit passed, or a flight that it waited for has left or will not leave.
    #[serde(rename = "booking.expired")]
    BookingExpired(BookingEvent),
    /// A waitlisted booking got its seats and is confirmed.
    #[serde(rename = "waitlist.cleared")]
    WaitlistCleared(BookingEvent),
    /// A booking was cancelled.
    #[serde(rename = "booking.cancelled")]
    BookingCancelled(BookingEvent),
    /// An office's queue has other entries, or somebody has taken one.
    #[serde(rename = "queue.changed")]
    QueueChanged {
        /// Whose queue.
        office: Office,
        /// Which one.
        queue: QueueNumber,
    },
    /// People searched and found no seats for their party: how often since the last event of this kind of one process.
    #[serde(rename = "searches.unserved")]
    SearchesUnserved {
        /// The day of the searches (UTC).
        day: CalendarDate,
        /// Where from and to, and how often.
        searches: Vec<Unserved>,
    },
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
    /// A worker is at a file of flights, and has come so far; told every second.
    #[serde(rename = "upload.progressed")]
    UploadProgressed {
        /// Which upload.
        upload: UploadId,
        /// Rows that have been dealt with.
        rows_done: u64,
        /// Bytes that have been read.
        bytes_done: u64,
        /// The file's size, unpacked, in bytes.
        bytes_total: u64,
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
    /// The operation that caused it, for the console that sent it; absent where nobody asked for it.
    pub operation: Option<OperationKey>,
    /// The user whose operation it is: nobody else is told its key. Events of earlier releases do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_by: Option<UserId>,
}

/// Searches that found no seats for the party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unserved {
    /// From.
    pub origin: AirportCode,
    /// To.
    pub destination: AirportCode,
    /// The cabin that was asked for; `None`: any.
    pub cabin: Option<Cabin>,
    /// How often.
    pub count: u64,
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
            Self::BookingConfirmed(_) => "booking.confirmed",
            Self::BookingChanged(_) => "booking.changed",
            Self::BookingExpiring(_) => "booking.expiring",
            Self::BookingExpired(_) => "booking.expired",
            Self::QueueChanged { .. } => "queue.changed",
            Self::WaitlistCleared(_) => "waitlist.cleared",
            Self::BookingCancelled(_) => "booking.cancelled",
            Self::SearchesUnserved { .. } => "searches.unserved",
            Self::SessionsEnded { .. } => "sessions.ended",
            Self::UserDisabled { .. } => "user.disabled",
            Self::UploadReceived { .. } => "upload.received",
            Self::UploadProgressed { .. } => "upload.progressed",
            Self::UploadCompleted { .. } => "upload.completed",
        }
    }

    /// What happened to a booking, if it speaks of one.
    pub fn booking(&self) -> Option<&BookingEvent> {
        match self {
            Self::BookingCreated(event)
            | Self::BookingConfirmed(event)
            | Self::BookingCancelled(event)
            | Self::BookingExpired(event)
            | Self::BookingChanged(event)
            | Self::BookingExpiring(event)
            | Self::WaitlistCleared(event) => Some(event),
            Self::FlightCreated { .. }
            | Self::FlightChanged { .. }
            | Self::FlightCancelled { .. }
            | Self::FlightsImported { .. }
            | Self::InventoryChanged { .. }
            | Self::QueueChanged { .. }
            | Self::SearchesUnserved { .. }
            | Self::SessionsEnded { .. }
            | Self::UserDisabled { .. }
            | Self::UploadReceived { .. }
            | Self::UploadProgressed { .. }
            | Self::UploadCompleted { .. } => None,
        }
    }

    /// The flights that have changed, or whose seats have.
    pub fn flights(&self) -> &[FlightId] {
        match self {
            Self::FlightCreated { flight, .. }
            | Self::FlightChanged { flight, .. }
            | Self::FlightCancelled { flight, .. } => std::slice::from_ref(flight),
            Self::FlightsImported { flights } | Self::InventoryChanged { flights } => flights,
            Self::BookingCreated(_)
            | Self::BookingConfirmed(_)
            | Self::BookingCancelled(_)
            | Self::BookingExpired(_)
            | Self::BookingChanged(_)
            | Self::BookingExpiring(_)
            | Self::WaitlistCleared(_)
            | Self::QueueChanged { .. }
            | Self::SearchesUnserved { .. }
            | Self::SessionsEnded { .. }
            | Self::UserDisabled { .. }
            | Self::UploadReceived { .. }
            | Self::UploadProgressed { .. }
            | Self::UploadCompleted { .. } => &[],
        }
    }

    /// The one thing that it speaks of: a booking's locator, the identity of a flight, an upload or a user; `None` where it speaks of several.
    pub fn subject(&self) -> Option<String> {
        match self {
            Self::FlightCreated { flight, .. }
            | Self::FlightChanged { flight, .. }
            | Self::FlightCancelled { flight, .. } => Some(flight.to_string()),
            Self::UserDisabled { user } => Some(user.to_string()),
            Self::UploadReceived { upload }
            | Self::UploadProgressed { upload, .. }
            | Self::UploadCompleted { upload, .. } => Some(upload.to_string()),
            Self::FlightsImported { .. }
            | Self::InventoryChanged { .. }
            | Self::QueueChanged { .. }
            | Self::SearchesUnserved { .. }
            | Self::SessionsEnded { .. } => None,
            _ => self.booking().map(|booking| booking.locator.to_string()),
        }
    }

    /// The version of what it speaks of, after the event.
    pub fn version(&self) -> Option<u64> {
        match self {
            Self::FlightCreated { version, .. }
            | Self::FlightChanged { version, .. }
            | Self::FlightCancelled { version, .. } => Some(*version),
            _ => self.booking().map(|booking| booking.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the outbox that the release before has written, and rows that it reads.
    #[test]
    fn events_are_read_by_this_release_and_the_one_before() {
        let before = r#"{"type":"booking.created","locator":"K7WQ2M","version":1,"office":"NYC1A0001","operation":"k"}"#;
        let event: Event = serde_json::from_str(before).unwrap();
        assert_eq!(event.booking().unwrap().sent_by, None);
        assert_eq!(serde_json::to_string(&event).unwrap(), before);
        let user = UserId::new();
        let mut now: serde_json::Value = serde_json::from_str(before).unwrap();
        now["sent_by"] = user.to_string().into();
        let event: Event = serde_json::from_value(now.clone()).unwrap();
        assert_eq!(event.booking().unwrap().sent_by, Some(user));
        assert_eq!(serde_json::to_value(&event).unwrap(), now);
    }
}
