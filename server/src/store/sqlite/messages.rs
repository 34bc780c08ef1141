//! Queues, what consumers have done, and dead letters on SQLite.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use sqlx::sqlite::SqliteTransaction;
use tokio::sync::watch;

use super::clock::{now, while_of};
use super::{Sqlite, audit};
use crate::features::audit::entry::NewEntry;
use crate::messages::consumer::Delivery;
use crate::messages::queues::{MOST_DELIVERIES, Received};
use crate::messages::store::{DeadLetter, LetterFilter, MessageStore, Queued};
use crate::store::StoreError;
use crate::store::rows::messages::{LetterRow, NOBODY_SAID, ReceivedRow, depths, each_once};

/// Records that messages are done with in the transaction that does it; answers which of them were not before, in their
/// order.
pub(crate) async fn first_time<'a>(
    tx: &mut SqliteTransaction<'_>,
    batch: &'a [Delivery],
) -> Result<Vec<&'a Delivery>, sqlx::Error> {
    let named: Vec<_> = batch
        .iter()
        .map(|delivery| json!([delivery.consumer.0, delivery.envelope.id]))
        .collect();
    let new: Vec<i64> = sqlx::query_scalar(concat!(
        "INSERT INTO inbox (consumer, message, handled_at)
         SELECT value ->> 0, value ->> 1, ",
        now!(),
        " FROM json_each(?1) WHERE TRUE ON CONFLICT DO NOTHING RETURNING message"
    ))
    .bind(json!(named).to_string())
    .fetch_all(&mut **tx)
    .await?;
    Ok(each_once(batch, new))
}

/// What names deliveries, as JSON.
fn named(received: &[Received]) -> String {
    let pairs: Vec<(i64, u64)> = received.iter().map(|one| (one.id, one.receipt)).collect();
    json!(pairs).to_string()
}

