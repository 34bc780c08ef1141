//! Files of flights that were uploaded.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;
use crate::ingest::SourceName;
use crate::parse::text_type;
use crate::user::Username;

/// The identity of an upload; opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(pub uuid::Uuid);

impl UploadId {
    /// A new identity, ordered by the time of its making (RFC 9562, version 7).
    #[expect(
        clippy::new_without_default,
        reason = "a default identity would have no meaning"
    )]
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl FromStr for UploadId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse()
            .map(Self)
            .map_err(|_| ParseError::new("not an upload's id"))
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

text_type!(
    UploadId,
    "upload-id",
    "01936d5e-0000-7000-8000-000000000000"
);

/// Whom an upload is from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sender {
    /// A user who sent it.
    User(Username),
    /// A source from which it was fetched: `ingest:NAME`.
    Source(SourceName),
}

/// What the text of a source begins with: no user's name has a colon.
const SOURCE: &str = "ingest:";

impl FromStr for Sender {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.strip_prefix(SOURCE) {
            Some(name) => name.parse().map(Self::Source),
            None => text.parse().map(Self::User),
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => name.fmt(f),
            Self::Source(name) => f.pad(&format!("{SOURCE}{name}")),
        }
    }
}

text_type!(Sender, "sender", "ingest:partner-ftp");

/// What has become of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum UploadStatus {
    /// It waits for a worker.
    Queued,
    /// A worker is at it.
    Processing,
    /// All of it was read.
    Completed,
    /// It could not be read to its end; what was merged before stays.
    Failed,
    /// An admin stopped it; what was merged before stays.
    Cancelled,
}

impl UploadStatus {
    /// The word used in the API and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing of it changes any more.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl FromStr for UploadStatus {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "queued" => Ok(Self::Queued),
            "processing" => Ok(Self::Processing),
            "completed" => Ok(Self::Completed),
            "failed" => Ok(Self::Failed),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(ParseError::new(
                "a status is queued, processing, completed, failed or cancelled",
            )),
        }
    }
}

impl fmt::Display for UploadStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_a_user_or_a_source() {
        for text in ["root", "ingest:partner-ftp"] {
            assert_eq!(text.parse::<Sender>().unwrap().to_string(), text);
        }
        assert!(matches!("ingest".parse(), Ok(Sender::User(_))));
        assert!("ingest:".parse::<Sender>().is_err());
        assert!("ingest:A B".parse::<Sender>().is_err());
    }
}
