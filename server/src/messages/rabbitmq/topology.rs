//! What Airside has in a broker: exchanges and queues, by name.

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::link::{Link, Live, answered};
use crate::messages::queues::{MOST_DELIVERIES, QueueError};

/// Delivered so often again before a message is dead: once less than it is delivered at all.
const AGAIN_DELIVERED: u32 = MOST_DELIVERIES - 1;

impl Link {
    pub(super) fn exchange(&self) -> ShortString {
        format!("{}.events", self.broker.prefix).into()
    }

    pub(super) fn dead_exchange(&self) -> ShortString {
        format!("{}.dead", self.broker.prefix).into()
    }

    pub(super) fn dead_queue(&self) -> ShortString {
        format!("{}.dead-letters", self.broker.prefix).into()
    }

    pub(super) fn queue(&self, consumer: &str) -> ShortString {
        format!("{}.{consumer}", self.broker.prefix).into()
    }

    /// Makes the exchanges and queues that are missing.
    pub(super) async fn declare(&self, live: &Live) -> Result<(), QueueError> {
        let channel = answered(live.connection.create_channel()).await?;
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        for (name, kind) in [
            (self.exchange(), ExchangeKind::Topic),
            (self.dead_exchange(), ExchangeKind::Fanout),
        ] {
            answered(channel.exchange_declare(name, kind, durable, FieldTable::default())).await?;
        }
        let mut arguments = FieldTable::default();
        arguments.insert(
            "x-queue-type".into(),
            AMQPValue::LongString("quorum".into()),
        );
        let dead = channel.queue_declare(
            self.dead_queue(),
            QueueDeclareOptions::durable(),
            arguments.clone(),
        );
        answered(dead).await?;
        let bound = channel.queue_bind(
            self.dead_queue(),
            self.dead_exchange(),
            ShortString::default(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        answered(bound).await?;
        arguments.insert(
            "x-delivery-limit".into(),
            AMQPValue::LongUInt(AGAIN_DELIVERED),
        );
        arguments.insert(
            "x-dead-letter-exchange".into(),
            AMQPValue::LongString(self.dead_exchange().as_str().into()),
        );
        // A dead letter is confirmed like any other message, which needs a queue that refuses rather than forgets.
        arguments.insert(
            "x-dead-letter-strategy".into(),
            AMQPValue::LongString("at-least-once".into()),
        );
        arguments.insert(
            "x-overflow".into(),
            AMQPValue::LongString("reject-publish".into()),
        );
        for binding in &self.bindings {
            let queue = self.queue(binding.consumer.0);
            let declared = channel.queue_declare(
                queue.clone(),
                QueueDeclareOptions::durable(),
                arguments.clone(),
            );
            answered(declared).await?;
            for event in binding.events {
                let bound = channel.queue_bind(
                    queue.clone(),
                    self.exchange(),
                    (*event).into(),
                    QueueBindOptions::default(),
                    FieldTable::default(),
                );
                answered(bound).await?;
            }
        }
        answered(channel.close(200, "declared".into())).await
    }
}
