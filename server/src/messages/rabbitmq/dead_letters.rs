//! Dead letters: from the broker's queue of them into the database.

use futures_util::stream::StreamExt;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::types::AMQPValue;
use tokio_util::sync::CancellationToken;

use super::RabbitQueues;
use super::inlet::{POLL, consuming, id_of};
use super::link::answered;
use crate::messages::queues::{MOST_DELIVERIES, QueueError};
use crate::messages::store::Queued;

impl RabbitQueues {
    /// Takes dead letters from the broker until told to stop, or a fault.
    pub(super) async fn bury_here(&self, stop: &CancellationToken) -> Result<(), QueueError> {
        let live = self.link.live().await?;
        let (channel, mut letters) = consuming(&live, self.link.dead_queue()).await?;
        loop {
            let letter = tokio::select! {
                letter = letters.next() => letter.ok_or(QueueError::Apart)??,
                () = stop.cancelled() => return Ok(()),
            };
            let queue = first_queue(&letter);
            let prefix = format!("{}.", self.link.broker.prefix);
            let consumer = queue.strip_prefix(&prefix).unwrap_or(&queue);
            let body = String::from_utf8_lossy(&letter.data);
            let dead = Queued {
                consumer,
                message: id_of(&letter, &body),
                payload: &body,
            };
            // Not given back meanwhile: some releases of the broker drop what comes back too often.
            let mut failing = false;
            while let Err(error) = self.store.bury(&dead, MOST_DELIVERIES).await {
                if !failing {
                    tracing::warn!(%error, "a dead letter waits to be kept");
                }
                failing = true;
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    () = stop.cancelled() => return Ok(()),
                }
            }
            answered(channel.basic_ack(letter.delivery_tag, BasicAckOptions::default())).await?;
        }
    }
}

/// The queue that a dead letter was in before.
fn first_queue(letter: &Delivery) -> String {
    let headers = letter.properties.headers().as_ref();
    let queue = headers.and_then(|headers| headers.inner().get("x-first-death-queue"));
    match queue {
        Some(AMQPValue::LongString(name)) => name.to_string(),
        _ => "unknown".to_owned(),
    }
}