/// Keeps a message as a dead letter, with the error that was noted last. One that dies again does so later, whatever the
/// clock says: by that it is told from the one that somebody has read.
async fn bury(
    tx: &mut SqliteTransaction<'_>,
    letter: &Queued<'_>,
    deliveries: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(concat!(
        "INSERT INTO dead_letters (consumer, message, payload, error, deliveries, died_at)
         VALUES (?1, ?2, ?3,
                 coalesce((SELECT error FROM delivery_errors WHERE consumer = ?1 AND message = ?2), ?5), ?4, ",
        now!(),
        ")
         ON CONFLICT (consumer, message) DO UPDATE
         SET error = coalesce(nullif(excluded.error, ?5), error), deliveries = deliveries + excluded.deliveries,
             died_at = max(excluded.died_at, died_at + 1)"
    ))
    .bind(letter.consumer)
    .bind(letter.message)
    .bind(letter.payload)
    .bind(deliveries)
    .bind(NOBODY_SAID)
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM delivery_errors WHERE consumer = ?1 AND message = ?2")
        .bind(letter.consumer)
        .bind(letter.message)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Removes a dead letter as it was read; answers whether it was still there so.
async fn remove(tx: &mut SqliteTransaction<'_>, read: &DeadLetter) -> Result<bool, sqlx::Error> {
    let removed = sqlx::query("DELETE FROM dead_letters WHERE id = ?1 AND died_at = ?2")
        .bind(read.id)
        .bind(read.died_at.as_microsecond())
        .execute(&mut **tx)
        .await?;
    Ok(removed.rows_affected() > 0)
}

async fn note(
    tx: &mut SqliteTransaction<'_>,
    consumer: &str,
    message: i64,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(concat!(
        "INSERT INTO delivery_errors (consumer, message, error, at) VALUES (?1, ?2, ?3, ",
        now!(),
        ") ON CONFLICT (consumer, message) DO UPDATE SET error = excluded.error, at = excluded.at"
    ))
    .bind(consumer)
    .bind(message)
    .bind(error)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[async_trait]
impl MessageStore for Sqlite {
    async fn enqueue(&self, messages: &[Queued<'_>]) -> Result<(), StoreError> {
        if messages.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = messages
            .iter()
            .map(|message| json!([message.consumer, message.message, message.payload]))
            .collect();
        let mut tx = self.write_again().await?;
        sqlx::query(concat!(
            "INSERT INTO messages (consumer, message, payload, visible_at)
             SELECT value ->> 0, value ->> 1, value ->> 2, ",
            now!(),
            " FROM json_each(?1) WHERE TRUE ON CONFLICT DO NOTHING"
        ))
        .bind(json!(rows).to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.queued.send_replace(());
        Ok(())
    }

    async fn claim(
        &self,
        consumer: &str,
        most: usize,
        time: Duration,
    ) -> Result<Vec<Received>, StoreError> {
        // The writer is not bothered where there is nothing.
        let next: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT message FROM messages WHERE consumer = ?1 AND visible_at <= ",
            now!(),
            " LIMIT 1"
        ))
        .bind(consumer)
        .fetch_optional(self.readers())
        .await?;
        if next.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.write_again().await?;
        let dead: Vec<ReceivedRow> = sqlx::query_as(concat!(
            "DELETE FROM messages WHERE consumer = ?1 AND deliveries >= ?2 AND visible_at <= ",
            now!(),
            " RETURNING message, payload, deliveries"
        ))
        .bind(consumer)
        .bind(MOST_DELIVERIES)
        .fetch_all(&mut *tx)
        .await?;
        for letter in dead.into_iter().map(Received::from) {
            let queued = Queued {
                consumer,
                message: letter.id,
                payload: &letter.body,
            };
            bury(&mut tx, &queued, letter.receipt.cast_signed()).await?;
        }
        let mut rows: Vec<ReceivedRow> = sqlx::query_as(concat!(
            "UPDATE messages SET deliveries = deliveries + 1, visible_at = ?3 + ",
            now!(),
            " WHERE consumer = ?1 AND message IN (
                 SELECT message FROM messages WHERE consumer = ?1 AND visible_at <= ",
            now!(),
            " ORDER BY message LIMIT ?2)
             RETURNING message, payload, deliveries"
        ))
        .bind(consumer)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(while_of(time))
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.sort_by_key(ReceivedRow::message);
        Ok(rows.into_iter().map(Received::from).collect())
    }

    async fn finish(&self, consumer: &str, received: &[Received]) -> Result<(), StoreError> {
        let mut tx = self.write_again().await?;
        let done: Vec<i64> = sqlx::query_scalar(
            "DELETE FROM messages WHERE consumer = ?1
               AND (message, deliveries) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))
             RETURNING message",
        )
        .bind(consumer)
        .bind(named(received))
        .fetch_all(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM delivery_errors
             WHERE consumer = ?1 AND message IN (SELECT value FROM json_each(?2))",
        )
        .bind(consumer)
        .bind(json!(done).to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn keep(
        &self,
        consumer: &str,
        received: &[Received],
        time: Duration,
    ) -> Result<(), StoreError> {
        let mut tx = self.write_again().await?;
        sqlx::query(concat!(
            "UPDATE messages SET visible_at = ?3 + ",
            now!(),
            " WHERE consumer = ?1
               AND (message, deliveries) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))"
        ))
        .bind(consumer)
        .bind(named(received))
        .bind(while_of(time))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn give_back(&self, consumer: &str, received: &[Received]) -> Result<(), StoreError> {
        let mut tx = self.write_again().await?;
        sqlx::query(concat!(
            "UPDATE messages SET deliveries = deliveries - 1, visible_at = ",
            now!(),
            " WHERE consumer = ?1
               AND (message, deliveries) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))"
        ))
        .bind(consumer)
        .bind(named(received))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.queued.send_replace(());
        Ok(())
    }

    async fn fail(
        &self,
        consumer: &str,
        received: &Received,
        error: &str,
        pause: Duration,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let deliveries: Option<i64> = sqlx::query_scalar(
            "SELECT deliveries FROM messages WHERE consumer = ?1 AND message = ?2 AND deliveries = ?3",
        )
        .bind(consumer)
        .bind(received.id)
        .bind(received.receipt.cast_signed())
        .fetch_optional(&mut *tx)
        .await?;
        // Another has it by now.
        let Some(deliveries) = deliveries else {
            return Ok(());
        };
        note(&mut tx, consumer, received.id, error).await?;
        if deliveries < i64::from(MOST_DELIVERIES) {
            sqlx::query(concat!(
                "UPDATE messages SET visible_at = ?3 + ",
                now!(),
                " WHERE consumer = ?1 AND message = ?2"
            ))
            .bind(consumer)
            .bind(received.id)
            .bind(while_of(pause))
            .execute(&mut *tx)
            .await?;
        } else {
            sqlx::query("DELETE FROM messages WHERE consumer = ?1 AND message = ?2")
                .bind(consumer)
                .bind(received.id)
                .execute(&mut *tx)
                .await?;
            let queued = Queued {
                consumer,
                message: received.id,
                payload: &received.body,
            };
            bury(&mut tx, &queued, deliveries).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    fn queued(&self) -> watch::Receiver<()> {
        self.queued.subscribe()
    }

    async fn queue_depths(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sqlx::query_as("SELECT consumer, count(*) FROM messages GROUP BY consumer")
            .fetch_all(self.readers())
            .await?;
        Ok(depths(rows))
    }

    async fn note_failure(
        &self,
        consumer: &str,
        message: i64,
        error: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        note(&mut tx, consumer, message, error).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn bury(&self, letter: &Queued<'_>, deliveries: u32) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        bury(&mut tx, letter, deliveries.into()).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn dead_letters(&self, filter: &LetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        let rows: Vec<LetterRow> = sqlx::query_as(
            "SELECT id, consumer, message, payload, error, deliveries, died_at FROM dead_letters
             WHERE id < ?1 AND (?2 IS NULL OR consumer = ?2) ORDER BY id DESC LIMIT ?3",
        )
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(&filter.consumer)
        .bind(filter.limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>, StoreError> {
        let row: Option<LetterRow> = sqlx::query_as(
            "SELECT id, consumer, message, payload, error, deliveries, died_at FROM dead_letters WHERE id = ?1",
        )
        .bind(id)
        .fetch_optional(self.readers())
        .await?;
        Ok(row.map(DeadLetter::try_from).transpose()?)
    }

    async fn dead_letter_count(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letters")
            .fetch_one(self.readers())
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn remove_dead_letter(
        &self,
        read: &DeadLetter,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let was_there = remove(&mut tx, read).await?;
        if was_there {
            audit::append(&mut tx, now, entry).await?;
        }
        tx.commit().await?;
        Ok(was_there)
    }

    async fn dead_letter_was_sent(
        &self,
        read: &DeadLetter,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let is_there: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM dead_letters WHERE id = ?1)")
                .bind(read.id)
                .fetch_one(&mut *tx)
                .await?;
        if is_there {
            remove(&mut tx, read).await?;
            audit::append(&mut tx, now, entry).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn forget_messages(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let old: bool = sqlx::query_scalar(concat!(
            "SELECT EXISTS (SELECT 1 FROM inbox WHERE handled_at < ",
            now!(),
            " - ?1) OR EXISTS (SELECT 1 FROM delivery_errors WHERE at < ",
            now!(),
            " - ?1)"
        ))
        .bind(while_of(age))
        .fetch_one(self.readers())
        .await?;
        if !old {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        let handled = sqlx::query(concat!(
            "DELETE FROM inbox WHERE (consumer, message) IN (
                 SELECT consumer, message FROM inbox WHERE handled_at < ",
            now!(),
            " - ?1 ORDER BY handled_at LIMIT ?2)"
        ))
        .bind(while_of(age))
        .bind(limit)
        .execute(&mut *tx)
        .await?;
        let errors = sqlx::query(concat!(
            "DELETE FROM delivery_errors WHERE (consumer, message) IN (
                 SELECT consumer, message FROM delivery_errors WHERE at < ",
            now!(),
            " - ?1 ORDER BY at LIMIT ?2)"
        ))
        .bind(while_of(age))
        .bind(limit)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(handled.rows_affected() + errors.rows_affected())
    }
}
