//! The relay: takes events from the outbox to the bus, in order, and forgets them once they are published.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bus::{Envelope, SharedBus};

/// Events of one step.
const BATCH: u32 = 512;

/// How long another process's events (an import's) may lie before they are seen without a call.
const POLL: Duration = Duration::from_secs(1);

/// How long published rows stay before they are deleted: one transaction for many.
const PRUNE_AFTER: Duration = Duration::from_secs(1);

/// Rows that are deleted without waiting for [`PRUNE_AFTER`].
const PRUNE_AT: i64 = 20_000;

/// How long to wait after a fault.
const RETRY: Duration = Duration::from_secs(1);

/// The outbox as the relay needs it.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Committed events after a position, in order, at most `limit`.
    async fn read_after(&self, position: i64, limit: u32) -> Result<Vec<Envelope>, OutboxError>;

    /// Deletes the events up to a position; answers how many there were.
    async fn prune(&self, position: i64) -> Result<u64, OutboxError>;

    /// Waits until this process has committed something; a call between two waits is not lost.
    async fn appended(&self);
}

/// Why the outbox could not be read or pruned.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database said no.
    #[error("outbox: {0}")]
    Database(#[from] sqlx::Error),
    /// A row that this release cannot read. It and what follows stay until a release that can.
    #[error("outbox row {id} cannot be read: {source}")]
    Unreadable {
        /// Which row.
        id: i64,
        /// Why.
        source: serde_json::Error,
    },
}

/// Carries events from one outbox to one bus, for as long as it runs. What a former run left is published first;
/// what was published but not yet deleted is published again.
pub struct Relay {
    outbox: Arc<dyn Outbox>,
    bus: SharedBus,
    /// The last event that was published.
    published: i64,
    /// The last event that was deleted.
    pruned: i64,
    prune_at: Instant,
}

impl Relay {
    /// A relay that starts with the oldest event there is.
    pub fn new(outbox: Arc<dyn Outbox>, bus: SharedBus) -> Self {
        Self {
            outbox,
            bus,
            published: 0,
            pruned: 0,
            prune_at: Instant::now(),
        }
    }

    /// Runs until told to stop; what was committed before that moment is published before it returns. A fault is
    /// logged once, and tried again every second.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let stopping = stop.is_cancelled();
            if stopping {
                self.prune_at = Instant::now();
            }
            match self.step().await {
                Ok(()) if failing => {
                    failing = false;
                    tracing::info!("relay works again");
                }
                Ok(()) => {}
                Err(error) if stopping => {
                    tracing::warn!(%error, "relay stops with events left; the next start publishes them");
                    return;
                }
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "relay waits");
                    }
                    failing = true;
                    tokio::select! {
                        () = tokio::time::sleep(RETRY) => {}
                        () = stop.cancelled() => {}
                    }
                    continue;
                }
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = self.outbox.appended() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Publishes all that is there.
    async fn step(&mut self) -> Result<(), RelayError> {
        loop {
            let batch = self.outbox.read_after(self.published, BATCH).await?;
            let Some(last) = batch.last().map(|envelope| envelope.id) else {
                break;
            };
            self.bus.publish(batch).await?;
            self.published = last;
        }
        let waiting = self.published - self.pruned;
        if waiting >= PRUNE_AT || (waiting > 0 && Instant::now() >= self.prune_at) {
            self.outbox.prune(self.published).await?;
            self.pruned = self.published;
            self.prune_at = Instant::now() + PRUNE_AFTER;
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Bus(#[from] crate::bus::BusError),
}

#[cfg(test)]
pub(crate) mod contract;

#[cfg(test)]
mod tests {

    use airside_common::event::Event;
    use airside_common::flight::FlightId;
    use jiff::Timestamp;

    use super::*;
    use crate::bus::memory::MemoryBus;
    use crate::bus::{Delivery, Subscription};
    use crate::store::sqlite::{Sqlite, outbox};

    async fn leave(database: &Sqlite, versions: std::ops::RangeInclusive<u64>) {
        let flight = FlightId::from_raw(1);
        let events: Vec<Event> = versions
            .map(|version| Event::FlightChanged { flight, version })
            .collect();
        let mut tx = database.write().await.unwrap();
        outbox::append(&mut tx, Timestamp::UNIX_EPOCH, &events)
            .await
            .unwrap();
        database.commit(tx).await.unwrap();
    }

    async fn versions(subscription: &mut dyn Subscription, count: usize) -> Vec<u64> {
        let mut seen = Vec::new();
        while seen.len() < count {
            if let Some(Delivery::Event(envelope)) = subscription.next().await
                && let Event::FlightChanged { version, .. } = envelope.event
            {
                seen.push(version);
            }
        }
        seen
    }

    #[tokio::test]
    async fn what_is_committed_is_published_in_order_and_what_was_left_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("airside.db").display());
        let database = Sqlite::open(&url).await.unwrap();
        leave(&database, 1..=3).await;

        let bus: SharedBus = Arc::new(MemoryBus::default());
        let mut consumer = bus.subscribe("test").await.unwrap();
        let stop = CancellationToken::new();
        let relay = tokio::spawn(
            Relay::new(Arc::new(database.clone()), Arc::clone(&bus)).run(stop.clone()),
        );
        assert_eq!(versions(&mut *consumer, 3).await, [1, 2, 3]);
        leave(&database, 4..=1_500).await;
        let all: Vec<u64> = (4..=1_500).collect();
        assert_eq!(versions(&mut *consumer, all.len()).await, all);
        leave(&database, 1_501..=1_501).await;
        stop.cancel();
        relay.await.unwrap();
        assert_eq!(
            versions(&mut *consumer, 1).await,
            [1_501],
            "published before it ends"
        );
        assert!(
            database.read_after(0, 10).await.unwrap().is_empty(),
            "pruned at the end"
        );
    }

    #[tokio::test]
    async fn what_was_rolled_back_is_not_published() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("airside.db").display());
        let database = Sqlite::open(&url).await.unwrap();
        let event = Event::FlightChanged {
            flight: FlightId::from_raw(1),
            version: 9,
        };
        let mut tx = database.write().await.unwrap();
        outbox::append(&mut tx, Timestamp::UNIX_EPOCH, &[event])
            .await
            .unwrap();
        tx.rollback().await.unwrap();
        leave(&database, 10..=10).await;
        let left = database.read_after(0, 10).await.unwrap();
        assert_eq!(left.len(), 1);
    }
}
