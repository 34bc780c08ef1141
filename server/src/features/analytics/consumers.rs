//! What analytics does about events.

use std::sync::Arc;

use async_trait::async_trait;

use super::store::AnalyticsStore;
use crate::messages::consumer::{Binding, ConsumeError, Consumer, ConsumerName, Delivery};

/// Keeps the figures.
pub struct Analyst {
    store: Arc<dyn AnalyticsStore>,
}

impl Analyst {
    /// Its figures are in a store.
    pub fn new(store: Arc<dyn AnalyticsStore>) -> Self {
        Self { store }
    }
}

/// What changes the figures: all that takes seats or gives them back.
pub const BINDING: Binding = Binding {
    consumer: ConsumerName("analytics"),
    events: &[
        "booking.created",
        "booking.changed",
        "booking.cancelled",
        "booking.expired",
        "waitlist.cleared",
        "searches.unserved",
    ],
};

#[async_trait]
impl Consumer for Analyst {
    fn binding(&self) -> Binding {
        BINDING
    }

    async fn consume(&self, batch: &[Delivery]) -> Result<(), ConsumeError> {
        let counted = self.store.count(batch).await;
        counted.map_err(|error| ConsumeError::Unavailable(Box::new(error)))
    }
}
