//! How what happened reaches those who react to it: publishers hand over batches, every consumer gets every event.

use std::sync::Arc;

use airside_common::event::Event;
use async_trait::async_trait;
use jiff::Timestamp;

#[cfg(test)]
pub(crate) mod contract;
pub mod memory;

/// An event as it travels: what a transaction left in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Position in the outbox; grows, never used twice. A consumer that has seen it has seen the event.
    pub id: i64,
    /// When its transaction ran, by the database's or the writer's clock.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What a consumer is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The next event, in the order of publication.
    Event(Arc<Envelope>),
    /// Events were dropped, since the consumer was too slow or its process away for too long: it has to compare its state
    /// with the store.
    Lagged,
}

/// Why the bus did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The bus cannot be reached, or is being shut down.
    #[error("the event bus is not available: {0}")]
    Unavailable(String),
}

/// Carries events from the outbox to the consumers; each sees every event at least once, in order.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Hands over events in order. They may be forgotten by the publisher once this has returned `Ok`.
    async fn publish(&self, batch: Vec<Envelope>) -> Result<(), BusError>;

    /// Says that events are missing before what is published next: every consumer is told that it lagged.
    async fn skip(&self) -> Result<(), BusError>;

    /// Starts to receive what is published from now on, under the consumer's name (for logs and durable queues).
    async fn subscribe(&self, consumer: &'static str) -> Result<Box<dyn Subscription>, BusError>;
}

/// One consumer's side of the bus.
#[async_trait]
pub trait Subscription: Send + 'static {
    /// Waits for the next delivery; asking for it says that the one before has been dealt with. `None` once the bus
    /// has ended. Nothing is lost when the future is dropped while it waits.
    async fn next(&mut self) -> Option<Delivery>;
}

/// A bus that features share.
pub type SharedBus = Arc<dyn Bus>;
