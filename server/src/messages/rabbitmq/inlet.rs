//! A consumer at its queue in the broker.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::FutureExt;
use futures_util::stream::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    BasicRejectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use sha2::{Digest, Sha256};

use super::link::{Link, Live, Outgoing, answered};
use crate::messages::cloud_event;
use crate::messages::consumer::ConsumerName;
use crate::messages::queues::{Inlet, Published, QueueError, Received};
use crate::messages::store::MessageStore;

/// Messages that the broker hands to a process before the first is done with.
const PREFETCH: u16 = 64;

/// How long an inlet waits before it says that there may be something.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// A channel that takes what is in a queue, each message to be acknowledged, and so many before the first is.
pub(super) async fn consuming(
    live: &Live,
    queue: ShortString,
    prefetch: u16,
) -> Result<(Channel, Consumer), QueueError> {
    let channel = answered(live.connection.create_channel()).await?;
    answered(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
    let consuming = channel.basic_consume(
        queue,
        ShortString::default(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let messages = answered(consuming).await?;
    Ok((channel, messages))
}

/// A consumer at its queue.
pub(super) struct RabbitInlet {
    link: Arc<Link>,
    store: Arc<dyn MessageStore>,
    consumer: ConsumerName,
    channel: Channel,
    messages: Consumer,
    /// One that came while somebody waited for it.
    first: Option<Delivery>,
}

impl RabbitInlet {
    /// Takes what is in the consumer's queue.
    pub(super) async fn open(
        live: &Live,
        link: Arc<Link>,
        consumer: ConsumerName,
        store: Arc<dyn MessageStore>,
    ) -> Result<Self, QueueError> {
        let queue = link.queue(consumer.0);
        let (channel, messages) = consuming(live, queue, PREFETCH).await?;
        Ok(Self {
            link,
            store,
            consumer,
            channel,
            messages,
            first: None,
        })
    }

    fn received(delivery: &Delivery) -> Received {
        let (id, body) = content(delivery);
        Received {
            id,
            body,
            receipt: delivery.delivery_tag,
        }
    }
}

#[async_trait]
impl Inlet for RabbitInlet {
    async fn ready(&mut self) -> Result<(), QueueError> {
        if self.first.is_some() {
            return Ok(());
        }
        match tokio::time::timeout(POLL, self.messages.next()).await {
            Ok(Some(delivery)) => self.first = Some(delivery?),
            // The broker has cancelled it, or the connection is lost.
            Ok(None) => return Err(QueueError::Apart),
            Err(_) => {}
        }
        Ok(())
    }

    async fn take(&mut self, most: usize) -> Result<Vec<Received>, QueueError> {
        let mut taken: Vec<Received> = self.first.take().iter().map(Self::received).collect();
        while taken.len() < most {
            match self.messages.next().now_or_never() {
                Some(Some(delivery)) => taken.push(Self::received(&delivery?)),
                Some(None) | None => break,
            }
        }
        Ok(taken)
    }

    async fn finish(&mut self, received: &[Received]) -> Result<(), QueueError> {
        for one in received {
            answered(
                self.channel
                    .basic_ack(one.receipt, BasicAckOptions::default()),
            )
            .await?;
        }
        Ok(())
    }

    async fn fail(&mut self, received: &Received, error: &str) -> Result<(), QueueError> {
        let noted = self.store.note_failure(self.consumer.0, received.id, error);
        noted.await?;
        // Rejected one by one: since 4.3 the broker counts that alone as a delivery that has failed.
        let again = BasicRejectOptions { requeue: true };
        answered(self.channel.basic_reject(received.receipt, again)).await
    }

    async fn keep(&mut self, _received: &[Received]) -> Result<(), QueueError> {
        // The broker waits for as long as the connection lives.
        if self.channel.status().connected() {
            Ok(())
        } else {
            Err(QueueError::Apart)
        }
    }

    async fn close(&mut self) -> Result<(), QueueError> {
        let tag = self.messages.tag();
        answered(
            self.channel
                .basic_cancel(tag, BasicCancelOptions::default()),
        )
        .await
    }

    async fn give_back(&mut self, received: &[Received]) -> Result<(), QueueError> {
        let queue = self.link.queue(self.consumer.0);
        let anew = received
            .iter()
            .map(|one| Outgoing::to_queue(queue.clone(), one.id, &one.body));
        let published = self.link.send(anew).await?;
        let again = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        for (one, published) in received.iter().zip(published) {
            let (channel, receipt) = (&self.channel, one.receipt);
            match published {
                Published::Kept => {
                    answered(channel.basic_ack(receipt, BasicAckOptions::default())).await?;
                }
                // Better counted than lost.
                Published::Unroutable | Published::Refused => {
                    answered(channel.basic_nack(receipt, again)).await?;
                }
            }
        }
        Ok(())
    }
}

/// What came: the event's position and the envelope. The position is as the relay named the message, else as its envelope
/// does. What is none of ours has a number that hangs on its bytes, and is negative, so that it is no event's.
pub(super) fn content(delivery: &Delivery) -> (i64, String) {
    // No text of PostgreSQL has a zero.
    let body = String::from_utf8_lossy(&delivery.data).replace('\0', "\u{fffd}");
    let named = delivery.properties.message_id().as_ref();
    let id = named
        .and_then(|id| id.as_str().parse().ok())
        .or_else(|| cloud_event::decode(&body).ok().map(|envelope| envelope.id))
        .unwrap_or_else(|| number_of(&delivery.data));
    (id, body)
}

/// A negative number for bytes.
fn number_of(bytes: &[u8]) -> i64 {
    let hash = Sha256::digest(bytes);
    let (start, _) = hash.split_first_chunk().expect("a SHA-256 has 32 bytes");
    i64::from_be_bytes(*start) | i64::MIN
}
