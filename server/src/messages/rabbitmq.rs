//! Queues of RabbitMQ (3.10 or later): a quorum queue for each consumer behind one topic exchange, a dead-letter exchange
//! behind them all.
//!
//! The broker keeps a message in the majority of its nodes before it confirms it, hands each to one of the consumer's
//! processes, again if that one ends, and after four times to the dead-letter exchange. From there a process that relays
//! takes it into the database.
//!
//! The broker counts whatever comes back to it, before 4.3 also what has not failed, and takes away what is in hand for
//! longer than its `consumer_timeout`, half an hour unless it is told otherwise. So what goes back without having failed is
//! published anew, which counts as a message that was never delivered, before it is acknowledged.

mod dead_letters;
mod inlet;
mod link;
mod topology;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lapin::options::QueueDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use tokio_util::sync::CancellationToken;

use self::inlet::{POLL, RabbitInlet};
use self::link::{Attempt, Link, Outgoing, answered};
use super::consumer::{Binding, ConsumerName, wanted};
use super::queues::{HELD, Inlet, Message, Published, QueueError, Queues};
use super::store::MessageStore;

/// Where the broker is.
#[derive(Clone)]
pub struct Broker {
    /// `amqp://` or `amqps://` with user and password.
    pub url: String,
    /// What names of exchanges and queues begin with.
    pub prefix: String,
    /// Certificates in PEM by which the broker's is verified; `None`: those of the web.
    pub certificates: Option<String>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Queues in a broker.
pub struct RabbitQueues {
    link: Arc<Link>,
    store: Arc<dyn MessageStore>,
    /// How long a dead letter that the database does not take is in hand.
    held: Duration,
}

impl RabbitQueues {
    /// Queues for these consumers in a broker; the database keeps dead letters. Nothing is connected yet.
    pub fn new(broker: Broker, bindings: Vec<Binding>, store: Arc<dyn MessageStore>) -> Self {
        Self {
            link: Arc::new(Link::new(broker, bindings)),
            store,
            held: HELD,
        }
    }

    /// The broker says that a message has gone nowhere only where none of its queues is there. Of an event that several
    /// consumers get, all queues are looked for after it was published.
    async fn notice_missing(
        &self,
        batch: &[Message],
        published: &mut [Published],
    ) -> Result<(), QueueError> {
        let shared = |kind: &str| {
            let takers = self.link.bindings.iter().filter(|one| one.takes(kind));
            takers.count() > 1
        };
        let kinds: BTreeSet<&str> = batch.iter().map(|message| message.kind).collect();
        let kinds: Vec<&str> = kinds.into_iter().filter(|kind| shared(kind)).collect();
        let is_looked_for = |one: &&Binding| kinds.iter().any(|kind| one.takes(kind));
        for binding in self.link.bindings.iter().filter(is_looked_for) {
            if self.is_there(binding.consumer).await? {
                continue;
            }
            for (message, outcome) in batch.iter().zip(&mut *published) {
                if binding.takes(message.kind) {
                    *outcome = Published::Unroutable;
                }
            }
        }
        Ok(())
    }

    /// Whether a consumer's queue is there; where it is not, the next connection makes it.
    async fn is_there(&self, consumer: ConsumerName) -> Result<bool, QueueError> {
        let mut attempt = Attempt::begin(&self.link).await?;
        let asked = attempt.live.looker.queue_declare(
            self.link.queue(consumer.0),
            QueueDeclareOptions::durable().passive(),
            FieldTable::default(),
        );
        match answered(asked).await {
            Ok(_) => {
                attempt.is_whole = true;
                Ok(true)
            }
            Err(QueueError::Broker(error)) if is_not_found(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether the broker has not got what was asked for.
fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(error)
        if error.kind() == &AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}

#[async_trait]
impl Queues for RabbitQueues {
    async fn publish(&self, batch: &[Message]) -> Result<Vec<Published>, QueueError> {
        let wanted = wanted(&self.link.bindings);
        let messages = batch.iter().map(|message| Outgoing {
            key: message.kind.into(),
            id: message.id,
            body: &message.body,
            kind: message.kind,
            is_wanted: wanted.contains(message.kind),
            headers: FieldTable::default(),
        });
        let mut published = self.link.publish(self.link.exchange(), messages).await?;
        self.notice_missing(batch, &mut published).await?;
        Ok(published)
    }

    async fn send_to(&self, consumer: &str, id: i64, body: &str) -> Result<Published, QueueError> {
        let message = Outgoing::to_queue(self.link.queue(consumer), id, body);
        let mut published = self.link.send(std::iter::once(message)).await?;
        Ok(published.pop().unwrap_or(Published::Refused))
    }

    async fn open(&self, consumer: ConsumerName) -> Result<Box<dyn Inlet>, QueueError> {
        let live = self.link.live().await?;
        let (link, store) = (Arc::clone(&self.link), Arc::clone(&self.store));
        let opened = RabbitInlet::open(&live, link, consumer, store);
        match opened.await {
            Ok(inlet) => Ok(Box::new(inlet)),
            Err(error) => {
                self.link.give_up(&live);
                Err(error)
            }
        }
    }

    async fn depths(&self) -> Result<Vec<(ConsumerName, u64)>, QueueError> {
        let live = self.link.live().await?;
        let channel = answered(live.connection.create_channel()).await?;
        let mut depths = Vec::new();
        for binding in &self.link.bindings {
            let asked = channel.queue_declare(
                self.link.queue(binding.consumer.0),
                QueueDeclareOptions::durable().passive(),
                FieldTable::default(),
            );
            let queue = answered(asked).await?;
            depths.push((binding.consumer, u64::from(queue.message_count())));
        }
        answered(channel.close(200, "counted".into())).await?;
        Ok(depths)
    }

    fn broker_answers(&self) -> Option<bool> {
        self.link.answers()
    }

    fn bindings(&self) -> &[Binding] {
        &self.link.bindings
    }

    async fn bury(&self, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            if let Err(error) = self.bury_here(&stop).await {
                if !failing {
                    tracing::warn!(%error, "dead letters stay in the broker for now");
                }
                failing = true;
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
