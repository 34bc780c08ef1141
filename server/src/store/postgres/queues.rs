//! Offices' queues on PostgreSQL.

use airside_common::api::queues::{QueueItem, QueueTotal};
use airside_common::queue::QueueReason;
use airside_common::text::Remark;
use airside_common::user::{Office, Username};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::types::PgInterval;
use sqlx::{PgConnection, PgTransaction};

use super::clock::interval;
use super::messages::first_time;
use super::{Postgres, audit, outbox};
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

/// The columns of an [`ItemRow`] of the entries `q`.
macro_rules! item {
    ($which:literal) => {
        concat!(
            "SELECT q.id, q.office, q.queue::bigint AS queue, q.reason, b.locator, q.remark, q.placed_at, q.placed_by, q.due_at,
                    q.holder, q.lease_until, q.done_at IS NOT NULL AS is_done,
                    coalesce(q.lease_until > clock_timestamp(), FALSE) AS is_in_hand,
                    q.due_at <= clock_timestamp() AS is_due, CASE WHEN q.has_news THEN q.holder END AS behind
             FROM queue_items q JOIN bookings b ON b.id = q.booking_id WHERE ",
            $which
        )
    };
}

/// "queues" in ASCII: who makes the queues what messages mean does it alone. Of two at a time the one that read a booking before
/// it was rebooked could put it on a queue after the other has looked there for something to be taken off.
const ALONE: &str = "SELECT pg_advisory_xact_lock(124749027304819)";

async fn time(connection: &mut PgConnection) -> Result<Timestamp, sqlx::Error> {
    let now: StoredInstant = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(connection)
        .await?;
    now.timestamp()
}

fn lease(time: SignedDuration) -> Result<PgInterval, sqlx::Error> {
    interval(time.unsigned_abs())
}

/// An entry that may be worked at by who asks; it is locked.
async fn workable(tx: &mut PgTransaction<'_>, item: &OfItem) -> Result<ItemRow, QueueStoreError> {
    let row: Option<ItemRow> = sqlx::query_as(item!(
        "q.id = $1 AND q.office = $2 AND q.queue = $3 FOR UPDATE OF q"
    ))
    .bind(item.id.raw())
    .bind(item.queue.office.as_str())
    .bind(i16::from(item.queue.queue.get()))
    .fetch_optional(&mut **tx)
    .await?;
    let row = row.ok_or(QueueStoreError::NotFound)?;
    match row.other_holder(item.by.as_str()).map(str::parse) {
        Some(Ok(holder)) if !row.is_done => Err(QueueStoreError::InHand(holder)),
        _ => Ok(row),
    }
}

impl Postgres {
    /// The end of what somebody did with an entry: event, audit where there is some, commit, and the entry as it is now.
    async fn end_with(
        &self,
        mut tx: PgTransaction<'static>,
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
        let row: ItemRow = sqlx::query_as(item!("q.id = $1"))
            .bind(id)
            .fetch_one(&mut *tx)
            .await?;
        self.commit(tx).await?;
        row.try_into()
    }

    /// An entry about which there is news is in nobody's hands. Its holder stays noted: who asks once more gets the same answer.
    async fn give_back(
        &self,
        mut tx: PgTransaction<'static>,
        item: &OfItem,
    ) -> Result<QueueItem, sqlx::Error> {
        sqlx::query("UPDATE queue_items SET lease_until = NULL WHERE id = $1")
            .bind(item.id.raw())
            .execute(&mut *tx)
            .await?;
        self.end_with(tx, item.id.raw(), &item.queue, None).await
    }
}

#[async_trait]
impl QueueStore for Postgres {
    async fn react(&self, batch: &[Delivery]) -> Result<(), StoreError> {
        let server = self.primary.serving();
        let reacted = async {
            let mut tx = server.lookups.begin().await?;
            sqlx::query(ALONE).execute(&mut *tx).await?;
            let new = first_time(&mut tx, batch).await?;
            let bookings: Vec<StandingRow> = sqlx::query_as(
                "SELECT b.id, b.locator, b.office, b.status,
                        EXISTS (SELECT FROM segments s WHERE s.booking_id = b.id AND s.status = 'TK') AS has_new_times,
                        EXISTS (SELECT FROM segments s WHERE s.booking_id = b.id AND s.status = 'UN') AS has_cancelled_flight
                 FROM bookings b WHERE b.locator = ANY ($1)",
            )
            .bind(locators(&new))
            .fetch_all(&mut *tx)
            .await?;
            let (open, done) = meaning(&new, &bookings)?;
            let mut queues: Vec<(String, i64)> = sqlx::query_as(
                "UPDATE queue_items AS q SET done_at = clock_timestamp()
                 FROM unnest($1::bigint[], $2::text[]) AS d (booking_id, reason)
                 WHERE q.booking_id = d.booking_id AND q.reason = d.reason AND q.done_at IS NULL
                 RETURNING q.office, q.queue::bigint",
            )
            .bind(done.iter().map(|row| row.booking_id).collect::<Vec<_>>())
            .bind(done.iter().map(|row| row.reason).collect::<Vec<_>>())
            .fetch_all(&mut *tx)
            .await?;
            queues.extend(
                sqlx::query_as::<_, (String, i64)>(
                    "INSERT INTO queue_items AS known (office, queue, reason, booking_id, known_version, placed_at, due_at)
                     SELECT office, queue, reason, booking_id, version, now, now
                     FROM unnest($1::text[], $2::smallint[], $3::text[], $4::bigint[], $5::bigint[])
                              AS o (office, queue, reason, booking_id, version),
                          clock_timestamp() AS now
                     ON CONFLICT (booking_id, queue, reason) WHERE done_at IS NULL
                     DO UPDATE SET due_at = least(known.due_at, excluded.due_at), has_news = TRUE
                         WHERE excluded.known_version > coalesce(known.known_version, 0)
                     RETURNING office, queue::bigint",
                )
                .bind(open.iter().map(|row| row.office.as_str()).collect::<Vec<_>>())
                .bind(open.iter().map(|row| row.queue).collect::<Vec<_>>())
                .bind(open.iter().map(|row| row.reason).collect::<Vec<_>>())
                .bind(open.iter().map(|row| row.booking_id).collect::<Vec<_>>())
                .bind(open.iter().map(|row| row.version).collect::<Vec<_>>())
                .fetch_all(&mut *tx)
                .await?,
            );
            let now = time(&mut tx).await?;
            outbox::append(&mut tx, now, &changed(queues)?).await?;
            self.commit(tx).await
        };
        Ok(server.unless_replaced(reacted).await?)
    }

