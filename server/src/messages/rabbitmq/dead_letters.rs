//! Dead letters: from the broker's queue of them into the database.

use futures_util::stream::StreamExt;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::types::AMQPValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::RabbitQueues;
use super::inlet::{POLL, consuming, content};
use super::link::{Outgoing, answered};
use crate::messages::queues::{MOST_DELIVERIES, Published, QueueError};
use crate::messages::store::Queued;

/// The header of a letter that was published anew that says which queue it was in before.
const QUEUE: &str = "airside-queue";

/// The broker's own header for the same.
const FIRST_QUEUE: &str = "x-first-death-queue";

impl RabbitQueues {
    /// Takes dead letters from the broker until told to stop, or a fault.
    pub(super) async fn bury_here(&self, stop: &CancellationToken) -> Result<(), QueueError> {
        let live = self.link.live().await?;
        // One at a time: what has not been handed out is not taken away either.
        let (channel, mut letters) = consuming(&live, self.link.dead_queue(), 1).await?;
        let mut failing = false;
        loop {
            let letter = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                letter = letters.next() => letter.ok_or(QueueError::Apart)??,
            };
            let queue = first_queue(&letter);
            let prefix = format!("{}.", self.link.broker.prefix);
            let consumer = queue.strip_prefix(&prefix).unwrap_or(&queue);
            let (message, body) = content(&letter);
            let dead = Queued {
                consumer,
                message,
                payload: &body,
            };
            self.bury_or_put_back(&dead, &queue, &mut failing, stop)
                .await?;
            answered(channel.basic_ack(letter.delivery_tag, BasicAckOptions::default())).await?;
        }
    }

    /// Keeps a letter as soon as the database takes it; one that has waited for long goes to the end of its queue.
    pub(super) async fn bury_or_put_back(
        &self,
        dead: &Queued<'_>,
        queue: &str,
        failing: &mut bool,
        stop: &CancellationToken,
    ) -> Result<(), QueueError> {
        let since = Instant::now();
        while let Err(error) = self.store.bury(dead, MOST_DELIVERIES).await {
            if !*failing {
                tracing::warn!(%error, "dead letters wait to be kept");
            }
            *failing = true;
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
            let is_over = stop.is_cancelled() || since.elapsed() >= self.held;
            if is_over && self.put_back(dead, queue).await? == Published::Kept {
                return Ok(());
            }
            if stop.is_cancelled() {
                return Err(QueueError::Apart);
            }
        }
        *failing = false;
        Ok(())
    }

    /// Puts a letter to the end of the broker's queue of them, where it has not been delivered yet: the broker drops one that
    /// comes back too often, RabbitMQ 4 after twenty times.
    async fn put_back(&self, dead: &Queued<'_>, queue: &str) -> Result<Published, QueueError> {
        let mut letter = Outgoing::to_queue(self.link.dead_queue(), dead.message, dead.payload);
        letter
            .headers
            .insert(QUEUE.into(), AMQPValue::LongString(queue.into()));
        let mut published = self.link.send(std::iter::once(letter)).await?;
        Ok(published.pop().unwrap_or(Published::Refused))
    }
}

/// The queue that a dead letter was in before.
fn first_queue(letter: &Delivery) -> String {
    let headers = letter.properties.headers().as_ref();
    let named = |header: &str| match headers?.inner().get(header) {
        Some(AMQPValue::LongString(name)) => Some(name.to_string()),
        _ => None,
    };
    named(QUEUE)
        .or_else(|| named(FIRST_QUEUE))
        .unwrap_or_else(|| "unknown".to_owned())
}
