//! Live events: what `GET /v1/events` sends while its connection lasts.
//!
//! Each is one message of a stream (WHATWG HTML, server-sent events): its `event` is the `type` of its `data`.

use serde::{Deserialize, Serialize};

use crate::booking::OperationKey;
use crate::flight::{Cabin, FlightId, FlightStatus};
use crate::locator::Locator;
use crate::time::Instant;
use crate::upload::{UploadId, UploadStatus};
use crate::user::Office;

/// What all types of bookings' events begin with: `booking.created`, `booking.cancelled`. Newer servers have more.
pub const BOOKING: &str = "booking.";

/// What all types of uploads' events begin with: `upload.received`, `upload.progressed`, `upload.completed`.
pub const UPLOAD: &str = "upload.";

/// The type of [`SeatsChanged`].
pub const INVENTORY_CHANGED: &str = "inventory.changed";

/// The type of [`QueueChanged`].
pub const QUEUE_CHANGED: &str = "queue.changed";

/// The type of [`StreamReset`].
pub const RESET: &str = "reset";

/// One live event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Union))]
pub enum LiveEvent {
    /// Something happened to a booking.
    Booking(BookingChanged),
    /// A flight has other seats left, or has changed.
    Seats(SeatsChanged),
    /// A queue of the office has changed.
    Queue(QueueChanged),
    /// An upload has arrived, has progressed or has ended.
    Upload(UploadChanged),
    /// What was read before may be old.
    Reset(StreamReset),
}

/// Something happened to a booking of the own office, or for an admin of any. What it is like now, `GET
/// /v1/bookings/{locator}` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct BookingChanged {
    /// `booking.created`, `booking.cancelled`, …
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// Which booking.
    pub locator: Locator,
    /// The booking's version after the event; what is known of a higher one is newer.
    pub version: u64,
    /// Whose booking.
    pub office: Office,
    /// The idempotency key with which the caller has caused it; absent where somebody else has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub operation: Option<OperationKey>,
}

/// The seats that a flight has left, after they or the flight have changed; also sent when a stream that names the flight
/// begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SeatsChanged {
    /// `inventory.changed`
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// Which flight.
    pub flight_id: FlightId,
    /// The flight's version: a higher one than before says that its times, aircraft, cabins or fares have changed.
    pub version: u64,
    /// Whether it operates.
    pub status: FlightStatus,
    /// Its cabins.
    pub cabins: Vec<CabinSeats>,
    /// When the seats were read: they have in them what was booked before.
    pub as_of: Instant,
}

/// The seats that a cabin has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct CabinSeats {
    /// Which cabin.
    pub cabin: Cabin,
    /// Seats that are left.
    pub available: u32,
}

/// A queue of the own office, or for an admin of any, has other entries, or somebody has taken one. How many there are now, `GET
/// /v1/queues` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct QueueChanged {
    /// `queue.changed`
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// Whose queue.
    pub office: Office,
    /// Which one.
    pub queue: u8,
}

/// An upload has arrived, has progressed or has ended; only admins are told. What was found in it, `GET
/// /v1/admin/uploads/{id}` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct UploadChanged {
    /// `upload.received`, `upload.progressed`, `upload.completed`
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// Which upload.
    pub upload_id: UploadId,
    /// What has become of it.
    pub status: UploadStatus,
    /// How far it is; only of `upload.progressed`, which comes every second while a worker is at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub progress: Option<UploadProgress>,
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct UploadProgress {
    /// Rows that have been dealt with: created, updated, unchanged and rejected.
    pub rows_done: u64,
    /// Bytes that have been read.
    pub bytes_done: u64,
    /// Its size, unpacked, in bytes.
    pub bytes_total: u64,
}

/// Events may be missing before this one: read anew what is shown. A stream that does not continue an earlier one begins
/// with it, and so does one whose `Last-Event-ID` is of too long ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct StreamReset {
    /// `reset`
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
}

impl Default for StreamReset {
    fn default() -> Self {
        Self {
            kind: RESET.to_owned(),
        }
    }
}
