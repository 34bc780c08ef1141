//! Queues, what consumers have done, and dead letters on PostgreSQL.
//!
//! Everything here speaks by keys: queues are empty most of the time and full now and then, so that what the planner was
//! told about them is often wrong. A join of rows that were named with an empty queue is planned as a walk through the whole
//! queue, which has all these names compared with each message once it is full. So rows are found one by one, in a look of
//! their own, and changed where they lie: by their `ctid`, by which no planner walks.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgTransaction;
use tokio::sync::watch;

use super::calls::QUEUED;
use super::clock::interval;
use super::{Postgres, audit};
use crate::features::audit::entry::NewEntry;
use crate::messages::consumer::Delivery;
use crate::messages::queues::{MOST_DELIVERIES, Received};
use crate::messages::store::{DeadLetter, LetterFilter, MessageStore, Queued};
use crate::store::StoreError;
use crate::store::rows::instant::StoredInstant;
use crate::store::rows::messages::{LetterRow, NOBODY_SAID, ReceivedRow, depths, each_once};

/// Records that messages are done with in the transaction that does it; answers which of them were not before, in their
/// order.
pub(crate) async fn first_time<'a>(
    tx: &mut PgTransaction<'_>,
    batch: &'a [Delivery],
) -> Result<Vec<&'a Delivery>, sqlx::Error> {
    let consumers: Vec<&str> = batch.iter().map(|delivery| delivery.consumer.0).collect();
    let messages: Vec<i64> = batch.iter().map(|delivery| delivery.envelope.id).collect();
    let new: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO inbox (consumer, message, handled_at)
         SELECT consumer, message, clock_timestamp()
         FROM unnest($1::text[], $2::bigint[]) AS given (consumer, message) ORDER BY consumer, message
         ON CONFLICT DO NOTHING RETURNING message",
    )
    .bind(consumers)
    .bind(messages)
    .fetch_all(&mut **tx)
    .await?;
    Ok(each_once(batch, new))
}

/// Where the messages of a consumer, `$1`, lie that were named with the numbers of their deliveries, `$2` and `$3`. Who
/// changes one at the same moment puts it elsewhere: then it is not met, as if that had come later.
macro_rules! named {
    () => {
        "(SELECT found.ctid
          FROM unnest($2::bigint[], $3::bigint[]) AS given (message, deliveries)
          CROSS JOIN LATERAL (
              SELECT m.ctid FROM messages AS m
              WHERE m.consumer = $1 AND m.message = given.message AND m.deliveries = given.deliveries OFFSET 0
          ) AS found) AS named"
    };
}

/// Where the errors lie that were noted of a consumer's, `$1`, messages.
macro_rules! errors_of {
    ($messages:literal) => {
        concat!(
            "(SELECT noted.ctid
              FROM ",
            $messages,
            " AS ended
              CROSS JOIN LATERAL (
                  SELECT e.ctid FROM delivery_errors AS e WHERE e.consumer = $1 AND e.message = ended.message OFFSET 0
              ) AS noted) AS noted"
        )
    };
}

/// The two columns that name deliveries.
fn named(received: &[Received]) -> (Vec<i64>, Vec<i64>) {
    received
        .iter()
        .map(|one| (one.id, one.receipt.cast_signed()))
        .unzip()
}

/// What becomes of a dead letter, `known`, that dies again; `$5` is what stands where nobody said why. It does so later,
/// whatever the clock says: by that it is told from the one that somebody has read.
macro_rules! died_again {
    () => {
        "ON CONFLICT (consumer, message) DO UPDATE
         SET error = coalesce(nullif(excluded.error, $5), known.error),
             deliveries = known.deliveries + excluded.deliveries,
             died_at = greatest(excluded.died_at, known.died_at + interval '1 microsecond')"
    };
}

/// Removes a dead letter as it was read; answers whether it was still there so.
async fn remove(tx: &mut PgTransaction<'_>, read: &DeadLetter) -> Result<bool, sqlx::Error> {
    let removed = sqlx::query("DELETE FROM dead_letters WHERE id = $1 AND died_at = $2")
        .bind(read.id)
        .bind(StoredInstant::from(read.died_at))
        .execute(&mut **tx)
        .await?;
    Ok(removed.rows_affected() > 0)
}

#[async_trait]
impl MessageStore for Postgres {
    async fn enqueue(&self, messages: &[Queued<'_>]) -> Result<(), StoreError> {
        let consumers: Vec<&str> = messages.iter().map(|message| message.consumer).collect();
        let ids: Vec<i64> = messages.iter().map(|message| message.message).collect();
        let payloads: Vec<&str> = messages.iter().map(|message| message.payload).collect();
        let server = self.primary.serving();
        let put = sqlx::query(
            "WITH new AS (
                 INSERT INTO messages (consumer, message, payload, visible_at)
                 SELECT consumer, message, payload, clock_timestamp()
                 FROM unnest($1::text[], $2::bigint[], $3::text[]) AS given (consumer, message, payload)
                 ORDER BY consumer, message
                 ON CONFLICT DO NOTHING RETURNING consumer
             )
             SELECT pg_notify($4, '') WHERE EXISTS (SELECT FROM new)",
        )
        .bind(consumers)
        .bind(ids)
        .bind(payloads)
        .bind(QUEUED)
        .execute(&server.lookups);
        server.unless_replaced(put).await?;
        Ok(())
    }

