//! Files of flights, as admins upload them and as they are fetched from sources.

use serde::{Deserialize, Serialize};

use crate::time::Instant;
use crate::upload::{Sender, UploadId, UploadStatus};

/// An uploaded file, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Upload {
    /// Identity.
    pub id: UploadId,
    /// What has become of it.
    pub status: UploadStatus,
    /// The file's name, as its sender said.
    pub filename: Option<String>,
    /// `airside`, `prototype` or `ssim`: as asked, or as the first line tells.
    pub format: Option<String>,
    /// Whether it only tells what it would change.
    pub dry_run: bool,
    /// SHA-256 of its content, unpacked, in hexadecimal digits.
    pub sha256: String,
    /// Its size, unpacked, in bytes.
    pub bytes_total: u64,
    /// Bytes that have been read.
    pub bytes_done: u64,
    /// Rows of a CSV file; of a season's file (SSIM), where a line has many flights, not known before its end.
    pub rows_total: Option<u64>,
    /// Rows that have been dealt with: created, updated, unchanged and rejected.
    pub rows_done: u64,
    /// Flights that were made; of a dry run those that would be, as in all these.
    pub rows_created: u64,
    /// Flights that were changed.
    pub rows_updated: u64,
    /// Flights that were so already.
    pub rows_unchanged: u64,
    /// Rows that were not taken.
    pub rows_rejected: u64,
    /// What was taken, or is no flight, and should be looked at.
    pub rows_noted: u64,
    /// Flights of a season that the file does not have. They stay as they are.
    pub rows_withdrawn: u64,
    /// Why it failed, or where it was stopped.
    pub error: Option<String>,
    /// An earlier upload of the same content.
    pub duplicate_of: Option<UploadId>,
    /// Who uploaded it: a user, or `ingest:NAME` where it was fetched from a source.
    pub created_by: Sender,
    /// When it had arrived.
    pub created_at: Instant,
    /// When a worker began with it.
    pub started_at: Option<Instant>,
    /// When it had ended.
    pub finished_at: Option<Instant>,
    /// The first things that a dry run would change, 100 at most; only where one upload is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "openapi",
        oai(default, skip_serializing_if = "Vec::is_empty")
    )]
    pub differences: Vec<Difference>,
}

/// One thing that a dry run would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Difference {
    /// Which flight: `UA1 JFK 2026-12-07`.
    pub flight: String,
    /// What of it, such as `departure` or `economy.capacity`; `flight` where it would be made.
    pub field: String,
    /// As it is; absent where it is not there.
    pub before: Option<String>,
    /// As it would be; absent where it would be gone.
    pub after: Option<String>,
}

/// A page of uploads, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct UploadPage {
    /// The uploads.
    pub items: Vec<Upload>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// What was found in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum FindingKind {
    /// A row that was not taken.
    Rejected,
    /// What was taken, or is no flight, and should be looked at.
    Noted,
    /// A flight of the season that the file does not have; it stays as it is.
    Withdrawn,
}

impl FindingKind {
    /// The word used in the API and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Noted => "noted",
            Self::Withdrawn => "withdrawn",
        }
    }
}
