//! The relay: takes events from the outbox to the queues of those who react to them, and deletes what all have had the time
//! to read.
//!
//! Several relays share the work: each has some of the lanes ([`Lanes`]). An event counts as relayed when the queues have
//! said that they keep it. What they did not take stays where it is, and with it all that goes the same way after it; the
//! other lanes go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{HELD, Lane, Lanes, Outbox, OutboxError};
use crate::messages::cloud_event;
use crate::messages::queues::{Message, Published, QueueError, SharedQueues};

/// How often the lanes are shared anew, and old events deleted.
const EVERY: Duration = Duration::from_secs(1);

/// How long a piece of work may take: a connection whose other end is gone is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the queues may take to say what became of a batch.
const CONFIRM: Duration = Duration::from_secs(2);

/// Events of one look, at most and at least. After a fault there are fewer: what is too much for a slow broker or a bad
/// connection would else be tried for ever, and never be done.
const BATCH: u32 = 512;
const SMALL_BATCH: u32 = 16;

/// How long to wait from one look to the next while events come all the time: a look costs as much for many as for one.
const PAUSE: Duration = Duration::from_millis(10);

/// How long a lane rests whose next event was not taken: until the next look at the shares.
const REST: Duration = Duration::from_millis(500);

/// Events that are deleted in one transaction. SQLite's writer is held for some milliseconds by so many.
const MOST: u32 = 5_000;

/// Figures of a relay.
#[derive(Debug, Clone, Default)]
pub struct RelayFigures {
    /// Lanes that this process has.
    pub lanes: Gauge,
    /// Events that it took to the queues.
    pub relayed: Counter,
}

impl RelayFigures {
    /// Adds them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "outbox_lanes",
            "Lanes of the outbox, of sixteen, that this process relays",
            self.lanes.clone(),
        );
        registry.register(
            "outbox_relayed",
            "Events that this process took to the queues",
            self.relayed.clone(),
        );
    }
}

/// Works for the outbox on the lanes that are its share.
pub struct Relay {
    outbox: Arc<dyn Outbox>,
    queues: SharedQueues,
    retention: Duration,
    figures: RelayFigures,
    /// Changes when there are new events.
    news: watch::Receiver<i64>,
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error("the database does not answer")]
    Late(#[from] tokio::time::error::Elapsed),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("{kind} {id} was not taken: {why}")]
    NotTaken {
        id: i64,
        kind: &'static str,
        why: &'static str,
    },
    #[error("event {0} is of a newer release, which has to relay it")]
    Unreadable(i64),
}

/// A lane of this relay's.
#[derive(Debug, Clone, Copy)]
struct Way {
    relayed: i64,
    /// It does nothing before.
    rests_until: Instant,
}

/// The lanes that a relay has, for as long as it may think so.
struct Share {
    lanes: Box<dyn Lanes>,
    ways: BTreeMap<Lane, Way>,
    renewed: Instant,
    /// Events of the next look.
    batch: u32,
}

impl Relay {
    /// A relay that keeps events for so long after they were relayed.
    pub fn new(
        outbox: Arc<dyn Outbox>,
        queues: SharedQueues,
        retention: Duration,
        figures: RelayFigures,
        news: watch::Receiver<i64>,
    ) -> Self {
        Self {
            outbox,
            queues,
            retention,
            figures,
            news,
        }
    }

