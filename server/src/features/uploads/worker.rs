//! A worker: takes uploads one after the other, and merges them into the schedule.
//!
//! Any number of processes may work: each upload is one worker's at a time, by a lease that the database keeps. Whoever has
//! lost it can write nothing more of the upload, and whoever takes it goes on where the last one has saved.

use std::sync::Arc;
use std::time::Duration;

use airside_common::event::Event;
use airside_common::upload::UploadStatus;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::service::name;
use super::store::{Claimed, Ended, LEASE, UploadStore};
use crate::bus::{Delivery, Subscription};
use crate::clock::SharedClock;
use crate::features::flights::import::checkpoint::{Lease, Wish};
use crate::features::flights::import::resumable::{End, Import};
use crate::features::flights::import::{ImportError, Source};
use crate::features::flights::store::{FlightStore, FlightStoreError};
use crate::files::{Files, FilesError};
use crate::store::StoreError;
use crate::store::rows::uploads::stopped;

/// How often a worker looks for uploads that it was not called for.
const LOOK: Duration = Duration::from_secs(1);

/// How often a worker that reads tells that it is there, and how far it is.
const RENEW: Duration = Duration::from_secs(1);

/// How often an upload is taken that does not go on; then it has failed.
const MOST_ATTEMPTS: u64 = 5;

/// The longest pause before another try.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What one worker needs.
pub struct Worker {
    uploads: Arc<dyn UploadStore>,
    flights: Arc<dyn FlightStore>,
    files: Files,
    clock: SharedClock,
    /// A name that no other worker has.
    holder: String,
    /// Rows of files that were dealt with.
    rows: Counter,
}

/// Why a worker left an upload that it had begun with.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    /// The file cannot be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The import met an error.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What comes of an error.
enum Remedy {
    /// Another worker has the upload.
    None,
    /// The file is wrong, and always will be.
    Fail(String),
    /// It may go better later.
    Retry(String),
}

impl WorkError {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Import(ImportError::Store(FlightStoreError::LeaseLost)) => Remedy::None,
            Self::Import(error @ ImportError::Header(_)) => Remedy::Fail(error.to_string()),
            Self::Files(error @ FilesError::NotFound(_)) => Remedy::Fail(error.to_string()),
            error => Remedy::Retry(error.to_string()),
        }
    }
}

impl Worker {
    /// A worker on a database and its files.
    pub fn new(
        uploads: Arc<dyn UploadStore>,
        flights: Arc<dyn FlightStore>,
        files: Files,
        clock: SharedClock,
    ) -> Self {
        Self {
            uploads,
            flights,
            files,
            clock,
            holder: uuid::Uuid::new_v4().to_string(),
            rows: Counter::default(),
        }
    }

    /// Rows of files that were dealt with.
    pub fn rows(&self) -> &Counter {
        &self.rows
    }

