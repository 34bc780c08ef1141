//! One poll of a source: what was completed is moved or deleted, and what has stopped growing is taken.
//!
//! What is wrong with one file is told, and the others go on. Where it is the source, the poll is broken off, and what it saw
//! is kept all the same.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airside_common::upload::Sender;
use futures_util::StreamExt;
use prometheus_client::metrics::counter::Counter;

use super::super::settling::{Settled, settle};
use super::super::source::{Listing, Names, Source, SourceError, escaped, short};
use super::super::store::{IngestStore, Polled, Sighting, Verdict};
use crate::clock::SharedClock;
use crate::config::{Done, ImportSettings, SourceSettings};
use crate::features::flights::import::resumable::Effect;
use crate::features::uploads::service::{Asked, Author, LARGEST_FILE, ReceiveError, Uploads};
use crate::features::uploads::store::{Added, Repeat};
use crate::store::StoreError;

/// Files that are dealt with in one poll; the others wait for the next.
const MOST_FILES: usize = 1000;

/// Files in a row that failed by what is not clearly their own fault: then it is the source.
const MOST_FAILED: u32 = 3;

/// What all polls of a process need.
pub(super) struct Polling {
    pub(super) store: Arc<dyn IngestStore>,
    pub(super) uploads: Uploads,
    pub(super) clock: SharedClock,
    pub(super) taken: Counter,
}

/// A source and what is wanted of its files.
pub(super) struct Watched {
    pub(super) settings: SourceSettings,
    names: Names,
    unsaid: ImportSettings,
}

impl Watched {
    /// A source of the settings.
    pub(super) fn of(settings: &SourceSettings, uploads: &Uploads) -> Self {
        Self {
            settings: settings.clone(),
            names: Names::of(&settings.pattern),
            unsaid: settings.unsaid(uploads.unsaid()),
        }
    }
}

/// Why a poll was broken off.
#[derive(Debug, thiserror::Error)]
pub(super) enum PollError {
    /// The source is at fault.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Files cannot be kept here.
    #[error("a file cannot be kept: {0}")]
    Keep(String),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far a poll has come, wherever it ends.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Files that are there and were not taken.
    sightings: Vec<Sighting>,
    /// Files that were taken.
    taken: u64,
    /// What was last found wrong with a file.
    remark: Option<String>,
    /// How often in a row a failure may have been the source's.
    failed: u32,
}

impl From<&Vec<Sighting>> for Progress {
    /// Nothing was done yet since a poll that saw these.
    fn from(before: &Vec<Sighting>) -> Self {
        Self {
            sightings: before.clone(),
            ..Self::default()
        }
    }
}

impl Progress {
    /// What came of a poll whose source answered.
    pub(super) fn ended(self, pause: Duration) -> Polled {
        let remark = self.remark.map(|text| Verdict::Remark(short(&text)));
        Polled {
            verdict: remark.unwrap_or(Verdict::Good),
            sightings: self.sightings,
            taken: self.taken,
            pause,
        }
    }

    /// Counts what went wrong with a file; whether it is the source by now.
    fn is_of_source(&mut self, error: &SourceError) -> bool {
        self.failed = match error {
            SourceError::NotFound(_) | SourceError::Denied(_) => 0,
            SourceError::Service(_) => self.failed + 1,
        };
        self.failed == MOST_FAILED
    }
}

/// What came of a file that had stopped growing.
enum Fetched {
    /// It has an upload.
    Taken,
    /// It is not what it was when it was listed.
    Changes(Option<Sighting>),
    /// It cannot be taken.
    Refused(String),
    /// It cannot be read now.
    Unreadable(SourceError),
}

