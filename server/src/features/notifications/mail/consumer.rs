//! Writes mails when something happens to bookings.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::letter::Writer;
use super::occasions::EVENTS;
use super::store::{MailStore, QueueMailError};
use crate::messages::consumer::{Binding, ConsumeError, Consumer, ConsumerName, Delivery};

/// Writes mails. A message that comes again leads to none: mails and messages are recorded in one transaction.
pub struct MailConsumer {
    store: Arc<dyn MailStore>,
    writer: Writer,
    /// Told when there is something to be sent.
    queued: Arc<Notify>,
}

impl MailConsumer {
    /// One that puts mails into a store.
    pub fn new(store: Arc<dyn MailStore>, writer: Writer, queued: Arc<Notify>) -> Self {
        Self {
            store,
            writer,
            queued,
        }
    }
}

#[async_trait]
impl Consumer for MailConsumer {
    fn binding(&self) -> Binding {
        Binding {
            consumer: ConsumerName("mail"),
            events: &EVENTS,
        }
    }

    async fn consume(&self, batch: &[Delivery]) -> Result<(), ConsumeError> {
        let queued = self.store.queue_mails(batch, &self.writer).await;
        let queued = queued.map_err(|error| match error {
            QueueMailError::Store(error) => error.into(),
            QueueMailError::Write(error) => ConsumeError::Failed(Box::new(error)),
        })?;
        if queued > 0 {
            self.queued.notify_one();
        }
        Ok(())
    }
}
