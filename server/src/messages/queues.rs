//! The queues between relay and consumers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::consumer::{Binding, ConsumerName};
use crate::store::StoreError;

#[cfg(test)]
pub(crate) mod contract;

/// A message is handed out so often and is then a dead letter.
pub const MOST_DELIVERIES: u32 = 4;

/// How long the holder of a message may say nothing before another one gets it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long messages are in hand while what is needed for them does not answer; then they go back as if they had never been
/// handed out. Twice as long is less than the half hour after which RabbitMQ takes them away, which counts before 4.3.
pub const HELD: Duration = Duration::from_mins(5);

/// A message on its way: an event in its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The event's position in the outbox.
    pub id: i64,
    /// The event's type, by which it finds its queues.
    pub kind: &'static str,
    /// The envelope ([`super::cloud_event`]).
    pub body: String,
}

/// A message in the hands of a consumer's process, until it is finished, failed, or [`PATIENCE`] has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The event's position.
    pub id: i64,
    /// The envelope, as it came.
    pub body: String,
    /// What names this delivery of it to its queue.
    pub(crate) receipt: u64,
}

/// Why a queue did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The database that has it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker that has it.
    #[error("message broker: {0}")]
    Broker(#[from] lapin::Error),
    /// It does not answer.
    #[error("the message broker does not answer")]
    Late,
    /// It is not connected; another attempt is under way.
    #[error("the message broker is not connected")]
    Apart,
}

/// What became of a message that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is in all queues that it has to be in, and stays there.
    Kept,
    /// Somebody should get it, and there is no such queue.
    Unroutable,
    /// The broker did not take it.
    Refused,
}

/// Queues, one for each consumer.
#[async_trait]
pub trait Queues: Send + Sync + 'static {
    /// Hands over messages in their order; answers for each what became of it. On an error nothing is known of any.
    async fn publish(&self, batch: &[Message]) -> Result<Vec<Published>, QueueError>;

    /// Puts a message into one consumer's queue alone.
    async fn send_to(&self, consumer: &str, id: i64, body: &str) -> Result<Published, QueueError>;

    /// One process's way to take messages from a consumer's queue.
    async fn open(&self, consumer: ConsumerName) -> Result<Box<dyn Inlet>, QueueError>;

    /// How many messages wait for each consumer, those in hand included.
    async fn depths(&self) -> Result<Vec<(ConsumerName, u64)>, QueueError>;

    /// Whether the broker answered when it was needed last; `None` where it never was, or there is none.
    fn broker_answers(&self) -> Option<bool>;

    /// Which events go to whom.
    fn bindings(&self) -> &[Binding];

    /// Keeps what the queues gave up as dead letters, until told to stop; returns at once where that happens by itself.
    async fn bury(&self, stop: CancellationToken);
}

/// Queues that parts of a process share.
pub type SharedQueues = Arc<dyn Queues>;

/// Messages of one consumer for one of its processes.
#[async_trait]
pub trait Inlet: Send {
    /// Waits until there may be messages, a second at most. Nothing is lost when the future is dropped.
    async fn ready(&mut self) -> Result<(), QueueError>;

    /// Takes messages that are there, `most` at most and maybe none, the oldest first. A future that is dropped may have
    /// taken some, which come again.
    async fn take(&mut self, most: usize) -> Result<Vec<Received>, QueueError>;

    /// They are done with.
    async fn finish(&mut self, received: &[Received]) -> Result<(), QueueError>;

    /// It could not be done, because of this. It comes again, or is a dead letter.
    async fn fail(&mut self, received: &Received, error: &str) -> Result<(), QueueError>;

    /// They are still in hand, and go to nobody else for another [`PATIENCE`].
    async fn keep(&mut self, received: &[Received]) -> Result<(), QueueError>;

    /// Nothing more comes to this process but what has come already, which [`Inlet::take`] still answers.
    async fn close(&mut self) -> Result<(), QueueError>;

    /// What is in hand goes back, as if it had never been handed out. It may come after what was behind it.
    async fn give_back(&mut self, received: &[Received]) -> Result<(), QueueError>;
}
