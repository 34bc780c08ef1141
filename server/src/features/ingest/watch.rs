//! Looks at sources, and takes what has stopped growing.
//!
//! Any number of processes may: a source is one's at a time, by a lease that the database keeps while it is polled. What the
//! poll before saw is in the database too, so that the next one may be another process's. A file is taken once, whoever comes:
//! it is recorded with its upload, by source, name and content.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airside_common::upload::Sender;
use futures_util::StreamExt;
use prometheus_client::metrics::counter::Counter;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::settling::{Settled, settle};
use super::source::{self, Names, Source, SourceError, escaped, short};
use super::store::{
    ClaimedSource, ConfiguredSource, GoOn, IngestStore, LEASE, Polled, Sighting, SourceLease,
    Verdict,
};
use crate::clock::SharedClock;
use crate::config::{Done, ImportSettings, SourceSettings};
use crate::features::flights::import::resumable::Effect;
use crate::features::uploads::service::{Asked, Author, LARGEST_FILE, ReceiveError, Uploads};
use crate::features::uploads::store::{Added, Repeat};
use crate::store::StoreError;

/// How often it is looked for sources that are due or wanted.
const LOOK: Duration = Duration::from_secs(1);

/// How often a process says which sources it has.
const ATTEND: Duration = Duration::from_secs(10);

/// How often a poll that goes on for long says that it is there.
const RENEW: Duration = Duration::from_secs(3);

/// The longest pause after a poll that failed, unless the interval is longer.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Files that are dealt with in one poll; the others wait for the next.
const MOST_FILES: usize = 1000;

/// Files that cannot be read before a poll is given up: it is the source then, not its files.
const MOST_UNREADABLE: u32 = 3;

/// The sources of a process.
pub struct Watch {
    store: Arc<dyn IngestStore>,
    sources: HashMap<String, Arc<Watched>>,
    polling: Arc<Polling>,
}

/// What all polls of a process need.
struct Polling {
    store: Arc<dyn IngestStore>,
    uploads: Uploads,
    clock: SharedClock,
    taken: Counter,
}

/// A source and what is wanted of its files.
struct Watched {
    settings: SourceSettings,
    names: Names,
    unsaid: ImportSettings,
}

/// Why a poll was broken off.
#[derive(Debug, thiserror::Error)]
enum PollError {
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

impl Watch {
    /// The sources of the settings, whose files go the way of uploads.
    pub fn new(
        store: Arc<dyn IngestStore>,
        uploads: Uploads,
        clock: SharedClock,
        sources: &[SourceSettings],
    ) -> Self {
        let watched = sources.iter().map(|settings| {
            let watched = Watched {
                settings: settings.clone(),
                names: Names::of(&settings.pattern),
                unsaid: settings.unsaid(uploads.unsaid()),
            };
            (settings.name.to_string(), Arc::new(watched))
        });
        Self {
            sources: watched.collect(),
            polling: Arc::new(Polling {
                store: Arc::clone(&store),
                uploads,
                clock,
                taken: Counter::default(),
            }),
            store,
        }
    }

    /// Files that this process has taken.
    pub fn taken(&self) -> &Counter {
        &self.polling.taken
    }

    /// Polls until told to stop; then polls end where they are, and others go on.
    pub async fn run(self, stop: CancellationToken) {
        let mut mine = Vec::new();
        let mut names = Vec::new();
        for Watched { settings, .. } in self.sources.values().map(|watched| &**watched) {
            names.push(settings.name.clone());
            mine.push(ConfiguredSource {
                name: settings.name.clone(),
                address: settings.address_shown(),
            });
        }
        let mut attended_at: Option<Instant> = None;
        let mut polls = JoinSet::new();
        while !stop.is_cancelled() {
            if attended_at.is_none_or(|at| at.elapsed() >= ATTEND) {
                match self.store.attend(&mine).await {
                    Ok(()) => attended_at = Some(Instant::now()),
                    Err(error) => tracing::warn!(%error, "sources of files cannot be announced"),
                }
            }
            loop {
                // A poll that has lost its source must not be taken for the next one.
                let holder = uuid::Uuid::new_v4().to_string();
                match self.store.claim_source(&holder, &names).await {
                    Ok(Some(claimed)) => {
                        if let Some(watched) = self.sources.get(claimed.lease.source.as_str()) {
                            let (polling, watched) =
                                (Arc::clone(&self.polling), Arc::clone(watched));
                            let stop = stop.clone();
                            polls.spawn(
                                async move { polling.attend_to(&watched, claimed, stop).await },
                            );
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "no source of files can be polled for now");
                        break;
                    }
                }
            }
            while let Some(ended) = polls.try_join_next() {
                told(ended);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        while let Some(ended) = polls.join_next().await {
            told(ended);
        }
    }
}

/// A poll that panicked leaves its source to whoever looks when its lease has ended.
fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a poll of a source broke");
    }
}

impl Polling {
    /// Polls a source, and says what came of it.
    async fn attend_to(&self, watched: &Watched, claimed: ClaimedSource, stop: CancellationToken) {
        let ClaimedSource {
            lease,
            sightings,
            failures,
        } = claimed;
        let source = &lease.source;
        let is_to_end = AtomicBool::new(false);
        let polled = tokio::select! {
            polled = self.poll(watched, &sightings, &is_to_end) => polled,
            lost = self.keep(&lease, &is_to_end) => {
                tracing::warn!(%source, error = lost, "a source is left to others");
                return;
            }
            () = stop.cancelled() => Ok(Polled {
                verdict: Verdict::Good,
                sightings: sightings.clone(),
                taken: 0,
                pause: Duration::ZERO,
            }),
        };
        let polled = polled.unwrap_or_else(|error| {
            let pause = pause_after(watched.settings.interval(), failures);
            tracing::warn!(%source, %error, ?pause, "a source cannot be polled");
            Polled {
                verdict: Verdict::Broken(short(&error.to_string())),
                sightings,
                taken: 0,
                pause,
            }
        });
        match self.store.finish_poll(&lease, &polled).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(%source, "another process has a source"),
            Err(error) => tracing::warn!(%source, %error, "what came of a poll is not kept"),
        }
    }