    async fn claim(
        &self,
        consumer: &str,
        most: usize,
        time: Duration,
    ) -> Result<Vec<Received>, StoreError> {
        let server = self.primary.serving();
        let front = server.queue(consumer);
        let claimed = sqlx::query_as(concat!(
            "WITH next AS (
                 SELECT ctid, deliveries FROM messages
                 WHERE consumer = $1 AND message >= $6 AND visible_at <= clock_timestamp()
                 ORDER BY message LIMIT $2 FOR UPDATE SKIP LOCKED
             ), given AS (
                 UPDATE messages SET deliveries = messages.deliveries + 1, visible_at = clock_timestamp() + $3
                 FROM next WHERE messages.ctid = next.ctid AND next.deliveries < $4
                 RETURNING messages.message, messages.payload, messages.deliveries
             ), dead AS (
                 DELETE FROM messages USING next WHERE messages.ctid = next.ctid AND next.deliveries >= $4
                 RETURNING messages.message, messages.payload, messages.deliveries
             ), errors AS (
                 DELETE FROM delivery_errors USING ",
            errors_of!("dead"),
            " WHERE delivery_errors.ctid = noted.ctid
                 RETURNING delivery_errors.message, error
             ), buried AS (
                 INSERT INTO dead_letters AS known (consumer, message, payload, error, deliveries, died_at)
                 SELECT $1, message, payload, coalesce(error, $5), deliveries, clock_timestamp()
                 FROM dead LEFT JOIN errors USING (message) ",
            died_again!(),
            ")
             SELECT message, payload, deliveries::bigint FROM given ORDER BY message"
        ))
        .bind(consumer)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(interval(time)?)
        .bind(i64::from(MOST_DELIVERIES))
        .bind(NOBODY_SAID)
        .bind(front.begin())
        .fetch_all(&server.lookups);
        let rows: Vec<ReceivedRow> = server.unless_replaced(claimed).await?;
        if let Some(last) = rows.last() {
            front.found(last.message());
        }
        Ok(rows.into_iter().map(Received::from).collect())
    }

