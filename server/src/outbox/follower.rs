//! The follower: takes events from the outbox to the bus of its process, in order.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Outbox, OutboxError};
use crate::bus::{BusError, SharedBus};

/// Events of one look.
const BATCH: u32 = 512;

/// How long events may lie before they are seen where no call says that they are there.
const POLL: Duration = Duration::from_secs(1);

/// How long to wait from one look to the next while events come all the time: a look costs as much for many as for one.
const PAUSE: Duration = Duration::from_millis(10);

/// How long a look may take: a connection whose other end is gone is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries events from the outbox to one bus, for as long as it runs.
pub struct Follower {
    outbox: Arc<dyn Outbox>,
    bus: SharedBus,
    /// The last event that was published here.
    position: i64,
    /// Told how far this has got.
    news: watch::Sender<i64>,
}

impl Follower {
    /// A follower that begins at the present: whoever subscribed to the bus before this call and reads the database after
    /// it misses nothing.
    pub async fn at_present(outbox: Arc<dyn Outbox>, bus: SharedBus) -> Result<Self, OutboxError> {
        let position = outbox.present().await?;
        Ok(Self {
            outbox,
            bus,
            position,
            news: watch::Sender::new(position),
        })
    }

    /// Changes whenever there are new events.
    pub fn news(&self) -> watch::Receiver<i64> {
        self.news.subscribe()
    }

    /// Runs until told to stop. A fault is logged once, and tried again every second.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let next = Instant::now() + PAUSE;
            match self.step(failing).await {
                Ok(()) => {
                    if failing {
                        tracing::info!("events are followed again");
                    }
                    failing = false;
                }
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "events cannot be followed for now");
                    }
                    failing = true;
                }
            }
            tokio::select! {
                () = self.outbox.appended(), if !failing => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Publishes all that is there.
    async fn step(&mut self, after_a_fault: bool) -> Result<(), FollowError> {
        let mut unsure = after_a_fault;
        loop {
            let look = self.outbox.read_after(self.position, BATCH);
            let page = tokio::time::timeout(PATIENCE, look).await??;
            if unsure {
                // What answers may be another server, to which the last commits of the former never came.
                self.bus.skip().await?;
                unsure = false;
            }
            if page.newest < self.position {
                let (here, there) = (self.position, page.newest);
                tracing::warn!(here, there, "the outbox is another one");
                self.bus.skip().await?;
                self.position = page.newest;
                continue;
            }
            if page.pruned > self.position {
                let missed = page.pruned - self.position;
                tracing::warn!(missed, "away for so long that events are gone unseen");
                self.bus.skip().await?;
                self.position = page.pruned;
            }
            if page.events.is_empty() {
                return Ok(());
            }
            let mut events = Vec::with_capacity(page.events.len());
            for event in page.events {
                match event {
                    Ok(event) => {
                        self.position = event.id;
                        events.push(event);
                    }
                    Err(unreadable) => {
                        tracing::warn!(%unreadable, "an event of a newer release is passed over");
                        // In order: the consumers compare themselves with what all events before have made.
                        self.bus.publish(std::mem::take(&mut events)).await?;
                        self.bus.skip().await?;
                        self.position = unreadable.id;
                    }
                }
            }
            self.bus.publish(events).await?;
            self.news.send_replace(self.position);
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error("the database does not answer")]
    Late(#[from] tokio::time::error::Elapsed),
    #[error(transparent)]
    Bus(#[from] BusError),
}

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
mod tests;
