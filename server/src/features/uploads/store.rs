//! What uploads need from a database: a record of each, which is the queue of the workers too.

use std::time::Duration;

use airside_common::api::uploads::{FindingKind, Upload};
use airside_common::ingest::SourceName;
use airside_common::upload::{Sender, UploadId, UploadStatus};
use async_trait::async_trait;
use jiff::Timestamp;

use crate::config::ImportSettings;
use crate::features::audit::entry::NewEntry;
use crate::features::flights::import::checkpoint::{KeptFinding, Lease, Progress, Wish};
use crate::features::flights::import::resumable::{Effect, Ledger};
use crate::formats::Format;
use crate::store::StoreError;

/// How long a worker that says nothing keeps an upload, by the database's clock. Then another one takes it.
pub const LEASE: Duration = Duration::from_secs(10);

/// A file that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// Its identity, which names the file too.
    pub id: UploadId,
    /// What its sender called it.
    pub filename: Option<String>,
    /// Its format, where it was said or the first line tells.
    pub format: Option<Format>,
    /// What the file does not say.
    pub unsaid: ImportSettings,
    /// What its rows do.
    pub effect: Effect,
    /// SHA-256 of its content in hexadecimal digits.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its rows, where they can be counted.
    pub rows: Option<u64>,
    /// Who sent it.
    pub created_by: Sender,
    /// What happens where the same was completed before.
    pub repeat: Repeat,
    /// Where it was found, if nobody sent it.
    pub fetched: Option<FoundFile>,
}

/// A file as a source shows it. Its content is not known before it is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// The source.
    pub source: SourceName,
    /// Its name there.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed by the source's clock, in whole microseconds, where the source tells.
    pub modified: Option<Timestamp>,
}

/// What happens to a file whose content was merged before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing.
    No,
    /// It is merged again: admins may have changed flights since.
    Again,
}

/// What became of a file that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It waits for a worker.
    Queued(Upload),
    /// Nothing: this upload of the same content, with the same settings, was completed before.
    Known(Upload),
}

/// An upload that a worker has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The right to work on it.
    pub lease: Lease,
    /// The upload.
    pub upload: Upload,
    /// Its format, where it is known.
    pub format: Option<Format>,
    /// What the file does not say.
    pub unsaid: ImportSettings,
    /// What its rows do.
    pub effect: Effect,
    /// How far it is.
    pub progress: Progress,
    /// How often it was taken since it last went on, this time included.
    pub attempts: u64,
    /// Whether it is to be stopped.
    pub wish: Wish,
}

/// How an upload ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Completed, failed or cancelled.
    pub status: UploadStatus,
    /// Why it failed, or where it was stopped.
    pub error: Option<String>,
    /// The format that it turned out to have.
    pub format: Option<Format>,
}

/// Why an upload was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UploadStoreError {
    /// There is no such upload.
    #[error("there is no such upload")]
    NotFound,
    /// It has ended.
    #[error("the upload is {0} already")]
    HasEnded(UploadStatus),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for UploadStoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Uploads in a database. Each method is one transaction. What takes a [`Lease`] does nothing where it does not hold any
/// more, and says so.
#[async_trait]
pub trait UploadStore: Ledger + Send + Sync + 'static {
    /// Records a file that has arrived, with its event; or finds that the same was completed before. One that was fetched is
    /// recorded as taken in the same transaction; where the same content was taken from the same place before, and was not
    /// given up, that upload is the answer.
    async fn add(
        &self,
        new: NewUpload,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<Added, StoreError>;

    /// One upload.
    async fn upload(&self, id: UploadId) -> Result<Option<Upload>, StoreError>;

    /// At most `limit` uploads, the newest first, older than `before`.
    async fn uploads(
        &self,
        status: Option<UploadStatus>,
        before: Option<UploadId>,
        limit: u32,
    ) -> Result<Vec<Upload>, StoreError>;

    /// At most `limit` findings of a kind in the order in which they were found, behind a number, with their numbers;
    /// `None` once they have been deleted.
    async fn findings(
        &self,
        id: UploadId,
        kind: FindingKind,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Option<Vec<(u64, KeptFinding)>>, StoreError>;

    /// Stops an upload: one that waits at once, one that a worker is at behind its present chunk.
    async fn stop(
        &self,
        id: UploadId,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<Upload, UploadStoreError>;

    /// Takes the oldest upload that nobody has, for a worker whose name nobody else has.
    async fn claim(&self, holder: &str, now: Timestamp) -> Result<Option<Claimed>, StoreError>;

    /// Keeps an upload for another [`LEASE`], with the event of how far it is; `None` where it is lost.
    async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<Option<Wish>, StoreError>;

    /// Gives an upload back that is not done; others may take it after a pause. `false` where it was lost.
    async fn give_back(&self, lease: &Lease, pause: Duration) -> Result<bool, StoreError>;

    /// Ends an upload, with its event; `false` where it was lost.
    async fn finish(&self, lease: &Lease, ended: Ended, now: Timestamp)
    -> Result<bool, StoreError>;

    /// Uploads that wait.
    async fn waiting(&self) -> Result<u64, StoreError>;

    /// At most `limit` uploads that ended before a time and whose files are still kept.
    async fn ended_before(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<UploadId>, StoreError>;

    /// Deletes the findings of an upload whose file is gone, some at a time; `true` once all are.
    async fn prune(&self, id: UploadId, now: Timestamp) -> Result<bool, StoreError>;
}

#[cfg(test)]
pub(crate) mod contract;