impl Polling {
    /// Polls a source whose last poll saw files.
    pub(super) async fn poll(
        &self,
        watched: &Watched,
        source: &dyn Source,
        before: &[Sighting],
        is_to_end: &AtomicBool,
        progress: &mut Progress,
    ) -> Result<(), PollError> {
        let name = &watched.settings.name;
        let Listing { mut files, remark } = source.list().await?;
        progress.remark = remark;
        files.retain(|file| watched.names.are(&file.path));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let (refused, listed) = apart(files);
        let files: Vec<_> = refused.iter().map(|(file, _)| file.clone()).collect();
        let new: HashSet<_> = self
            .store
            .unknown(name, &files)
            .await?
            .into_iter()
            .collect();
        for (file, why) in refused.into_iter().filter(|(file, _)| new.contains(file)) {
            progress.remark = Some(self.refuse(watched, &file, why).await?);
        }
        if watched.settings.done != Done::Leave {
            self.settle(watched, source, &listed, is_to_end, progress)
                .await;
        }
        let unknown = self.store.unknown(name, &listed).await?;
        let before: HashSet<&Sighting> = before.iter().collect();
        progress.sightings.clear();
        progress.failed = 0;
        let mut files = unknown.into_iter().take(MOST_FILES);
        while let Some(file) = files.next() {
            if !before.contains(&file) || is_to_end.load(Ordering::Relaxed) {
                progress.sightings.push(file);
                continue;
            }
            match self.take(watched, source, &file, progress).await {
                Ok(now) => progress.sightings.extend(now),
                Err(error) => {
                    progress.sightings.push(file);
                    progress.sightings.extend(files);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Takes a file that two polls have seen alike; answers how it is seen, if it waits for the next.
    async fn take(
        &self,
        watched: &Watched,
        source: &dyn Source,
        file: &Sighting,
        progress: &mut Progress,
    ) -> Result<Option<Sighting>, PollError> {
        let fetched = self.fetch(watched, source, file).await?;
        if let Fetched::Unreadable(error) = fetched {
            if progress.is_of_source(&error) {
                return Err(error.into());
            }
            let (name, path) = (&watched.settings.name, escaped(&file.path));
            tracing::warn!(source = %name, path, %error, "a file cannot be read");
            progress.remark = Some(format!("{path}: {error}"));
            return Ok(Some(file.clone()));
        }
        progress.failed = 0;
        match fetched {
            Fetched::Taken => progress.taken += 1,
            Fetched::Changes(now) => return Ok(now),
            Fetched::Refused(why) => {
                progress.remark = Some(self.refuse(watched, file, &why).await?);
            }
            Fetched::Unreadable(_) => {}
        }
        Ok(None)
    }

    /// Fetches a file that two polls have seen alike.
    async fn fetch(
        &self,
        watched: &Watched,
        source: &dyn Source,
        file: &Sighting,
    ) -> Result<Fetched, PollError> {
        let name = &watched.settings.name;
        if file.size > LARGEST_FILE {
            return Ok(Fetched::Refused(ReceiveError::TooLarge.to_string()));
        }
        let mut content = match source.read(&file.path).await {
            Ok(content) => content,
            Err(SourceError::NotFound(_)) => return Ok(Fetched::Changes(None)),
            Err(error) => return Ok(Fetched::Unreadable(error)),
        };
        let receiving = self.uploads.receive().await;
        let mut receiving = receiving.map_err(|error| PollError::Keep(error.to_string()))?;
        while let Some(bytes) = content.next().await {
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(error) => return Ok(Fetched::Unreadable(error)),
            };
            if let Err(error) = receiving.take(bytes).await {
                return refusal(error);
            }
        }
        let now = match source.look(&file.path).await {
            Ok(now) => now,
            Err(error) => return Ok(Fetched::Unreadable(error)),
        };
        if now.as_ref() != Some(file) || receiving.bytes() != file.size {
            return Ok(Fetched::Changes(now));
        }
        let asked = Asked {
            filename: Some(file.path.clone()),
            format: watched.settings.format,
            unsaid: watched.unsaid.clone(),
            effect: Effect::Merge,
            repeat: Repeat::No,
            fetched: Some(file.of_source(name)),
        };
        let author = Author {
            user: Sender::Source(name.clone()),
            request_id: "-".to_owned(),
        };
        let (upload, is_new) = match receiving.finish(asked, author).await {
            Ok(Added::Queued(upload)) => (upload.id, true),
            Ok(Added::Known(upload)) => (upload.id, false),
            Err(error) => return refusal(error),
        };
        tracing::info!(source = %name, path = file.path, %upload, is_new, "a file was taken");
        self.taken.inc();
        Ok(Fetched::Taken)
    }

    async fn refuse(
        &self,
        watched: &Watched,
        file: &Sighting,
        why: &str,
    ) -> Result<String, StoreError> {
        let name = &watched.settings.name;
        let path = &file.path;
        tracing::warn!(source = %name, path, why, "a file is not taken");
        self.store.refuse(name, file, why, self.clock.now()).await?;
        Ok(format!("{path}: {why}"))
    }

    /// Moves or deletes what was completed. What goes wrong is told; a poll goes on without it.
    async fn settle(
        &self,
        watched: &Watched,
        source: &dyn Source,
        listed: &[Sighting],
        is_to_end: &AtomicBool,
        progress: &mut Progress,
    ) {
        let name = &watched.settings.name;
        let there: HashSet<&Sighting> = listed.iter().collect();
        let most = u32::try_from(MOST_FILES).unwrap_or(u32::MAX);
        let not_kept = |error: StoreError| {
            tracing::warn!(source = %name, %error, "files stay where they are");
            Some(error.to_string())
        };
        let completed = match self.store.completed(name, most).await {
            Ok(completed) => completed,
            Err(error) => {
                progress.remark = not_kept(error);
                return;
            }
        };
        for file in completed {
            if is_to_end.load(Ordering::Relaxed) {
                return;
            }
            let (path, done) = (escaped(&file.file.path), watched.settings.done);
            // What is gone, or has other content by now, is nothing to be moved.
            let settled = if there.contains(&file.file) {
                settle(source, &file, done).await
            } else {
                Ok(Settled::Replaced)
            };
            match settled {
                Ok(settled) => {
                    if let Err(error) = self.store.settle(name, &file).await {
                        progress.remark = not_kept(error);
                        return;
                    }
                    if settled == Settled::Done {
                        progress.failed = 0;
                        tracing::info!(source = %name, path, ?done, "a file was done with");
                    }
                }
                Err(error) => {
                    tracing::warn!(source = %name, path, %error, "a file stays where it is");
                    progress.remark = Some(format!("{path}: {error}"));
                    if progress.is_of_source(&error) {
                        return;
                    }
                }
            }
        }
    }
}

/// Files whose names cannot be taken, as they are shown, and the others.
fn apart(listed: Vec<Sighting>) -> (Vec<(Sighting, &'static str)>, Vec<Sighting>) {
    let (mut refused, mut others) = (Vec::new(), Vec::new());
    for mut file in listed {
        match Names::refusal(&file.path) {
            Some(why) => {
                file.path = short(&file.path);
                refused.push((file, why));
            }
            None => others.push(file),
        }
    }
    refused.truncate(MOST_FILES);
    (refused, others)
}

/// What an upload's refusal means for the file, or for the poll.
fn refusal(error: ReceiveError) -> Result<Fetched, PollError> {
    match error {
        ReceiveError::Empty | ReceiveError::TooLarge => Ok(Fetched::Refused(error.to_string())),
        ReceiveError::Packed => Ok(Fetched::Refused("the file is packed".to_owned())),
        ReceiveError::Files(error) => Err(PollError::Keep(error.to_string())),
        ReceiveError::Store(error) => Err(error.into()),
    }
}

#[cfg(test)]
pub(super) mod tests;
