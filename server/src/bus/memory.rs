//! The bus of a single process: bounded, in memory, one ring that all consumers read.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Bus, BusError, Delivery, Envelope, Subscription};

/// Events that a consumer may be behind before it is told that it lagged.
pub const QUEUE: usize = 16_384;

/// A bus that lives and dies with its process. Publishing never waits: a consumer that is too slow loses the oldest
/// events and is told so.
#[derive(Debug, Clone)]
pub struct MemoryBus {
    sender: broadcast::Sender<Delivery>,
}

impl MemoryBus {
    /// A bus on which each consumer may be up to `queue` events behind (rounded up to a power of two).
    pub fn new(queue: usize) -> Self {
        Self {
            sender: broadcast::Sender::new(queue),
        }
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new(QUEUE)
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, batch: Vec<Envelope>) -> Result<(), BusError> {
        for envelope in batch {
            // An error means that nobody listens, which is no fault.
            let _ = self.sender.send(Delivery::Event(Arc::new(envelope)));
        }
        Ok(())
    }

    async fn skip(&self) -> Result<(), BusError> {
        // As above.
        let _ = self.sender.send(Delivery::Lagged);
        Ok(())
    }

    async fn subscribe(&self, consumer: &'static str) -> Result<Box<dyn Subscription>, BusError> {
        Ok(Box::new(MemorySubscription {
            consumer,
            receiver: self.sender.subscribe(),
        }))
    }
}

struct MemorySubscription {
    consumer: &'static str,
    receiver: broadcast::Receiver<Delivery>,
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(&mut self) -> Option<Delivery> {
        match self.receiver.recv().await {
            Ok(delivery) => Some(delivery),
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(consumer = self.consumer, missed, "consumer lagged");
                Some(Delivery::Lagged)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::contract;

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::every_consumer_gets_every_event_in_order(&MemoryBus::default()).await;
        contract::publishing_to_nobody_is_no_fault(&MemoryBus::default()).await;
        contract::a_dropped_wait_loses_nothing(&MemoryBus::default()).await;
        contract::who_subscribes_late_hears_what_comes_then(&MemoryBus::default()).await;
        contract::a_consumer_that_leaves_is_forgotten(&MemoryBus::default()).await;
        contract::every_consumer_is_told_of_a_gap_where_it_is(&MemoryBus::default()).await;
        contract::events_come_as_they_were_while_others_are_published(&MemoryBus::default()).await;
    }

    #[tokio::test]
    async fn a_consumer_that_is_too_slow_learns_it_and_goes_on_with_what_is_left() {
        let bus = MemoryBus::new(4);
        let mut slow = bus.subscribe("slow").await.unwrap();
        bus.publish(contract::envelopes(1..=10)).await.unwrap();
        assert_eq!(slow.next().await, Some(Delivery::Lagged));
        for id in 7..=10 {
            assert!(matches!(slow.next().await, Some(Delivery::Event(e)) if e.id == id));
        }
        drop(bus);
        assert_eq!(slow.next().await, None);
    }
}