    async fn totals(&self, office: &Office) -> Result<Vec<QueueTotal>, StoreError> {
        let rows: Vec<TotalRow> = sqlx::query_as(
            "SELECT queue::bigint, count(*) FILTER (WHERE NOT is_in_hand AND is_due), count(*) FILTER (WHERE is_in_hand),
                    count(*) FILTER (WHERE NOT is_in_hand AND NOT is_due)
             FROM (SELECT queue, coalesce(lease_until > clock_timestamp(), FALSE) AS is_in_hand,
                          due_at <= clock_timestamp() AS is_due
                   FROM queue_items WHERE office = $1 AND done_at IS NULL) AS items
             GROUP BY queue",
        )
        .bind(office.as_str())
        .fetch_all(&self.primary())
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
            "q.office = $1 AND q.queue = $2 AND q.done_at IS NULL
               AND ($3::timestamptz IS NULL OR (q.due_at, q.id) > ($3, $4))
             ORDER BY q.due_at, q.id LIMIT $5"
        ))
        .bind(of.office.as_str())
        .bind(i16::from(of.queue.get()))
        .bind(behind.map(|behind| StoredInstant(behind.due_at)))
        .bind(behind.map(|behind| behind.id))
        .bind(i64::from(limit))
        .fetch_all(&self.primary())
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
        let taken: Option<i64> = sqlx::query_scalar(
            "WITH next AS (
                 SELECT id FROM queue_items
                 WHERE office = $1 AND queue = $2 AND done_at IS NULL AND due_at <= clock_timestamp()
                   AND (lease_until IS NULL OR lease_until <= clock_timestamp())
                 ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
             )
             UPDATE queue_items SET holder = $3, lease_until = clock_timestamp() + $4, has_news = FALSE,
                 known_version = (SELECT version FROM bookings WHERE bookings.id = queue_items.booking_id)
             FROM next WHERE queue_items.id = next.id
             RETURNING queue_items.id",
        )
        .bind(of.office.as_str())
        .bind(i16::from(of.queue.get()))
        .bind(by.as_str())
        .bind(lease(time)?)
        .fetch_optional(&mut *tx)
        .await?;
        match taken {
            Some(id) => Ok(Some(self.end_with(tx, id, of, None).await?)),
            None => Ok(None),
        }
    }

    async fn place(&self, item: &NewItem, audit: NewEntry) -> Result<QueueItem, QueueStoreError> {
        let mut tx = self.write().await?;
        let placed: Option<i64> = sqlx::query_scalar(
            "INSERT INTO queue_items AS known (office, queue, reason, booking_id, remark, placed_by, placed_at, due_at)
             SELECT office, $3, $4, id, $5, $6, now, now
             FROM bookings, clock_timestamp() AS now WHERE locator = $1 AND office = $2
             ON CONFLICT (booking_id, queue, reason) WHERE done_at IS NULL
             DO UPDATE SET remark = excluded.remark, placed_by = excluded.placed_by,
                 due_at = least(known.due_at, excluded.due_at),
                 has_news = known.has_news OR known.holder IS DISTINCT FROM excluded.placed_by
             RETURNING id",
        )
        .bind(item.locator.as_str())
        .bind(item.queue.office.as_str())
        .bind(i16::from(item.queue.queue.get()))
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
        sqlx::query(
            "UPDATE queue_items SET done_by = $2, done_at = clock_timestamp() WHERE id = $1",
        )
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
            "UPDATE queue_items SET due_at = $2, holder = NULL, lease_until = NULL WHERE id = $1",
        )
        .bind(item.id.raw())
        .bind(StoredInstant::from(until))
        .execute(&mut *tx)
        .await?;
        let id = item.id.raw();
        Ok(self.end_with(tx, id, &item.queue, Some(audit)).await?)
    }

    async fn forget_items(&self, age: SignedDuration, limit: u32) -> Result<u64, StoreError> {
        let server = self.primary.serving();
        let gone = sqlx::query(
            "DELETE FROM queue_items WHERE id IN (
                 SELECT id FROM queue_items WHERE done_at <= clock_timestamp() - $1 ORDER BY done_at LIMIT $2)",
        )
        .bind(lease(age)?)
        .bind(i64::from(limit))
        .execute(&server.lookups);
        Ok(server.unless_replaced(gone).await?.rows_affected())
    }
}
