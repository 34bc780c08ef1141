//! Looks at sources, and takes what has stopped growing.
//!
//! Any number of processes may: a source is one's at a time, by a lease that the database keeps while it is polled. What the
//! poll before saw is in the database too, so that the next one may be another process's. A file is taken once, whoever comes:
//! it is recorded with its upload, by source, name and content.

mod poll;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::poll::{Polling, Progress, Watched};
use super::source::{self, short};
use super::store::{
    ClaimedSource, ConfiguredSource, GoOn, IngestStore, LEASE, Polled, SourceLease, Verdict,
};
use crate::clock::SharedClock;
use crate::config::SourceSettings;
use crate::features::uploads::service::Uploads;

/// How often it is looked for sources that are due or wanted.
const LOOK: Duration = Duration::from_secs(1);

/// How often a process says which sources it has.
const ATTEND: Duration = Duration::from_secs(10);

/// How often a poll that goes on for long says that it is there.
const RENEW: Duration = Duration::from_secs(3);

/// The longest pause after a poll that failed, unless the interval is longer.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The sources of a process.
pub struct Watch {
    store: Arc<dyn IngestStore>,
    sources: HashMap<String, Arc<Watched>>,
    polling: Arc<Polling>,
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
            let watched = Watched::of(settings, &uploads);
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
        let mut progress = Progress::from(&sightings);
        let polling = async {
            let source = source::open(&watched.settings)?;
            self.poll(watched, &*source, &sightings, &is_to_end, &mut progress)
                .await
        };
        let polled = tokio::select! {
            polled = polling => Some(polled),
            lost = self.keep(&lease, &is_to_end) => {
                tracing::warn!(%source, error = lost, "a source is left to others");
                return;
            }
            () = stop.cancelled() => None,
        };
        let interval = watched.settings.interval();
        let polled = match polled {
            Some(Ok(())) => progress.ended(interval),
            Some(Err(error)) => {
                let pause = pause_after(interval, failures);
                tracing::warn!(%source, %error, ?pause, "a source cannot be polled");
                Polled {
                    verdict: Verdict::Broken(short(&error.to_string())),
                    ..progress.ended(pause)
                }
            }
            // Whoever goes on does so at once: a file that was seen just now would not have been left alone for the interval.
            None => Polled {
                verdict: Verdict::Stopped,
                sightings,
                ..progress.ended(Duration::ZERO)
            },
        };
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
}

/// How long a source is left alone that failed so often in a row before.
fn pause_after(interval: Duration, failures: u32) -> Duration {
    let doubled = interval.saturating_mul(2_u32.saturating_pow(failures.saturating_add(1)));
    doubled.min(LONGEST_PAUSE).max(interval)
}

#[cfg(test)]
mod tests;
