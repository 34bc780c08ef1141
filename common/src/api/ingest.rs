//! Where files come from by themselves, as admins see it.

use serde::{Deserialize, Serialize};

use crate::ingest::SourceName;
use crate::time::Instant;

/// A place from which files are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct IngestSource {
    /// Its name in the settings.
    pub name: SourceName,
    /// Where it is, without passwords.
    pub address: String,
    /// How it stands.
    pub state: SourceState,
    /// When it was last looked at, with or without success.
    pub last_poll: Option<Instant>,
    /// When it is looked at next; null while it is paused.
    pub next_poll: Option<Instant>,
    /// What went wrong the last time that something did: the source, or one of its files.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Instant>,
    /// Files that were taken, of all time.
    pub files_taken: u64,
    /// Files that were there at the last look and may still grow.
    pub files_waiting: u64,
    /// Files that were looked at and cannot be taken, such as packed ones; they stay where they are.
    pub files_refused: u64,
}

/// How a source stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum SourceState {
    /// Nothing is to be done before the next poll.
    Idle,
    /// It is being looked at.
    Polling,
    /// Files are there that may still grow.
    Waiting,
    /// An admin paused it.
    Paused,
    /// The last poll failed; the next ones come ever more slowly.
    Failing,
    /// No running process has it in its settings.
    Unattended,
}

impl SourceState {
    /// The word used in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Polling => "polling",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Failing => "failing",
            Self::Unattended => "unattended",
        }
    }
}

/// `GET /v1/admin/ingest/sources`, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct IngestSourcePage {
    /// The sources, all of them.
    pub items: Vec<IngestSource>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}
