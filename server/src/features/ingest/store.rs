//! What fetching files needs from a database: how each source stands, and which files were dealt with.

use std::time::Duration;

use airside_common::api::ingest::IngestSource;
use airside_common::ingest::SourceName;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::features::audit::entry::NewEntry;
use crate::features::uploads::store::FoundFile;
use crate::store::StoreError;

/// How long a process that says nothing keeps a source, by the database's clock. Then another one takes it.
pub const LEASE: Duration = Duration::from_secs(10);

/// How long nobody may speak of a source before it is shown as unattended.
pub const ATTENDED_FOR: Duration = Duration::from_secs(30);

/// How long a source that no process has in its settings any more is listed.
pub const FORGOTTEN_AFTER: Duration = Duration::from_hours(24 * 30);

/// A source in a process's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredSource {
    /// Its name.
    pub name: SourceName,
    /// Where it is, without passwords.
    pub address: String,
}

/// The right to poll a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLease {
    /// Which one.
    pub source: SourceName,
    /// Who polls it.
    pub holder: String,
}

/// A source whose poll begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedSource {
    /// The right to poll it.
    pub lease: SourceLease,
    /// What the poll before saw and did not take.
    pub sightings: Vec<Sighting>,
    /// Polls in a row that failed.
    pub failures: u32,
}

/// A file as a poll saw it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sighting {
    /// Its name.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed by the source's clock, in microseconds since 1970, where the source tells.
    pub modified: Option<i64>,
}

impl Sighting {
    /// The same as a file of a source.
    pub fn of_source(&self, source: &SourceName) -> FoundFile {
        FoundFile {
            source: source.clone(),
            path: self.path.clone(),
            size: self.size,
            modified: self
                .modified
                .and_then(|micros| Timestamp::from_microsecond(micros).ok()),
        }
    }
}

/// What came of a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// How the source itself was.
    pub verdict: Verdict,
    /// Files that were seen and not taken.
    pub sightings: Vec<Sighting>,
    /// Files that were taken.
    pub taken: u64,
    /// After how long the source is polled again.
    pub pause: Duration,
}

/// How a source was when it was polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It answered.
    Good,
    /// It answered; something was wrong with one of its files.
    Remark(String),
    /// It cannot be read.
    Broken(String),
    /// It is not known: the process was told to stop. What was known before stays.
    Stopped,
}

/// Whether a poll that has begun goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    /// It does.
    Yes,
    /// Its source was paused.
    Paused,
    /// Another process has its source.
    Lost,
}

/// A file that was taken and whose upload was completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedFile {
    /// The file as it was when it was taken.
    pub file: Sighting,
    /// SHA-256 of its content in hexadecimal digits.
    pub sha256: String,
}

/// What an admin wants of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// No more polls.
    Pause,
    /// Polls again, the first at once.
    Resume,
    /// A poll at once.
    Poll,
}

/// Why a source was not changed.
#[derive(Debug, thiserror::Error)]
pub enum IngestStoreError {
    /// There is no such source.
    #[error("there is no such source")]
    NotFound,
    /// It is paused.
    #[error("the source is paused; resume it first")]
    Paused,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for IngestStoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Sources and their files in a database. Each method is one transaction. Files that are taken are recorded by
/// [`UploadStore::add`](crate::features::uploads::store::UploadStore::add), with their uploads.
#[async_trait]
pub trait IngestStore: Send + Sync + 'static {
    /// Says which sources a process has in its settings; those that none has had for [`FORGOTTEN_AFTER`] are forgotten.
    async fn attend(&self, sources: &[ConfiguredSource]) -> Result<(), StoreError>;

    /// Takes one of these sources whose poll is due or wanted and that nobody has, for a process whose name nobody else has.
    async fn claim_source(
        &self,
        holder: &str,
        names: &[SourceName],
    ) -> Result<Option<ClaimedSource>, StoreError>;

    /// Keeps a source for another [`LEASE`].
    async fn renew_source(&self, lease: &SourceLease) -> Result<GoOn, StoreError>;

    /// Ends a poll; `false` where another process has the source.
    async fn finish_poll(&self, lease: &SourceLease, polled: &Polled) -> Result<bool, StoreError>;

    /// Those of the files that were neither taken nor refused as they are now.
    async fn unknown(
        &self,
        source: &SourceName,
        found: &[Sighting],
    ) -> Result<Vec<Sighting>, StoreError>;

    /// Records a file that cannot be taken, until it changes.
    async fn refuse(
        &self,
        source: &SourceName,
        file: &Sighting,
        error: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// At most `limit` files whose uploads were completed and that were not moved or deleted since.
    async fn completed(
        &self,
        source: &SourceName,
        limit: u32,
    ) -> Result<Vec<CompletedFile>, StoreError>;

    /// Records that a file was moved or deleted, or is not there any more.
    async fn settle(&self, source: &SourceName, file: &CompletedFile) -> Result<(), StoreError>;

    /// All sources by name.
    async fn sources(&self) -> Result<Vec<IngestSource>, StoreError>;

    /// Does what an admin wants of a source.
    async fn change_source(
        &self,
        source: &SourceName,
        change: Change,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<IngestSource, IngestStoreError>;

    /// Sources whose last poll failed.
    async fn failing_sources(&self) -> Result<u64, StoreError>;
}

#[cfg(test)]
pub(crate) mod contract;