    /// Runs until told to stop. A fault is logged once, and tried again every second.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut share = Share {
            lanes: self.outbox.lanes(),
            ways: BTreeMap::new(),
            renewed: Instant::now(),
            batch: BATCH,
        };
        let mut next_share = Instant::now();
        let mut failing = false;
        while !stop.is_cancelled() {
            let begun = Instant::now();
            let mut done = Ok(());
            if begun >= next_share {
                next_share = begun + EVERY;
                done = self.keep_up(&mut share).await;
            }
            if done.is_ok() {
                done = self.relay(&mut share).await;
            }
            match done {
                // While a lane rests nobody has tried again.
                Ok(()) if share.has_rest() => {}
                Ok(()) => {
                    if failing {
                        tracing::info!("events are relayed again");
                    }
                    failing = false;
                }
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "events wait to be relayed");
                    }
                    failing = true;
                }
            }
            tokio::select! {
                changed = self.news.changed(), if !failing => {
                    if changed.is_err() {
                        // Nobody follows the outbox any more: the process ends.
                        tokio::time::sleep_until(next_share).await;
                    }
                }
                () = tokio::time::sleep_until(next_share) => {}
                () = stop.cancelled() => {}
            }
            tokio::select! {
                () = tokio::time::sleep_until(begun + PAUSE) => {}
                () = stop.cancelled() => {}
            }
        }
        // What was committed before the end is still taken along, as far as that is possible at once.
        if let Err(error) = self.relay(&mut share).await {
            tracing::info!(%error, "events wait for the next process that relays");
        }
        share.lanes.leave().await;
        self.figures.lanes.set(0);
    }

    /// Renews the share, and deletes what is old.
    async fn keep_up(&self, share: &mut Share) -> Result<(), RelayError> {
        let begun = Instant::now();
        let shared = tokio::time::timeout(PATIENCE, share.lanes.share()).await;
        let lanes = match shared {
            Ok(Ok(lanes)) => lanes,
            failed => {
                share.ways.clear();
                self.figures.lanes.set(0);
                return failed?.map(drop).map_err(RelayError::from);
            }
        };
        let had = share.ways.len();
        let known = std::mem::take(&mut share.ways);
        share.ways = lanes
            .into_iter()
            .map(|(lane, relayed)| {
                let rests_until = known.get(&lane).map_or(begun, |way| way.rests_until);
                (
                    lane,
                    Way {
                        relayed,
                        rests_until,
                    },
                )
            })
            .collect();
        share.renewed = begun;
        if share.ways.len() != had {
            tracing::info!(lanes = share.ways.len(), "this process relays");
        }
        self.figures
            .lanes
            .set(i64::try_from(share.ways.len()).unwrap_or(0));
        let pruned = share.lanes.prune(self.retention, MOST);
        tokio::time::timeout(PATIENCE, pruned).await??;
        Ok(())
    }

    /// Relays all that is there. Lanes that are equally far go together.
    async fn relay(&self, share: &mut Share) -> Result<(), RelayError> {
        let now = Instant::now();
        let mut groups: BTreeMap<i64, Vec<Lane>> = BTreeMap::new();
        for (lane, way) in &share.ways {
            if way.rests_until <= now {
                groups.entry(way.relayed).or_default().push(*lane);
            }
        }
        let mut result = Ok(());
        for (from, lanes) in groups {
            if let Err(error) = self.relay_group(share, from, lanes).await {
                result = Err(error);
            }
        }
        result
    }

    async fn relay_group(
        &self,
        share: &mut Share,
        mut from: i64,
        mut lanes: Vec<Lane>,
    ) -> Result<(), RelayError> {
        let mut fault = Ok(());
        // Whoever has had its lanes for longer without a word may have lost them.
        while !lanes.is_empty() && share.renewed.elapsed() + CONFIRM < HELD {
            let look = self.outbox.read_after(from, share.batch);
            let page = tokio::time::timeout(PATIENCE, look).await??;
            if page.newest < from {
                // The database is another one, which has its own lanes; they are read with the next share.
                return Ok(());
            }
            let mut stuck: BTreeMap<Lane, i64> = BTreeMap::new();
            let mut batch = Vec::new();
            let mut last = page.pruned.max(from);
            for event in page.events {
                match event {
                    Ok(envelope) => {
                        last = envelope.id;
                        let lane = Lane::of(&envelope.event);
                        if lanes.contains(&lane) && !stuck.contains_key(&lane) {
                            batch.push((lane, envelope));
                        }
                    }
                    Err(unreadable) => {
                        // Nobody knows which lane it takes, so that all stop in front of it.
                        for lane in &lanes {
                            stuck.entry(*lane).or_insert(unreadable.id - 1);
                        }
                        fault = Err(RelayError::Unreadable(unreadable.id));
                        break;
                    }
                }
            }
            if last == from && stuck.is_empty() {
                return fault;
            }
            if let Err(error) = self.publish(&batch, &mut stuck).await {
                fault = Err(error);
                if stuck.is_empty() {
                    // Nothing is known of any.
                    share.batch = (share.batch / 4).max(SMALL_BATCH);
                    let rest = Instant::now() + REST;
                    for lane in lanes {
                        share.rest(lane, rest);
                    }
                    return fault;
                }
            }
            share.batch = (share.batch * 2).min(BATCH);
            let reached: BTreeMap<Lane, i64> = lanes
                .iter()
                .map(|lane| (*lane, stuck.get(lane).copied().unwrap_or(last)))
                .collect();
            tokio::time::timeout(PATIENCE, share.lanes.relayed(&reached)).await??;
            let rest = Instant::now() + REST;
            for (lane, relayed) in reached {
                if let Some(way) = share.ways.get_mut(&lane) {
                    way.relayed = way.relayed.max(relayed);
                }
                if stuck.contains_key(&lane) {
                    share.rest(lane, rest);
                }
            }
            lanes.retain(|lane| !stuck.contains_key(lane));
            from = last;
        }
        fault
    }

    /// Takes events to the queues. Lanes whose events are not all taken are stuck before the first that was not.
    async fn publish(
        &self,
        batch: &[(Lane, crate::bus::Envelope)],
        stuck: &mut BTreeMap<Lane, i64>,
    ) -> Result<(), RelayError> {
        let mut messages = Vec::with_capacity(batch.len());
        for (_, envelope) in batch {
            messages.push(Message {
                id: envelope.id,
                kind: envelope.event.kind(),
                body: cloud_event::encode(envelope)
                    .map_err(|error| QueueError::Store(sqlx::Error::Encode(error.into()).into()))?,
            });
        }
        if messages.is_empty() {
            return Ok(());
        }
        let publishing = tokio::time::timeout(CONFIRM, self.queues.publish(&messages));
        let published = match publishing.await {
            Ok(published) => published?,
            Err(_) => return Err(QueueError::Late.into()),
        };
        let mut fault = Ok(());
        let mut taken = 0;
        for ((lane, envelope), outcome) in batch.iter().zip(published) {
            let why = match outcome {
                Published::Kept => {
                    taken += 1;
                    continue;
                }
                Published::Unroutable => "it goes to no queue",
                Published::Refused => "the broker refuses it",
            };
            stuck.entry(*lane).or_insert(envelope.id - 1);
            fault = Err(RelayError::NotTaken {
                id: envelope.id,
                kind: envelope.event.kind(),
                why,
            });
        }
        self.figures.relayed.inc_by(taken);
        fault
    }
}

impl Share {
    /// Whether something waits to be tried again.
    fn has_rest(&self) -> bool {
        let now = Instant::now();
        self.ways.values().any(|way| way.rests_until > now)
    }

    fn rest(&mut self, lane: Lane, until: Instant) {
        if let Some(way) = self.ways.get_mut(&lane) {
            way.rests_until = until;
        }
    }
}

#[cfg(test)]
mod tests;
