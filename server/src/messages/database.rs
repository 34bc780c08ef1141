//! Queues that are tables of the database.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::consumer::{Binding, ConsumerName};
use super::queues::{Inlet, Message, PATIENCE, Published, QueueError, Queues, Received};
use super::store::{MessageStore, Queued};

/// How long messages may lie before they are seen where no call says that they are there.
const POLL: Duration = Duration::from_secs(1);

/// How long a message that failed lies before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Queues in the tables of a database.
pub struct DatabaseQueues {
    store: Arc<dyn MessageStore>,
    bindings: Vec<Binding>,
}

impl DatabaseQueues {
    /// Queues for these consumers.
    pub fn new(store: Arc<dyn MessageStore>, bindings: Vec<Binding>) -> Self {
        Self { store, bindings }
    }
}

#[async_trait]
impl Queues for DatabaseQueues {
    async fn publish(&self, batch: &[Message]) -> Result<Vec<Published>, QueueError> {
        let mut rows = Vec::new();
        for message in batch {
            let consumers = self.bindings.iter().filter(|one| one.takes(message.kind));
            rows.extend(consumers.map(|binding| Queued {
                consumer: binding.consumer.0,
                message: message.id,
                payload: &message.body,
            }));
        }
        if !rows.is_empty() {
            self.store.enqueue(&rows).await?;
        }
        Ok(vec![Published::Kept; batch.len()])
    }

    async fn send_to(&self, consumer: &str, id: i64, body: &str) -> Result<Published, QueueError> {
        if !self.bindings.iter().any(|one| one.consumer.0 == consumer) {
            return Ok(Published::Unroutable);
        }
        let message = Queued {
            consumer,
            message: id,
            payload: body,
        };
        self.store.enqueue(&[message]).await?;
        Ok(Published::Kept)
    }

    async fn open(&self, consumer: ConsumerName) -> Result<Box<dyn Inlet>, QueueError> {
        Ok(Box::new(DatabaseInlet {
            store: Arc::clone(&self.store),
            calls: self.store.queued(),
            consumer,
            is_open: true,
            may_have_some: true,
        }))
    }

    async fn depths(&self) -> Result<Vec<(ConsumerName, u64)>, QueueError> {
        let counted = self.store.queue_depths().await?;
        let depth = |name: &str| {
            let found = counted.iter().find(|(consumer, _)| consumer == name);
            found.map_or(0, |(_, depth)| *depth)
        };
        let names = self.bindings.iter().map(|binding| binding.consumer);
        Ok(names.map(|name| (name, depth(name.0))).collect())
    }

    fn broker_answers(&self) -> Option<bool> {
        None
    }

    fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    async fn bury(&self, _stop: CancellationToken) {}
}

struct DatabaseInlet {
    store: Arc<dyn MessageStore>,
    consumer: ConsumerName,
    calls: watch::Receiver<()>,
    is_open: bool,
    /// The last look found as many as it asked for, or there was none yet.
    may_have_some: bool,
}

#[async_trait]
impl Inlet for DatabaseInlet {
    async fn ready(&mut self) -> Result<(), QueueError> {
        if self.may_have_some {
            return Ok(());
        }
        // One that came since the last wait is not lost. Whether it was a call or time went by is the same.
        let _ = tokio::time::timeout(POLL, self.calls.changed()).await;
        Ok(())
    }

    async fn take(&mut self, most: usize) -> Result<Vec<Received>, QueueError> {
        if !self.is_open {
            return Ok(Vec::new());
        }
        let taken = self.store.claim(self.consumer.0, most, PATIENCE).await?;
        self.may_have_some = taken.len() == most;
        Ok(taken)
    }

    async fn finish(&mut self, received: &[Received]) -> Result<(), QueueError> {
        Ok(self.store.finish(self.consumer.0, received).await?)
    }

    async fn fail(&mut self, received: &Received, error: &str) -> Result<(), QueueError> {
        let failed = self.store.fail(self.consumer.0, received, error, PAUSE);
        Ok(failed.await?)
    }

    async fn keep(&mut self, received: &[Received]) -> Result<(), QueueError> {
        Ok(self.store.keep(self.consumer.0, received, PATIENCE).await?)
    }

    async fn close(&mut self) -> Result<(), QueueError> {
        self.is_open = false;
        Ok(())
    }

    async fn give_back(&mut self, received: &[Received]) -> Result<(), QueueError> {
        Ok(self.store.give_back(self.consumer.0, received).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::queues::contract::{self, Two};
    use crate::store::contract::Fixture;

    async fn two<F: Fixture>() -> (Two, F) {
        let fixture = F::new().await;
        let here: Arc<dyn MessageStore> = Arc::new(fixture.database().clone());
        let there: Arc<dyn MessageStore> = Arc::new(fixture.of_another_process().await);
        let queues = |store: &Arc<dyn MessageStore>| {
            Arc::new(DatabaseQueues::new(Arc::clone(store), contract::bindings()))
        };
        let two = Two {
            here: queues(&here),
            there: queues(&there),
            store: here,
        };
        (two, fixture)
    }

    mod on_sqlite {
        use crate::store::sqlite::tests::OnDisk;

        contract::all!(super::two::<OnDisk>);
        use super::contract;
    }

    mod on_postgres {
        use crate::store::postgres::tests::OnServer;

        contract::all!(super::two::<OnServer>);
        use super::contract;
    }
}
