//! Files of uploads are kept for some time, and then deleted with what was found in them.

use std::sync::Arc;
use std::time::Duration;

use airside_common::upload::UploadId;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::service::{FOLDER, name};
use super::store::UploadStore;
use crate::clock::SharedClock;
use crate::files::{Files, FilesError};
use crate::store::StoreError;

/// How often it is looked for what is too old.
const EVERY: Duration = Duration::from_hours(1);

/// Uploads that are looked at in one go.
const MOST: u32 = 100;

/// A file without a record may be one that is arriving just now.
const ARRIVING: Duration = Duration::from_hours(24);

/// Why not everything that is too old is gone.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// A file cannot be deleted.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes files of uploads that ended long ago.
pub struct Retention {
    store: Arc<dyn UploadStore>,
    files: Files,
    clock: SharedClock,
    kept_for: Duration,
}

impl Retention {
    /// Files are kept for so long after the end of their uploads.
    pub fn new(
        store: Arc<dyn UploadStore>,
        files: Files,
        clock: SharedClock,
        kept_for: Duration,
    ) -> Self {
        Self {
            store,
            files,
            clock,
            kept_for,
        }
    }

    /// Deletes, at the start and every hour, until told to stop. Any number of processes may do so.
    pub async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let done = tokio::select! {
                () = stop.cancelled() => return,
                done = self.delete() => done,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "old files of uploads are not deleted for now");
            }
        }
    }

    /// Deletes what is too old.
    pub async fn delete(&self) -> Result<(), RetentionError> {
        let now = self.clock.now();
        let ago = |time: Duration| now.checked_sub(time).unwrap_or(Timestamp::MIN);
        loop {
            let old = self.store.ended_before(ago(self.kept_for), MOST).await?;
            for id in &old {
                self.files.delete(&name(*id)).await?;
                while !self.store.prune(*id, now).await? {}
            }
            if old.len() < MOST as usize {
                break;
            }
        }
        for file in self.files.list(FOLDER).await? {
            let is_old = file.written.is_none_or(|at| at < ago(ARRIVING));
            let id = file.name.strip_prefix(FOLDER).map(str::parse::<UploadId>);
            let Some(Ok(id)) = id.filter(|_| is_old) else {
                continue;
            };
            if self.store.upload(id).await?.is_none() {
                self.files.delete(&file.name).await?;
            }
        }
        Ok(())
    }
}
