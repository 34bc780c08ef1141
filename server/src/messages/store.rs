//! What messages need of a database: queues where it carries them, and dead letters wherever they come from.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::queues::Received;
use crate::features::audit::entry::NewEntry;
use crate::store::StoreError;

#[cfg(test)]
pub(crate) mod contract;

/// A message for one consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued<'a> {
    /// Whose queue.
    pub consumer: &'a str,
    /// The event's position.
    pub message: i64,
    /// The envelope.
    pub payload: &'a str,
}

/// A message that its consumer did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number.
    pub id: i64,
    /// Whose message.
    pub consumer: String,
    /// The event's position.
    pub message: i64,
    /// The envelope.
    pub payload: String,
    /// Why it was not taken, the last time.
    pub error: String,
    /// How often it was tried.
    pub deliveries: u32,
    /// When it was given up, by the database's clock.
    pub died_at: Timestamp,
}

/// A list of dead letters.
#[derive(Debug, Clone, Default)]
pub struct LetterFilter {
    /// Older than the one of this number.
    pub before: Option<i64>,
    /// Of this consumer.
    pub consumer: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// Queues and dead letters in a database. Each method is one transaction; all times are by the database's clock.
#[async_trait]
pub trait MessageStore: Send + Sync + 'static {
    /// Puts messages into queues, those that are not there.
    async fn enqueue(&self, messages: &[Queued<'_>]) -> Result<(), StoreError>;

    /// Hands out the oldest messages of a queue that nobody has in hand, for so long. One that was handed out
    /// [`MOST_DELIVERIES`](super::queues::MOST_DELIVERIES) times becomes a dead letter instead.
    async fn claim(
        &self,
        consumer: &str,
        most: usize,
        time: Duration,
    ) -> Result<Vec<Received>, StoreError>;

    /// Removes messages that are done with. What was handed to another since then stays.
    async fn finish(&self, consumer: &str, received: &[Received]) -> Result<(), StoreError>;

    /// Lets messages that are in hand be so for longer, from now on.
    async fn keep(
        &self,
        consumer: &str,
        received: &[Received],
        time: Duration,
    ) -> Result<(), StoreError>;

    /// Puts messages back as if they had never been handed out.
    async fn give_back(&self, consumer: &str, received: &[Received]) -> Result<(), StoreError>;

    /// A message comes again after a while, or is a dead letter with this error if it came often enough.
    async fn fail(
        &self,
        consumer: &str,
        received: &Received,
        error: &str,
        pause: Duration,
    ) -> Result<(), StoreError>;

    /// Changes whenever something may have come into a queue. Some databases tell only of what this process puts there.
    fn queued(&self) -> watch::Receiver<()>;

    /// How many messages are in each queue that has some.
    async fn queue_depths(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Notes why a message was not taken, for its dead letter.
    async fn note_failure(
        &self,
        consumer: &str,
        message: i64,
        error: &str,
    ) -> Result<(), StoreError>;

    /// Keeps a dead letter, with the error that was noted. One that is there already has died again: its attempts are added,
    /// it keeps its error where nobody noted another, and its `died_at` is always a later one.
    async fn bury(&self, letter: &Queued<'_>, deliveries: u32) -> Result<(), StoreError>;

    /// Dead letters, the newest first.
    async fn dead_letters(&self, filter: &LetterFilter) -> Result<Vec<DeadLetter>, StoreError>;

    /// The dead letter of a number.
    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>, StoreError>;

    /// How many there are.
    async fn dead_letter_count(&self) -> Result<u64, StoreError>;

    /// Removes a dead letter as it was read, and notes who did so; answers whether it was there. One that has died again
    /// since then stays.
    async fn remove_dead_letter(
        &self,
        read: &DeadLetter,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<bool, StoreError>;

    /// Notes who has sent a dead letter again, if it is still there, and removes it as it was read. One that has died again
    /// since then stays.
    async fn dead_letter_was_sent(
        &self,
        read: &DeadLetter,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<(), StoreError>;

    /// Forgets what consumers did, and errors that were noted, longer than `age` ago: `limit` rows of each at most.
    async fn forget_messages(&self, age: Duration, limit: u32) -> Result<u64, StoreError>;
}

/// How long it is remembered that a message was done with: longer than any broker keeps one.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// How often what is older is forgotten, and how many at a time.
const FORGET_EVERY: Duration = Duration::from_mins(1);
const AT_ONCE: u32 = 5_000;

/// Forgets what consumers did long ago, until told to stop.
pub async fn forget(store: Arc<dyn MessageStore>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(FORGET_EVERY) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = store.forget_messages(REMEMBERED, AT_ONCE).await {
            tracing::warn!(%error, "what consumers did long ago is not forgotten for now");
        }
    }
}
