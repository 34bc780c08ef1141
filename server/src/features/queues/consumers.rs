//! Bookings come to queues, and leave them, by events.

use std::sync::Arc;

use async_trait::async_trait;

use super::store::QueueStore;
use crate::messages::consumer::{Binding, ConsumeError, Consumer, ConsumerName, Delivery};

/// Keeps the queues.
pub struct QueueKeeper {
    store: Arc<dyn QueueStore>,
}

impl QueueKeeper {
    /// The queues are in a store.
    pub fn new(store: Arc<dyn QueueStore>) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Consumer for QueueKeeper {
    fn binding(&self) -> Binding {
        Binding {
            consumer: ConsumerName("queues"),
            events: &[
                "booking.changed",
                "booking.confirmed",
                "booking.cancelled",
                "booking.expired",
                "booking.expiring",
                "waitlist.cleared",
            ],
        }
    }

    async fn consume(&self, batch: &[Delivery]) -> Result<(), ConsumeError> {
        Ok(self.store.react(batch).await?)
    }
}
