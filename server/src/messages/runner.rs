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
use super::consumer::{ConsumeError, Consumer, ConsumerName, Delivery};
use super::queues::{HELD, Inlet, PATIENCE, QueueError, Received, SharedQueues};

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
    held: Duration,
}

/// What became of messages that were tried.
enum Tried {
    Done,
    /// They cannot be done, because of this.
    Cannot(Box<dyn std::error::Error + Send + Sync>),
    /// What they need did not answer for too long, or there is no time to wait for it: they go back.
    Waiting,
}

/// How long to wait for what a consumer needs.
struct Patience<'a> {
    stop: &'a CancellationToken,
    /// When messages in hand go back.
    until: Instant,
    pause: Duration,
    is_away: bool,
}

impl Patience<'_> {
    /// What is needed does not answer, which is logged once. Waits; not any more where it was too long.
    async fn lasts(
        &mut self,
        consumer: ConsumerName,
        error: &(dyn std::error::Error + Send + Sync),
    ) -> bool {
        if !self.is_away {
            tracing::warn!(%consumer, %error, "what it needs does not answer; its messages wait");
        }
        self.is_away = true;
        if Instant::now() >= self.until {
            return false;
        }
        tokio::select! {
            () = tokio::time::sleep(self.pause) => {}
            () = self.stop.cancelled() => return false,
        }
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        true
    }

    /// It answers again.
    fn is_over(&mut self) {
        self.is_away = false;
        self.pause = FIRST_PAUSE;
    }
}

impl Runner {
    /// Who runs a consumer.
    pub fn new(queues: SharedQueues, consumer: Arc<dyn Consumer>, handled: Handled) -> Self {
        Self {
            queues,
            consumer,
            handled,
            held: HELD,
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
        let mut patience = Patience {
            stop,
            until: Instant::now(),
            pause: FIRST_PAUSE,
            is_away: false,
        };
        loop {
            tokio::select! {
                ready = inlet.ready() => ready?,
                () = stop.cancelled() => break,
            }
            let taken = inlet.take(BATCH).await?;
            self.all(&mut *inlet, &taken, &mut patience).await?;
        }
        inlet.close().await?;
        loop {
            let left = inlet.take(BATCH).await?;
            if left.is_empty() {
                return Ok(());
            }
            self.all(&mut *inlet, &left, &mut patience).await?;
        }
    }

    /// Does what was taken; what has to wait for too long goes back.
    async fn all(
        &self,
        inlet: &mut dyn Inlet,
        taken: &[Received],
        patience: &mut Patience<'_>,
    ) -> Result<(), QueueError> {
        let consumer = self.consumer.binding().consumer;
        patience.until = Instant::now() + self.held;
        let mut deliveries = Vec::with_capacity(taken.len());
        let mut understood = Vec::with_capacity(taken.len());
        let mut strange = Vec::new();
        for received in taken {
            match cloud_event::decode(&received.body) {
                Ok(envelope) => {
                    deliveries.push(Delivery { consumer, envelope });
                    understood.push(received.clone());
                }
                Err(error) => strange.push((received, error)),
            }
        }
        let together = self.together(inlet, &understood, &deliveries, patience);
        let done = together.await?;
        let mut left = understood.split_off(done);
        for (received, error) in strange {
            if !self.failed(inlet, received, &error, patience).await? {
                left.push(received.clone());
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        inlet.give_back(&left).await
    }

    /// Does messages in one go, or each by itself where one of them keeps the others from being done. Answers how many,
    /// from the first, are done with; the others have to wait for too long.
    async fn together(
        &self,
        inlet: &mut dyn Inlet,
        received: &[Received],
        deliveries: &[Delivery],
        patience: &mut Patience<'_>,
    ) -> Result<usize, QueueError> {
        if received.is_empty() {
            return Ok(0);
        }
        let tried = self.patiently(inlet, received, deliveries, patience);
        match tried.await? {
            Tried::Done => {
                let consumer = self.consumer.binding().consumer;
                self.handled.add(consumer.0, "done", received.len());
                inlet.finish(received).await?;
                Ok(received.len())
            }
            Tried::Waiting => Ok(0),
            Tried::Cannot(error) if received.len() == 1 => {
                let is_told = self.failed(inlet, &received[0], &*error, patience);
                Ok(usize::from(is_told.await?))
            }
            Tried::Cannot(_) => {
                for (done, (received, delivery)) in received.iter().zip(deliveries).enumerate() {
                    let (received, delivery) = (
                        std::slice::from_ref(received),
                        std::slice::from_ref(delivery),
                    );
                    let alone = self.together(inlet, received, delivery, patience);
                    if Box::pin(alone).await? == 0 {
                        return Ok(done);
                    }
                }
                Ok(received.len())
            }
        }
    }

    /// Has the consumer do the work, again and again while what it needs does not answer.
    async fn patiently(
        &self,
        inlet: &mut dyn Inlet,
        received: &[Received],
        deliveries: &[Delivery],
        patience: &mut Patience<'_>,
    ) -> Result<Tried, QueueError> {
        let consumer = self.consumer.binding().consumer;
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
            let error = match done {
                Err(ConsumeError::Unavailable(error)) => error,
                Ok(()) => {
                    patience.is_over();
                    return Ok(Tried::Done);
                }
                Err(ConsumeError::Failed(error)) => {
                    patience.is_over();
                    return Ok(Tried::Cannot(error));
                }
            };
            if !patience.lasts(consumer, &*error).await {
                return Ok(Tried::Waiting);
            }
            if kept.elapsed() >= KEEP / 2 {
                inlet.keep(received).await?;
                kept = Instant::now();
            }
        }
    }

    /// Says that a message could not be done, again and again while the database does not take that: if the queue were given
    /// up, that would be counted against all that came with it. Answers whether it was said.
    async fn failed(
        &self,
        inlet: &mut dyn Inlet,
        received: &Received,
        error: &(dyn std::error::Error + Send + Sync),
        patience: &mut Patience<'_>,
    ) -> Result<bool, QueueError> {
        let consumer = self.consumer.binding().consumer;
        // No text of PostgreSQL has a zero.
        let said = error.to_string().replace('\0', "\u{fffd}");
        while let Err(fault) = inlet.fail(received, &said).await {
            let QueueError::Store(fault) = fault else {
                return Err(fault);
            };
            if !patience.lasts(consumer, &fault).await {
                return Ok(false);
            }
        }
        let message = received.id;
        tracing::warn!(%consumer, message, error = said, "a message could not be done");
        self.handled.add(consumer.0, "failed", 1);
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
