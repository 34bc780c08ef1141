//! Offices' queues on SQLite.

use airside_common::api::queues::{QueueItem, QueueTotal};
use airside_common::queue::QueueReason;
use airside_common::text::Remark;
use airside_common::user::{Office, Username};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteTransaction;

use super::clock::now;
use super::messages::first_time;
use super::{Sqlite, audit, micros, outbox};
use crate::features::audit::entry::NewEntry;
use crate::features::queues::store::{
    NewItem, OfItem, OfQueue, Position, QueueStore, QueueStoreError, Until,
};
use crate::messages::consumer::Delivery;
use crate::store::StoreError;
use crate::store::rows::instant::StoredInstant;
use crate::store::rows::queues::{
    ItemRow, StandingRow, TotalRow, changed, locators, meaning, totals,
};

/// The columns of an [`ItemRow`] of the entries `q`, at the time `t.now`.
macro_rules! item {
    ($which:literal) => {
        concat!(
            "SELECT q.id, q.office, q.queue, q.reason, b.locator, q.remark, q.placed_at, q.placed_by, q.due_at, q.holder,
                    q.lease_until, q.done_at IS NOT NULL AS is_done, coalesce(q.lease_until > t.now, FALSE) AS is_in_hand,
                    q.due_at <= t.now AS is_due, CASE WHEN q.has_news THEN q.holder END AS behind
             FROM (SELECT ",
            now!(),
            " AS now) t CROSS JOIN queue_items q JOIN bookings b ON b.id = q.booking_id WHERE ",
            $which
        )
    };
}

async fn time(connection: &mut SqliteConnection) -> Result<Timestamp, sqlx::Error> {
    let now: i64 = sqlx::query_scalar(concat!("SELECT ", now!()))
        .fetch_one(connection)
        .await?;
    StoredInstant(now).timestamp()
}

async fn item(connection: &mut SqliteConnection, id: i64) -> Result<ItemRow, sqlx::Error> {
    sqlx::query_as(item!("q.id = ?1"))
        .bind(id)
        .fetch_one(connection)
        .await
}

/// An entry that may be worked at by who asks.
async fn workable(
    tx: &mut SqliteTransaction<'_>,
    item: &OfItem,
) -> Result<ItemRow, QueueStoreError> {
    let row: Option<ItemRow> =
        sqlx::query_as(item!("q.id = ?1 AND q.office = ?2 AND q.queue = ?3"))
            .bind(item.id.raw())
            .bind(item.queue.office.as_str())
            .bind(item.queue.queue.get())
            .fetch_optional(&mut **tx)
            .await?;
    let row = row.ok_or(QueueStoreError::NotFound)?;
    match row.other_holder(item.by.as_str()).map(str::parse) {
        Some(Ok(holder)) if !row.is_done => Err(QueueStoreError::InHand(holder)),
        _ => Ok(row),
    }
}

impl Sqlite {
    /// The end of what somebody did with an entry: event, audit where there is some, commit, and the entry as it is now.
    async fn end_with(
        &self,
        mut tx: SqliteTransaction<'static>,
        id: i64,
        of: &OfQueue,
        audit: Option<NewEntry>,
    ) -> Result<QueueItem, sqlx::Error> {
        let now = time(&mut tx).await?;
        let queue = (of.office.to_string(), i64::from(of.queue.get()));
        outbox::append(&mut tx, now, &changed(vec![queue])?).await?;
        if let Some(audit) = audit {
            audit::append(&mut tx, now, &audit).await?;
        }
        let row = item(&mut tx, id).await?;
        self.commit(tx).await?;
        row.try_into()
    }

    /// An entry about which there is news is in nobody's hands. Its holder stays noted: who asks once more gets the same answer.
    async fn give_back(
        &self,
        mut tx: SqliteTransaction<'static>,
        item: &OfItem,
    ) -> Result<QueueItem, sqlx::Error> {
        sqlx::query("UPDATE queue_items SET lease_until = NULL WHERE id = ?1")
            .bind(item.id.raw())
            .execute(&mut *tx)
            .await?;
        self.end_with(tx, item.id.raw(), &item.queue, None).await
    }
}

#[async_trait]
impl QueueStore for Sqlite {
    async fn react(&self, batch: &[Delivery]) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let new = first_time(&mut tx, batch).await?;
        let bookings: Vec<StandingRow> = sqlx::query_as(
            "SELECT b.id, b.locator, b.office, b.status,
                    EXISTS (SELECT 1 FROM segments s WHERE s.booking_id = b.id AND s.status = 'TK') AS has_new_times,
                    EXISTS (SELECT 1 FROM segments s WHERE s.booking_id = b.id AND s.status = 'UN') AS has_cancelled_flight
             FROM json_each(?1) j CROSS JOIN bookings b ON b.locator = j.value",
        )
        .bind(json!(locators(&new)).to_string())
        .fetch_all(&mut *tx)
        .await?;
        let (open, done) = meaning(&new, &bookings)?;
        let mut queues: Vec<(String, i64)> = sqlx::query_as(concat!(
            "UPDATE queue_items SET done_at = ",
            now!(),
            " FROM (SELECT value ->> 'booking_id' AS booking_id, value ->> 'reason' AS reason FROM json_each(?1)) j
             WHERE queue_items.booking_id = j.booking_id AND queue_items.reason = j.reason AND done_at IS NULL
             RETURNING queue_items.office, queue_items.queue"
        ))
        .bind(json!(done).to_string())
        .fetch_all(&mut *tx)
        .await?;
        queues.extend(
            sqlx::query_as::<_, (String, i64)>(concat!(
                "INSERT INTO queue_items (office, queue, reason, booking_id, known_version, placed_at, due_at)
                 SELECT value ->> 'office', value ->> 'queue', value ->> 'reason', value ->> 'booking_id',
                        value ->> 'version', t.now, t.now
                 FROM json_each(?1) CROSS JOIN (SELECT ",
                now!(),
                " AS now) t WHERE TRUE
                 ON CONFLICT (booking_id, queue, reason) WHERE done_at IS NULL
                 DO UPDATE SET due_at = min(due_at, excluded.due_at), has_news = TRUE
                     WHERE excluded.known_version > coalesce(known_version, 0)
                 RETURNING office, queue"
            ))
            .bind(json!(open).to_string())
            .fetch_all(&mut *tx)
            .await?,
        );
        let now = time(&mut tx).await?;
        outbox::append(&mut tx, now, &changed(queues)?).await?;
        self.commit(tx).await?;
        Ok(())
    }

    async fn totals(&self, office: &Office) -> Result<Vec<QueueTotal>, StoreError> {
        let rows: Vec<TotalRow> = sqlx::query_as(concat!(
            "SELECT queue, count(CASE WHEN NOT is_in_hand AND is_due THEN 1 END), count(CASE WHEN is_in_hand THEN 1 END),
                    count(CASE WHEN NOT is_in_hand AND NOT is_due THEN 1 END)
             FROM (SELECT queue, coalesce(lease_until > t.now, FALSE) AS is_in_hand, due_at <= t.now AS is_due
                   FROM (SELECT ",
            now!(),
            " AS now) t CROSS JOIN queue_items WHERE office = ?1 AND done_at IS NULL)
             GROUP BY queue"
        ))
        .bind(office.as_str())
        .fetch_all(self.readers())
        .await?;
        Ok(totals(&rows))
    }

    async fn items(
        &self,
        of: &OfQueue,
        behind: Option<Position>,
        limit: u32,
    ) -> Result<Vec<QueueItem>, StoreError> {
        let rows: Vec<ItemRow> = sqlx::query_as(item!(
            "q.office = ?1 AND q.queue = ?2 AND q.done_at IS NULL AND (q.due_at, q.id) > (?3, ?4)
             ORDER BY q.due_at, q.id LIMIT ?5"
        ))
        .bind(of.office.as_str())
        .bind(of.queue.get())
        .bind(behind.map_or(i64::MIN, |behind| behind.due_at))
        .bind(behind.map_or(i64::MIN, |behind| behind.id))
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn take(
        &self,
        of: &OfQueue,
        by: &Username,
        time: SignedDuration,
    ) -> Result<Option<QueueItem>, StoreError> {
        let mut tx = self.write().await?;
        let taken: Option<i64> = sqlx::query_scalar(concat!(
            "UPDATE queue_items
             SET holder = ?3, has_news = FALSE, known_version = (SELECT version FROM bookings WHERE bookings.id = queue_items.booking_id),
                 lease_until = ?4 + ",
            now!(),
            " WHERE id = (SELECT id FROM queue_items
                          WHERE office = ?1 AND queue = ?2 AND done_at IS NULL AND due_at <= ",
            now!(),
            " AND (lease_until IS NULL OR lease_until <= ",
            now!(),
            ") ORDER BY due_at, id LIMIT 1)
             RETURNING id"
        ))
        .bind(of.office.as_str())
        .bind(of.queue.get())
        .bind(by.as_str())
        .bind(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
        .fetch_optional(&mut *tx)
        .await?;
        match taken {
            Some(id) => Ok(Some(self.end_with(tx, id, of, None).await?)),
            None => Ok(None),
        }
    }

    async fn place(&self, item: &NewItem, audit: NewEntry) -> Result<QueueItem, QueueStoreError> {
        let mut tx = self.write().await?;
        let placed: Option<i64> = sqlx::query_scalar(concat!(
            "INSERT INTO queue_items (office, queue, reason, booking_id, remark, placed_by, placed_at, due_at)
             SELECT office, ?3, ?4, id, ?5, ?6, t.now, t.now
             FROM bookings CROSS JOIN (SELECT ",
            now!(),
            " AS now) t WHERE locator = ?1 AND office = ?2
             ON CONFLICT (booking_id, queue, reason) WHERE done_at IS NULL
             DO UPDATE SET remark = excluded.remark, placed_by = excluded.placed_by, due_at = min(due_at, excluded.due_at),
                 has_news = has_news OR holder IS NOT excluded.placed_by
             RETURNING id"
        ))
        .bind(item.locator.as_str())
        .bind(item.queue.office.as_str())
        .bind(item.queue.queue.get())
        .bind(QueueReason::Placed.word())
        .bind(item.remark.as_ref().map(Remark::as_str))
        .bind(item.by.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        let id = placed.ok_or(QueueStoreError::NotFound)?;
        Ok(self.end_with(tx, id, &item.queue, Some(audit)).await?)
    }

    async fn finish(&self, item: &OfItem, audit: NewEntry) -> Result<QueueItem, QueueStoreError> {
        let mut tx = self.write().await?;
        let row = workable(&mut tx, item).await?;
        if row.is_done {
            return Ok(row.try_into()?);
        }
        if row.has_news_for(item.by.as_str()) {
            return Ok(self.give_back(tx, item).await?);
        }
        sqlx::query(concat!(
            "UPDATE queue_items SET done_by = ?2, done_at = ",
            now!(),
            " WHERE id = ?1"
        ))
        .bind(item.id.raw())
        .bind(item.by.as_str())
        .execute(&mut *tx)
        .await?;
        let id = item.id.raw();
        Ok(self.end_with(tx, id, &item.queue, Some(audit)).await?)
    }

    async fn delay(
        &self,
        item: &OfItem,
        until: Until,
        audit: NewEntry,
    ) -> Result<QueueItem, QueueStoreError> {
        let mut tx = self.write().await?;
        let row = workable(&mut tx, item).await?;
        if row.is_done {
            return Err(QueueStoreError::Done);
        }
        let until = until.after(time(&mut tx).await?)?;
        if row.has_news_for(item.by.as_str()) {
            return Ok(self.give_back(tx, item).await?);
        }
        sqlx::query(
            "UPDATE queue_items SET due_at = ?2, holder = NULL, lease_until = NULL WHERE id = ?1",
        )
        .bind(item.id.raw())
        .bind(micros(until))
        .execute(&mut *tx)
        .await?;
        let id = item.id.raw();
        Ok(self.end_with(tx, id, &item.queue, Some(audit)).await?)
    }

    async fn forget_items(&self, age: SignedDuration, limit: u32) -> Result<u64, StoreError> {
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        // The writer is not bothered where there is nothing.
        let old: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT id FROM queue_items WHERE done_at <= ",
            now!(),
            " - ?1 LIMIT 1"
        ))
        .bind(age)
        .fetch_optional(self.readers())
        .await?;
        if old.is_none() {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        let gone = sqlx::query(concat!(
            "DELETE FROM queue_items WHERE id IN (SELECT id FROM queue_items WHERE done_at <= ",
            now!(),
            " - ?1 ORDER BY done_at LIMIT ?2)"
        ))
        .bind(age)
        .bind(limit)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(gone.rows_affected())
    }
}
