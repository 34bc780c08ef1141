//! Runs a consumer: takes messages from its queue, has it do their work, and says what became of it.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cloud_event;
use super::consumer::{ConsumeError, Consumer, Delivery};
use super::queues::{Inlet, PATIENCE, QueueError, Received, SharedQueues};

/// Messages that are done in one go.
const BATCH: usize = 64;

/// Pauses after a fault of what a consumer or its queue needs: from the first, twice as long each time, to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// How often the queue is told that a message is still in hand.
const KEEP: Duration = Duration::from_secs(PATIENCE.as_secs() / 3);

/// What became of messages, by consumer.
#[derive(Debug, Clone, Default)]
pub struct Handled(Family<HandledLabel, Counter>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandledLabel {
    consumer: &'static str,
    outcome: &'static str,
}

impl Handled {
    /// Adds the figures.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "messages_handled",
            "Messages that consumers were given, and what became of them: done, failed",
            self.0.clone(),
        );
    }

    fn add(&self, consumer: &'static str, outcome: &'static str, count: usize) {
        let label = HandledLabel { consumer, outcome };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.get_or_create(&label).inc_by(count);
    }
}

/// A consumer at its queue.
pub struct Runner {
    queues: SharedQueues,
    consumer: Arc<dyn Consumer>,
    handled: Handled,
}

/// How a batch ended that could not be done.
enum Unfinished {
    /// Told to stop; the messages go back.
    Stopped,
    Queue(QueueError),
}

impl From<QueueError> for Unfinished {
    fn from(error: QueueError) -> Self {
        Self::Queue(error)
    }
}

impl Runner {
    /// Who runs a consumer.
    pub fn new(queues: SharedQueues, consumer: Arc<dyn Consumer>, handled: Handled) -> Self {
        Self {
            queues,
            consumer,
            handled,
        }
    }

    /// Runs until told to stop: then the messages in hand are done, and no more are taken. A fault of the queue is logged
    /// once, and tried again.
    pub async fn run(self, stop: CancellationToken) {
        let consumer = self.consumer.binding().consumer;
        let mut pause = FIRST_PAUSE;
        while !stop.is_cancelled() {
            let begun = Instant::now();
            let Err(error) = self.session(&stop).await else {
                return;
            };
            if begun.elapsed() > LAST_PAUSE {
                pause = FIRST_PAUSE;
            }
            if pause == FIRST_PAUSE {
                tracing::warn!(%consumer, %error, "its queue does not answer; it waits");
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Takes messages from one inlet until told to stop.
    async fn session(&self, stop: &CancellationToken) -> Result<(), QueueError> {
        let mut inlet = self.queues.open(self.consumer.binding().consumer).await?;
        loop {
            tokio::select! {
                ready = inlet.ready() => ready?,
                () = stop.cancelled() => break,
            }
            let taken = inlet.take(BATCH).await?;
            self.all(&mut *inlet, &taken, stop).await?;
        }
        inlet.close().await?;
        loop {
            let left = inlet.take(BATCH).await?;
            if left.is_empty() {
                return Ok(());
            }
            self.all(&mut *inlet, &left, stop).await?;
        }
    }

    /// Does what was taken.
    async fn all(
        &self,
        inlet: &mut dyn Inlet,
        taken: &[Received],
        stop: &CancellationToken,
    ) -> Result<(), QueueError> {
        let consumer = self.consumer.binding().consumer;
        let mut deliveries = Vec::with_capacity(taken.len());
        let mut understood = Vec::with_capacity(taken.len());
        for received in taken {
            match cloud_event::decode(&received.body) {
                Ok(envelope) => {
                    deliveries.push(Delivery { consumer, envelope });
                    understood.push(received.clone());
                }
                Err(error) => self.failed(inlet, received, &error).await?,
            }
        }
        if deliveries.is_empty() {
            return Ok(());
        }
        match self.together(inlet, &understood, &deliveries, stop).await {
            Ok(()) => Ok(()),
            Err(Unfinished::Queue(error)) => Err(error),
            Err(Unfinished::Stopped) => inlet.give_back(&understood).await,
        }
    }

    /// Does messages in one go, or each by itself where one of them keeps the others from being done.
    async fn together(
        &self,
        inlet: &mut dyn Inlet,
        received: &[Received],
        deliveries: &[Delivery],
        stop: &CancellationToken,
    ) -> Result<(), Unfinished> {
        match self.patiently(inlet, received, deliveries, stop).await? {
            Ok(()) => {
                let consumer = self.consumer.binding().consumer;
                self.handled.add(consumer.0, "done", received.len());
                Ok(inlet.finish(received).await?)
            }
            Err(error) if received.len() == 1 => {
                Ok(self.failed(inlet, &received[0], &*error).await?)
            }
            Err(_) => {
                for (received, delivery) in received.iter().zip(deliveries) {
                    let (received, delivery) = (
                        std::slice::from_ref(received),
                        std::slice::from_ref(delivery),
                    );
                    Box::pin(self.together(inlet, received, delivery, stop)).await?;
                }
                Ok(())
            }
        }
    }

    /// Has the consumer do the work, again and again while what it needs does not answer. Answers why these messages
    /// cannot be done, where they cannot.
    async fn patiently(
        &self,
        inlet: &mut dyn Inlet,
        received: &[Received],
        deliveries: &[Delivery],
        stop: &CancellationToken,
    ) -> Result<Result<(), Box<dyn std::error::Error + Send + Sync>>, Unfinished> {
        let consumer = self.consumer.binding().consumer;
        let mut pause = FIRST_PAUSE;
        let mut kept = Instant::now();
        loop {
            let mut work = self.consumer.consume(deliveries);
            let done = loop {
                tokio::select! {
                    done = &mut work => break done,
                    () = tokio::time::sleep_until(kept + KEEP) => {
                        inlet.keep(received).await?;
                        kept = Instant::now();
                    }
                }
            };
            match done {
                Ok(()) => return Ok(Ok(())),
                Err(ConsumeError::Failed(error)) => return Ok(Err(error)),
                Err(ConsumeError::Unavailable(error)) => {
                    if pause == FIRST_PAUSE {
                        tracing::warn!(%consumer, %error, "what it needs does not answer; its messages wait");
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return Err(Unfinished::Stopped),
            }
            pause = (pause * 2).min(LAST_PAUSE);
            if kept.elapsed() >= KEEP / 2 {
                inlet.keep(received).await?;
                kept = Instant::now();
            }
        }
    }

    async fn failed(
        &self,
        inlet: &mut dyn Inlet,
        received: &Received,
        error: &(dyn std::error::Error + Send + Sync),
    ) -> Result<(), QueueError> {
        let consumer = self.consumer.binding().consumer;
        let message = received.id;
        tracing::warn!(%consumer, message, %error, "a message could not be done");
        self.handled.add(consumer.0, "failed", 1);
        inlet.fail(received, &error.to_string()).await
    }
}

#[cfg(test)]
mod tests;
