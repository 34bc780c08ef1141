//! Mails to passengers, as admins see them.

use serde::{Deserialize, Serialize};

use crate::locator::Locator;
use crate::time::Instant;

/// How far a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum MailState {
    /// It will be tried, for the first time or again.
    Waiting,
    /// The mail server took it.
    Sent,
    /// The mail server refused it, or did not take it for three days.
    Failed,
}

impl MailState {
    /// The word used in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Sent, Self::Failed]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// A mail about a booking. Its text is not kept once it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Mail {
    /// Its number.
    pub id: String,
    /// Which booking.
    pub locator: Locator,
    /// What it tells of: an event's type, such as `booking.created`.
    pub event: String,
    /// To whom.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// How far it is.
    pub state: MailState,
    /// How often it was tried.
    pub attempts: u32,
    /// What the mail server said last, or why it could not be asked.
    pub answer: Option<String>,
    /// When it was written.
    pub created_at: Instant,
    /// When it is tried next.
    pub next_attempt_at: Option<Instant>,
    /// When it was sent or given up.
    pub ended_at: Option<Instant>,
}

/// `GET /v1/admin/mails`, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct MailPage {
    /// The mails.
    pub items: Vec<Mail>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}
