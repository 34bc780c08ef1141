//! Lets webhooks be told when something happens.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::events::EVENTS;
use super::store::WebhookStore;
use crate::messages::cloud_event;
use crate::messages::consumer::{Binding, ConsumeError, Consumer, ConsumerName, Delivery};

/// Puts in what webhooks are told. A message that comes again leads to nothing: deliveries and messages are recorded in one
/// transaction.
pub struct WebhookConsumer {
    store: Arc<dyn WebhookStore>,
    /// Told when there is somebody to be called.
    queued: Arc<Notify>,
}

impl WebhookConsumer {
    /// One that puts deliveries into a store.
    pub fn new(store: Arc<dyn WebhookStore>, queued: Arc<Notify>) -> Self {
        Self { store, queued }
    }
}

#[async_trait]
impl Consumer for WebhookConsumer {
    fn binding(&self) -> Binding {
        Binding {
            consumer: ConsumerName("webhooks"),
            events: &EVENTS,
        }
    }

    async fn consume(&self, batch: &[Delivery]) -> Result<(), ConsumeError> {
        let with_body = |delivery: &Delivery| {
            let body = cloud_event::encode(&delivery.envelope);
            body.map(|body| (delivery.clone(), body))
        };
        let batch: Result<Vec<_>, _> = batch.iter().map(with_body).collect();
        let batch = batch.map_err(|error| ConsumeError::Failed(Box::new(error)))?;
        if self.store.queue_deliveries(&batch).await? > 0 {
            self.queued.notify_one();
        }
        Ok(())
    }
}