    async fn finish(&self, consumer: &str, received: &[Received]) -> Result<(), StoreError> {
        let (ids, receipts) = named(received);
        let server = self.primary.serving();
        let finished = sqlx::query(concat!(
            "WITH done AS (
                 DELETE FROM messages USING ",
            named!(),
            " WHERE messages.ctid = named.ctid RETURNING messages.message
             )
             DELETE FROM delivery_errors USING ",
            errors_of!("done"),
            " WHERE delivery_errors.ctid = noted.ctid"
        ))
        .bind(consumer)
        .bind(ids)
        .bind(receipts)
        .execute(&server.lookups);
        server.unless_replaced(finished).await?;
        Ok(())
    }

    async fn keep(
        &self,
        consumer: &str,
        received: &[Received],
        time: Duration,
    ) -> Result<(), StoreError> {
        let (ids, receipts) = named(received);
        let server = self.primary.serving();
        let kept = sqlx::query(concat!(
            "UPDATE messages SET visible_at = clock_timestamp() + $4 FROM ",
            named!(),
            " WHERE messages.ctid = named.ctid"
        ))
        .bind(consumer)
        .bind(ids)
        .bind(receipts)
        .bind(interval(time)?)
        .execute(&server.lookups);
        server.unless_replaced(kept).await?;
        Ok(())
    }

    async fn give_back(&self, consumer: &str, received: &[Received]) -> Result<(), StoreError> {
        let (ids, receipts) = named(received);
        let server = self.primary.serving();
        let given = sqlx::query(concat!(
            "WITH back AS (
                 UPDATE messages SET visible_at = clock_timestamp(), deliveries = messages.deliveries - 1 FROM ",
            named!(),
            " WHERE messages.ctid = named.ctid RETURNING messages.message
             )
             SELECT pg_notify($4, '') WHERE EXISTS (SELECT FROM back)"
        ))
        .bind(consumer)
        .bind(ids)
        .bind(receipts)
        .bind(QUEUED)
        .execute(&server.lookups);
        server.unless_replaced(given).await?;
        Ok(())
    }

    async fn fail(
        &self,
        consumer: &str,
        received: &Received,
        error: &str,
        pause: Duration,
    ) -> Result<(), StoreError> {
        let server = self.primary.serving();
        let failed = sqlx::query(concat!(
            "WITH again AS (
                 UPDATE messages SET visible_at = clock_timestamp() + $7
                 WHERE consumer = $1 AND message = $2 AND deliveries = $3 AND deliveries < $6
                 RETURNING message
             ), noted AS (
                 INSERT INTO delivery_errors (consumer, message, error, at)
                 SELECT $1, message, $4, clock_timestamp() FROM again
                 ON CONFLICT (consumer, message) DO UPDATE SET error = excluded.error, at = excluded.at
             ), dead AS (
                 DELETE FROM messages
                 WHERE consumer = $1 AND message = $2 AND deliveries = $3 AND deliveries >= $6
                 RETURNING message, payload, deliveries
             ), errors AS (
                 DELETE FROM delivery_errors USING dead
                 WHERE delivery_errors.consumer = $1 AND delivery_errors.message = dead.message
             )
             INSERT INTO dead_letters AS known (consumer, message, payload, error, deliveries, died_at)
             SELECT $1, message, payload, $4, deliveries, clock_timestamp() FROM dead ",
            died_again!()
        ))
        .bind(consumer)
        .bind(received.id)
        .bind(received.receipt.cast_signed())
        .bind(error)
        .bind(NOBODY_SAID)
        .bind(i64::from(MOST_DELIVERIES))
        .bind(interval(pause)?)
        .execute(&server.lookups);
        server.unless_replaced(failed).await?;
        Ok(())
    }

    fn queued(&self) -> watch::Receiver<()> {
        self.calls.queued()
    }

    async fn queue_depths(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sqlx::query_as("SELECT consumer, count(*) FROM messages GROUP BY consumer")
            .fetch_all(&self.primary())
            .await?;
        Ok(depths(rows))
    }

    async fn note_failure(
        &self,
        consumer: &str,
        message: i64,
        error: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO delivery_errors (consumer, message, error, at)
             VALUES ($1, $2, $3, clock_timestamp())
             ON CONFLICT (consumer, message) DO UPDATE SET error = excluded.error, at = excluded.at",
        )
        .bind(consumer)
        .bind(message)
        .bind(error)
        .execute(&self.primary())
        .await?;
        Ok(())
    }

    async fn bury(&self, letter: &Queued<'_>, deliveries: u32) -> Result<(), StoreError> {
        sqlx::query(concat!(
            "WITH errors AS (
                 DELETE FROM delivery_errors WHERE consumer = $1 AND message = $2 RETURNING error
             )
             INSERT INTO dead_letters AS known (consumer, message, payload, error, deliveries, died_at)
             VALUES ($1, $2, $3, coalesce((SELECT error FROM errors), $5), $4, clock_timestamp()) ",
            died_again!()
        ))
        .bind(letter.consumer)
        .bind(letter.message)
        .bind(letter.payload)
        .bind(i64::from(deliveries))
        .bind(NOBODY_SAID)
        .execute(&self.primary())
        .await?;
        Ok(())
    }

    async fn dead_letters(&self, filter: &LetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        let rows: Vec<LetterRow> = sqlx::query_as(
            "SELECT id, consumer, message, payload, error, deliveries::bigint, died_at FROM dead_letters
             WHERE id < $1 AND ($2::text IS NULL OR consumer = $2) ORDER BY id DESC LIMIT $3",
        )
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(&filter.consumer)
        .bind(i64::from(filter.limit))
        .fetch_all(&self.primary())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>, StoreError> {
        let row: Option<LetterRow> = sqlx::query_as(
            "SELECT id, consumer, message, payload, error, deliveries::bigint, died_at FROM dead_letters
             WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.primary())
        .await?;
        Ok(row.map(DeadLetter::try_from).transpose()?)
    }

    async fn dead_letter_count(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letters")
            .fetch_one(&self.primary())
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
        self.commit(tx).await?;
        Ok(was_there)
    }

    async fn dead_letter_was_sent(
        &self,
        read: &DeadLetter,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let found: Option<i64> =
            sqlx::query_scalar("SELECT id FROM dead_letters WHERE id = $1 FOR UPDATE")
                .bind(read.id)
                .fetch_optional(&mut *tx)
                .await?;
        if found.is_some() {
            remove(&mut tx, read).await?;
            audit::append(&mut tx, now, entry).await?;
        }
        self.commit(tx).await?;
        Ok(())
    }

    async fn forget_messages(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let server = self.primary.serving();
        let forgotten = sqlx::query_scalar(
            "WITH old AS (
                 DELETE FROM inbox WHERE (consumer, message) IN (
                     SELECT consumer, message FROM inbox
                     WHERE handled_at < clock_timestamp() - $1 ORDER BY handled_at LIMIT $2
                 ) RETURNING 1
             ), errors AS (
                 DELETE FROM delivery_errors WHERE (consumer, message) IN (
                     SELECT consumer, message FROM delivery_errors
                     WHERE at < clock_timestamp() - $1 ORDER BY at LIMIT $2
                 ) RETURNING 1
             )
             SELECT (SELECT count(*) FROM old) + (SELECT count(*) FROM errors)",
        )
        .bind(interval(age)?)
        .bind(i64::from(limit))
        .fetch_one(&server.lookups);
        let count: i64 = server.unless_replaced(forgotten).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
