//! The relay: of all processes one says what was published, and deletes what all have had the time to read.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio_util::sync::CancellationToken;

use super::{Leader, Outbox, OutboxError};

/// How often the one that leads works, and the others look whether nobody leads: one transaction for many events.
const EVERY: Duration = Duration::from_secs(1);

/// How long a piece of work may take: a connection whose other end is gone is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Events that are deleted in one transaction. SQLite's writer is held for some milliseconds by so many.
const MOST: u32 = 5_000;

/// Works for the outbox where it leads, and waits to lead where it does not.
pub struct Relay {
    outbox: Arc<dyn Outbox>,
    retention: Duration,
    leads: Gauge,
}

impl Relay {
    /// A relay that keeps events for so long; the gauge is 1 while it leads.
    pub fn new(outbox: Arc<dyn Outbox>, retention: Duration, leads: Gauge) -> Self {
        Self {
            outbox,
            retention,
            leads,
        }
    }

    /// Runs until told to stop. A fault is logged once, and tried again every second.
    pub async fn run(self, stop: CancellationToken) {
        let mut leader = None;
        let mut failing = false;
        while !stop.is_cancelled() {
            match self.step(&mut leader).await {
                Ok(()) => {
                    if failing {
                        tracing::info!("relay works again");
                    }
                    failing = false;
                }
                Err(error) => {
                    // Another may lead by now.
                    leader = None;
                    if !failing {
                        tracing::error!(%error, "relay waits");
                    }
                    failing = true;
                }
            }
            self.leads.set(i64::from(leader.is_some()));
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
        if let Some(leader) = leader {
            leader.resign().await;
        }
        self.leads.set(0);
    }

    async fn step(&self, leader: &mut Option<Box<dyn Leader>>) -> Result<(), OutboxError> {
        if leader.is_none() {
            *leader = self.outbox.lead().await?;
            if leader.is_some() {
                tracing::info!("this process relays");
            }
        }
        if let Some(leader) = leader {
            loop {
                let work = leader.relay(self.retention, MOST);
                let deleted = tokio::time::timeout(PATIENCE, work).await??;
                if deleted < u64::from(MOST) {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
