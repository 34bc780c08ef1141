//! Rows of messages and dead letters.

use std::collections::HashSet;

use super::instant::StoredInstant;
use crate::messages::consumer::Delivery;
use crate::messages::queues::Received;
use crate::messages::store::DeadLetter;

/// What a dead letter says where nobody said why: each process that had it in hand ended.
pub(crate) const NOBODY_SAID: &str = "whoever had it in hand ended without a word";

/// The deliveries of new messages, in their order and each once: a batch has a message twice where it was published twice.
pub(crate) fn each_once(batch: &[Delivery], new: Vec<i64>) -> Vec<&Delivery> {
    let mut left: HashSet<i64> = new.into_iter().collect();
    let is_first = |delivery: &&Delivery| left.remove(&delivery.envelope.id);
    batch.iter().filter(is_first).collect()
}

#[derive(Debug, sqlx::FromRow)]
pub(crate) struct ReceivedRow {
    message: i64,
    payload: String,
    deliveries: i64,
}

impl ReceivedRow {
    /// Which message.
    pub(crate) fn message(&self) -> i64 {
        self.message
    }
}

impl From<ReceivedRow> for Received {
    fn from(row: ReceivedRow) -> Self {
        Self {
            id: row.message,
            body: row.payload,
            receipt: row.deliveries.cast_unsigned(),
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(crate) struct LetterRow {
    id: i64,
    consumer: String,
    message: i64,
    payload: String,
    error: String,
    deliveries: i64,
    died_at: StoredInstant,
}

impl TryFrom<LetterRow> for DeadLetter {
    type Error = sqlx::Error;

    fn try_from(row: LetterRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            consumer: row.consumer,
            message: row.message,
            payload: row.payload,
            error: row.error,
            deliveries: u32::try_from(row.deliveries).unwrap_or(u32::MAX),
            died_at: row.died_at.timestamp()?,
        })
    }
}

/// Queues and their lengths.
pub(crate) fn depths(rows: Vec<(String, i64)>) -> Vec<(String, u64)> {
    rows.into_iter()
        .map(|(consumer, count)| (consumer, u64::try_from(count).unwrap_or(0)))
        .collect()
}
