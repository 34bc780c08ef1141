//! Sources and their files as they are stored.

use airside_common::api::ingest::{IngestSource, SourceState};
use airside_common::time::Instant;
use sqlx::FromRow;

use super::decode;
use super::instant::StoredInstant;
use crate::features::ingest::store::{
    Change, ClaimedSource, CompletedFile, IngestStoreError, Sighting, SourceLease, Verdict,
};
use crate::store::StoreError;

/// A source as admins see it.
#[derive(FromRow)]
pub(crate) struct SourceRow {
    name: String,
    address: String,
    attended: bool,
    polling: bool,
    paused: bool,
    last_poll: Option<StoredInstant>,
    next_poll: Option<StoredInstant>,
    failures: i64,
    last_error: Option<String>,
    last_error_at: Option<StoredInstant>,
    files_waiting: i64,
    files_taken: i64,
    files_refused: i64,
}

impl SourceRow {
    fn state(&self) -> SourceState {
        if self.paused {
            SourceState::Paused
        } else if self.polling {
            SourceState::Polling
        } else if !self.attended {
            SourceState::Unattended
        } else if self.failures > 0 {
            SourceState::Failing
        } else if self.files_waiting > 0 {
            SourceState::Waiting
        } else {
            SourceState::Idle
        }
    }
}

impl TryFrom<SourceRow> for IngestSource {
    type Error = StoreError;

    fn try_from(row: SourceRow) -> Result<Self, StoreError> {
        let instant = |at: Option<StoredInstant>| -> Result<Option<Instant>, sqlx::Error> {
            Ok(at.map(StoredInstant::timestamp).transpose()?.map(Instant))
        };
        Ok(Self {
            state: row.state(),
            name: row.name.parse().map_err(decode)?,
            address: row.address,
            last_poll: instant(row.last_poll)?,
            next_poll: instant(row.next_poll.filter(|_| !row.paused))?,
            last_error: row.last_error,
            last_error_at: instant(row.last_error_at)?,
            files_taken: row.files_taken.cast_unsigned(),
            files_waiting: row.files_waiting.cast_unsigned(),
            files_refused: row.files_refused.cast_unsigned(),
        })
    }
}

/// A source that was just claimed.
#[derive(FromRow)]
pub(crate) struct ClaimedRow {
    name: String,
    sightings: String,
    failures: i64,
}

impl ClaimedRow {
    pub(crate) fn claimed(self, holder: &str) -> Result<ClaimedSource, sqlx::Error> {
        Ok(ClaimedSource {
            lease: SourceLease {
                source: self.name.parse().map_err(decode)?,
                holder: holder.to_owned(),
            },
            sightings: serde_json::from_str(&self.sightings).map_err(decode)?,
            failures: u32::try_from(self.failures).unwrap_or(u32::MAX),
        })
    }
}

/// A file whose upload was completed.
#[derive(FromRow)]
pub(crate) struct CompletedRow {
    path: String,
    size: i64,
    modified: Option<StoredInstant>,
    sha256: String,
}

impl From<CompletedRow> for CompletedFile {
    fn from(row: CompletedRow) -> Self {
        Self {
            file: Sighting {
                path: row.path,
                size: row.size.cast_unsigned(),
                modified: row.modified.map(|at| at.0),
            },
            sha256: row.sha256,
        }
    }
}

/// What is written of a poll: whether it failed, where that is known, and what was wrong.
pub(crate) fn written(verdict: &Verdict) -> (Option<bool>, Option<&str>) {
    match verdict {
        Verdict::Good => (Some(false), None),
        Verdict::Remark(error) => (Some(false), Some(error)),
        Verdict::Broken(error) => (Some(true), Some(error)),
        Verdict::Stopped => (None, None),
    }
}

/// What is written where an admin wants something of a source; `None` where it is so already.
pub(crate) fn assignment(
    change: Change,
    is_paused: bool,
) -> Result<Option<&'static str>, IngestStoreError> {
    match (change, is_paused) {
        (Change::Pause, false) => Ok(Some("paused = TRUE")),
        (Change::Resume, true) => Ok(Some("paused = FALSE, wanted = TRUE")),
        (Change::Poll, false) => Ok(Some("wanted = TRUE")),
        (Change::Poll, true) => Err(IngestStoreError::Paused),
        (Change::Pause, true) | (Change::Resume, false) => Ok(None),
    }
}
