//! A consumer at its queue in the broker.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::FutureExt;
use futures_util::stream::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};

use super::link::{Live, answered};
use crate::messages::cloud_event;
use crate::messages::consumer::ConsumerName;
use crate::messages::queues::{Inlet, QueueError, Received};
use crate::messages::store::MessageStore;

/// Messages that the broker hands to a process before the first is done with.
const PREFETCH: u16 = 64;

/// How long an inlet waits before it says that there may be something.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// A channel that takes what is in a queue, each message to be acknowledged.
pub(super) async fn consuming(
    live: &Live,
    queue: ShortString,
) -> Result<(Channel, Consumer), QueueError> {
    let channel = answered(live.connection.create_channel()).await?;
    answered(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
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
        queue: ShortString,
        consumer: ConsumerName,
        store: Arc<dyn MessageStore>,
    ) -> Result<Self, QueueError> {
        let (channel, messages) = consuming(live, queue).await?;
        Ok(Self {
            store,
            consumer,
            channel,
            messages,
            first: None,
        })
    }

    fn received(delivery: &Delivery) -> Received {
        let body = String::from_utf8_lossy(&delivery.data).into_owned();
        Received {
            id: id_of(delivery, &body),
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
        self.give_back(std::slice::from_ref(received)).await
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
        let again = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        for one in received {
            answered(self.channel.basic_nack(one.receipt, again)).await?;
        }
        Ok(())
    }
}

/// The event's position: as the relay named the message, else as its envelope does; 0 for what is none of ours.
pub(super) fn id_of(delivery: &Delivery, body: &str) -> i64 {
    let named = delivery.properties.message_id().as_ref();
    named
        .and_then(|id| id.as_str().parse().ok())
        .or_else(|| cloud_event::decode(body).ok().map(|envelope| envelope.id))
        .unwrap_or(0)
}