    /// Keeps a lease; ends where it is lost.
    async fn keep(&self, lease: &SourceLease, is_to_end: &AtomicBool) -> String {
        let mut kept_at = Instant::now();
        loop {
            tokio::time::sleep(RENEW).await;
            match self.store.renew_source(lease).await {
                Ok(GoOn::Lost) => return "another process has it".to_owned(),
                Ok(go_on) => {
                    is_to_end.store(go_on == GoOn::Paused, Ordering::Relaxed);
                    kept_at = Instant::now();
                }
                Err(error) if kept_at.elapsed() > LEASE => return error.to_string(),
                Err(_) => {}
            }
        }
    }

    async fn poll(
        &self,
        watched: &Watched,
        before: &[Sighting],
        is_to_end: &AtomicBool,
    ) -> Result<Polled, PollError> {
        let name = &watched.settings.name;
        let source = source::open(&watched.settings)?;
        let mut listed = source.list().await?;
        listed.retain(|file| watched.names.are(&file.path));
        listed.sort_by(|one, other| one.path.cmp(&other.path));
        let mut remark = None;
        let (refused, listed) = apart(listed);
        let files: Vec<_> = refused.iter().map(|(file, _)| file.clone()).collect();
        let new: HashSet<_> = self
            .store
            .unknown(name, &files)
            .await?
            .into_iter()
            .collect();
        for (file, why) in refused.into_iter().filter(|(file, _)| new.contains(file)) {
            remark = Some(self.refuse(watched, &file, why).await?);
        }
        if watched.settings.done != Done::Leave {
            let text = self.settle(watched, &*source, &listed).await?;
            remark = text.or(remark);
        }
        let unknown = self.store.unknown(name, &listed).await?;
        let before: HashSet<&Sighting> = before.iter().collect();
        let (mut taken, mut unreadable) = (0, 0);
        let mut sightings = Vec::new();
        for file in unknown.into_iter().take(MOST_FILES) {
            if !before.contains(&file) || is_to_end.load(Ordering::Relaxed) {
                sightings.push(file);
                continue;
            }
            match self.fetch(watched, &*source, &file).await? {
                Fetched::Taken => taken += 1,
                Fetched::Changes(now) => sightings.extend(now),
                Fetched::Refused(why) => remark = Some(self.refuse(watched, &file, &why).await?),
                Fetched::Unreadable(error) => {
                    unreadable += 1;
                    if unreadable == MOST_UNREADABLE {
                        return Err(error.into());
                    }
                    let path = escaped(&file.path);
                    tracing::warn!(source = %name, path, %error, "a file cannot be read");
                    remark = Some(format!("{path}: {error}"));
                    sightings.push(file);
                }
            }
        }
        Ok(Polled {
            verdict: remark.map_or(Verdict::Good, |text| Verdict::Remark(short(&text))),
            sightings,
            taken,
            pause: watched.settings.interval(),
        })
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

    /// Moves or deletes what was completed; answers what went wrong with one of the files.
    async fn settle(
        &self,
        watched: &Watched,
        source: &dyn Source,
        listed: &[Sighting],
    ) -> Result<Option<String>, PollError> {
        let name = &watched.settings.name;
        let there: HashSet<&Sighting> = listed.iter().collect();
        let most = u32::try_from(MOST_FILES).unwrap_or(u32::MAX);
        let (mut remark, mut failed) = (None, 0);
        for file in self.store.completed(name, most).await? {
            // What is gone, or has other content by now, is nothing to be moved.
            let settled = if there.contains(&file.file) {
                settle(source, &file, watched.settings.done).await
            } else {
                Ok(Settled::Replaced)
            };
            match settled {
                Ok(settled) => {
                    self.store.settle(name, &file).await?;
                    if settled == Settled::Done {
                        let (path, done) = (&file.file.path, watched.settings.done);
                        tracing::info!(source = %name, path, ?done, "a file was done with");
                    }
                }
                Err(error) => {
                    failed += 1;
                    if failed == MOST_UNREADABLE {
                        return Err(error.into());
                    }
                    let path = &file.file.path;
                    tracing::warn!(source = %name, path, %error, "a file stays where it is");
                    remark = Some(format!("{path}: {error}"));
                }
            }
        }
        Ok(remark)
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

/// How long a source is left alone that failed so often in a row before.
fn pause_after(interval: Duration, failures: u32) -> Duration {
    let doubled = interval.saturating_mul(2_u32.saturating_pow(failures.saturating_add(1)));
    doubled.min(LONGEST_PAUSE).max(interval)
}