    /// Works until told to stop; then it ends behind its present chunk, and gives back what it has.
    pub async fn run(self, events: Box<dyn Subscription>, stop: CancellationToken) {
        let called = Arc::new(Notify::new());
        let listening = tokio::spawn(listen(events, Arc::clone(&called)));
        while !stop.is_cancelled() {
            match self.next(&stop).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "no upload can be taken for now"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = called.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        listening.abort();
    }

    /// Takes an upload and deals with it; `false` where there is none.
    async fn next(&self, stop: &CancellationToken) -> Result<bool, StoreError> {
        let claimed = self.uploads.claim(&self.holder, self.clock.now()).await?;
        let Some(claimed) = claimed else {
            return Ok(false);
        };
        let lease = claimed.lease.clone();
        let attempts = claimed.attempts;
        let id = lease.upload;
        if attempts > MOST_ATTEMPTS {
            let text = format!("given up after {MOST_ATTEMPTS} attempts that did not go on");
            self.end(&lease, failed(text)).await?;
            return Ok(true);
        }
        if claimed.wish == Wish::Cancel {
            self.end(&lease, cancelled(claimed.progress.tally.rows()))
                .await?;
            return Ok(true);
        }
        let ended = tokio::select! {
            ended = self.work(claimed, stop) => ended,
            lost = self.keep(&lease) => {
                tracing::warn!(upload = %id, error = lost, "an upload is left to others");
                return Ok(true);
            }
        };
        match ended {
            Ok(Some(ended)) => self.end(&lease, ended).await?,
            Ok(None) => {
                self.uploads.give_back(&lease, Duration::ZERO).await?;
            }
            Err(error) => match error.remedy() {
                Remedy::None => tracing::warn!(upload = %id, "another worker has taken an upload"),
                Remedy::Fail(error) => self.end(&lease, failed(error)).await?,
                Remedy::Retry(error) if attempts >= MOST_ATTEMPTS => {
                    tracing::warn!(upload = %id, error, "an upload has failed");
                    self.end(&lease, failed(error)).await?;
                }
                Remedy::Retry(error) => {
                    let pause =
                        LONGEST_PAUSE.min(LOOK * 2_u32.pow(u32::try_from(attempts).unwrap_or(5)));
                    tracing::warn!(upload = %id, error, ?pause, "an upload is tried again");
                    self.uploads.give_back(&lease, pause).await?;
                }
            },
        }
        Ok(true)
    }

    /// Imports the file; `None` where this process is to stop.
    async fn work(
        &self,
        claimed: Claimed,
        stop: &CancellationToken,
    ) -> Result<Option<Ended>, WorkError> {
        let Claimed {
            lease,
            upload,
            format,
            unsaid,
            effect,
            progress,
            ..
        } = claimed;
        let before = progress.tally.rows();
        tracing::info!(upload = %lease.upload, from = before, "an upload is taken");
        let defaults = match unsaid.defaults() {
            Ok(defaults) => defaults,
            Err(error) => return Ok(Some(failed(error.to_string()))),
        };
        let file = self.files.read(&name(lease.upload)).await?;
        let mut import = Import {
            flights: &*self.flights,
            ledger: &*self.uploads,
            clock: &*self.clock,
            lease: &lease,
            effect,
            progress,
            differences: upload.differences.len(),
            stop,
        };
        let ended = import.run(file, Source { format, defaults }).await;
        let rows = import.progress.tally.rows();
        self.rows.inc_by(rows.saturating_sub(before));
        Ok(match ended? {
            End::Complete(format) => Some(Ended {
                status: UploadStatus::Completed,
                error: None,
                format: Some(format),
            }),
            End::Cancelled => Some(cancelled(rows)),
            End::Stopped => None,
        })
    }

    /// Keeps a lease, and tells how far its upload is; ends where it is lost.
    async fn keep(&self, lease: &Lease) -> String {
        let mut kept_at = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(RENEW).await;
            match self.uploads.renew(lease, self.clock.now()).await {
                Ok(Some(_)) => kept_at = tokio::time::Instant::now(),
                Ok(None) => return "another worker has it".to_owned(),
                Err(error) if kept_at.elapsed() > LEASE => return error.to_string(),
                Err(_) => {}
            }
        }
    }

    async fn end(&self, lease: &Lease, ended: Ended) -> Result<(), StoreError> {
        let (upload, status) = (lease.upload, ended.status);
        let error = ended.error.clone();
        if self.uploads.finish(lease, ended, self.clock.now()).await? {
            tracing::info!(%upload, %status, error, "an upload has ended");
        } else {
            tracing::warn!(%upload, "another worker has taken an upload");
        }
        Ok(())
    }
}

fn failed(error: String) -> Ended {
    Ended {
        status: UploadStatus::Failed,
        error: Some(error),
        format: None,
    }
}

fn cancelled(rows: u64) -> Ended {
    Ended {
        status: UploadStatus::Cancelled,
        error: Some(stopped(rows)),
        format: None,
    }
}

/// Calls the worker for uploads that arrive. A task of its own: a worker is at one file for long, and events do not wait.
async fn listen(mut events: Box<dyn Subscription>, called: Arc<Notify>) {
    while let Some(delivery) = events.next().await {
        let is_for_us = match delivery {
            Delivery::Event(envelope) => matches!(envelope.event, Event::UploadReceived { .. }),
            Delivery::Lagged => true,
        };
        if is_for_us {
            called.notify_one();
        }
    }
}
