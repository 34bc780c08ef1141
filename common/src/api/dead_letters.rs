//! Messages that nobody could do anything with, as admins see them.

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// A message that its consumer did not take, however often it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct DeadLetter {
    /// Its number.
    pub id: String,
    /// Whose message, such as `notifier`.
    pub consumer: String,
    /// The event's number.
    pub event: String,
    /// The event's type, such as `booking.created`; null where what came is no event.
    pub r#type: Option<String>,
    /// What the event speaks of: a booking's locator, a flight.
    pub subject: Option<String>,
    /// Why it was not taken, the last time.
    pub error: String,
    /// How often it was tried.
    pub deliveries: u32,
    /// When it was given up.
    pub died_at: Instant,
}

/// One of them with all that it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct DeadLetterDetail {
    /// What the list says of it.
    pub letter: DeadLetter,
    /// The message as it came: a CloudEvents envelope.
    pub message: String,
}

/// `GET /v1/admin/dead-letters`, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct DeadLetterPage {
    /// The letters.
    pub items: Vec<DeadLetter>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}
