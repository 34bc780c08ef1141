//! What can be done with dead letters.

use std::sync::Arc;

use airside_common::api::dead_letters::{DeadLetter, DeadLetterDetail, DeadLetterPage};
use airside_common::time::Instant;

use crate::clock::SharedClock;
use crate::features::audit::entry::Author;
use crate::messages::cloud_event;
use crate::messages::queues::{Published, QueueError, SharedQueues};
use crate::messages::store::{self, LetterFilter, MessageStore};
use crate::store::StoreError;

/// Why a letter was not dealt with.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// There is none of this number, or not any more.
    #[error("there is no such dead letter")]
    NotFound,
    /// Its consumer is none of this release.
    #[error("nobody takes messages of `{0}` any more")]
    NoConsumer(String),
    /// The broker did not take it.
    #[error("the message broker did not take it")]
    Refused,
    /// The queues.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Dead letters.
#[derive(Clone)]
pub struct DeadLetters {
    store: Arc<dyn MessageStore>,
    queues: SharedQueues,
    clock: SharedClock,
}

impl DeadLetters {
    /// Those of a store, which go back to these queues.
    pub fn new(store: Arc<dyn MessageStore>, queues: SharedQueues, clock: SharedClock) -> Self {
        Self {
            store,
            queues,
            clock,
        }
    }

    /// A page, the newest first, of one consumer or of all.
    pub async fn list(
        &self,
        consumer: Option<String>,
        before: Option<i64>,
        limit: u8,
    ) -> Result<DeadLetterPage, StoreError> {
        let filter = LetterFilter {
            before,
            consumer,
            limit: u32::from(limit) + 1,
        };
        let mut found = self.store.dead_letters(&filter).await?;
        let more = found.len() > usize::from(limit);
        found.truncate(usize::from(limit));
        let next = found
            .last()
            .filter(|_| more)
            .map(|last| last.id.to_string());
        Ok(DeadLetterPage {
            items: found.iter().map(body).collect(),
            next_cursor: next,
        })
    }

    /// One, with all that it says.
    pub async fn letter(&self, id: i64) -> Result<DeadLetterDetail, LetterError> {
        let letter = self.found(id).await?;
        Ok(DeadLetterDetail {
            letter: body(&letter),
            message: letter.payload,
        })
    }

    /// Sends one to its consumer again, and to nobody else. A letter that was sent and is still here after a fault may be
    /// sent once more: what was done is not done twice. One that dies again stays, also if it does so before this returns.
    pub async fn retry(&self, author: &Author, id: i64) -> Result<(), LetterError> {
        let letter = self.found(id).await?;
        let sent = self
            .queues
            .send_to(&letter.consumer, letter.message, &letter.payload);
        match sent.await? {
            Published::Kept => {}
            Published::Unroutable => return Err(LetterError::NoConsumer(letter.consumer)),
            Published::Refused => return Err(LetterError::Refused),
        }
        let entry = author.did("dead_letter.retried", target(&letter));
        // Where it is gone somebody else has sent it at the same time; where it has died again it stays.
        self.store
            .dead_letter_was_sent(&letter, self.clock.now(), &entry)
            .await?;
        Ok(())
    }

    /// Drops one for good.
    pub async fn remove(&self, author: &Author, id: i64) -> Result<(), LetterError> {
        loop {
            let letter = self.found(id).await?;
            let entry = author.did("dead_letter.dropped", target(&letter));
            let removing = self
                .store
                .remove_dead_letter(&letter, self.clock.now(), &entry);
            // Where it has died again meanwhile it is dropped with that.
            if removing.await? {
                return Ok(());
            }
        }
    }

    async fn found(&self, id: i64) -> Result<store::DeadLetter, LetterError> {
        self.store
            .dead_letter(id)
            .await?
            .ok_or(LetterError::NotFound)
    }
}

/// Which letter, for the audit log.
fn target(letter: &store::DeadLetter) -> String {
    format!("{} {}", letter.consumer, letter.message)
}

fn body(letter: &store::DeadLetter) -> DeadLetter {
    let event = cloud_event::decode(&letter.payload).ok();
    DeadLetter {
        id: letter.id.to_string(),
        consumer: letter.consumer.clone(),
        event: letter.message.to_string(),
        r#type: event
            .as_ref()
            .map(|envelope| envelope.event.kind().to_owned()),
        subject: event.as_ref().and_then(|envelope| envelope.event.subject()),
        error: letter.error.clone(),
        deliveries: letter.deliveries,
        died_at: Instant(letter.died_at),
    }
}
