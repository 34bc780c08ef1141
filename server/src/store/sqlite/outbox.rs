//! The outbox: events written in the transaction that made them, until every process has had the time to read them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use airside_common::event::Event;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteTransaction;

use super::clock::while_of;
use super::{Sqlite, micros};
use crate::outbox::{Lane, Lanes, Outbox, OutboxError, Page};
use crate::store::rows::outbox::{OutboxRow, lanes, page};

/// Leaves events in the outbox of an open transaction, in order; they can be read once it has committed
/// (see [`Sqlite::commit`], which wakes who follows the outbox).
pub(crate) async fn append(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    events: &[Event],
) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let payloads =
        serde_json::to_string(events).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query("INSERT INTO outbox (payload, created_at) SELECT value, ?1 FROM json_each(?2)")
        .bind(micros(now))
        .bind(payloads)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Committed events that were not relayed yet.
pub(super) async fn depth(readers: &SqlitePool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) FROM outbox WHERE id > (SELECT min(relayed) FROM outbox_lanes)",
    )
    .fetch_one(readers)
    .await
}

#[async_trait]
impl Outbox for Sqlite {
    async fn present(&self) -> Result<i64, OutboxError> {
        Ok(sqlx::query_scalar(
            "SELECT max(pruned, coalesce((SELECT max(id) FROM outbox), 0)) FROM outbox_progress",
        )
        .fetch_one(self.readers())
        .await?)
    }

    async fn read_after(&self, position: i64, limit: u32) -> Result<Page, OutboxError> {
        let rows: Vec<OutboxRow> = sqlx::query_as(
            "SELECT progress.pruned, max(progress.pruned, coalesce((SELECT max(id) FROM outbox), 0)),
                    event.id, event.payload, event.created_at
             FROM outbox_progress AS progress
             LEFT JOIN (
                 SELECT id, payload, created_at FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2
             ) AS event ON TRUE
             ORDER BY event.id",
        )
        .bind(position)
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        Ok(page(rows)?)
    }

    async fn appended(&self) {
        self.appended.notified().await;
    }

    fn lanes(&self) -> Box<dyn Lanes> {
        Box::new(ProcessLanes {
            database: self.clone(),
            lock: None,
        })
    }
}

/// All lanes: one process of the machine has them, by a lock that ends with it.
struct ProcessLanes {
    database: Sqlite,
    lock: Option<File>,
}

impl ProcessLanes {
    fn try_lock(&self) -> Result<Option<File>, OutboxError> {
        let path = &self.database.relay_lock;
        let failed = |source| OutboxError::Lock {
            path: path.to_path_buf(),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[async_trait]
impl Lanes for ProcessLanes {
    async fn share(&mut self) -> Result<BTreeMap<Lane, i64>, OutboxError> {
        if self.lock.is_none() {
            self.lock = self.try_lock()?;
        }
        if self.lock.is_none() {
            return Ok(BTreeMap::new());
        }
        let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT lane, relayed FROM outbox_lanes")
            .fetch_all(self.database.readers())
            .await?;
        Ok(lanes(rows))
    }

    async fn relayed(&mut self, lanes: &BTreeMap<Lane, i64>) -> Result<(), OutboxError> {
        if self.lock.is_none() || lanes.is_empty() {
            return Ok(());
        }
        let pairs: Vec<(u8, i64)> = lanes
            .iter()
            .map(|(lane, at)| (lane.number(), *at))
            .collect();
        let pairs = serde_json::to_string(&pairs).map_err(|e| sqlx::Error::Encode(e.into()))?;
        let mut tx = self.database.write_again().await?;
        sqlx::query(
            "UPDATE outbox_lanes SET relayed = given.value ->> 1
             FROM json_each(?1) AS given
             WHERE lane = given.value ->> 0 AND relayed < given.value ->> 1",
        )
        .bind(pairs)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn prune(&mut self, retention: Duration, most: u32) -> Result<u64, OutboxError> {
        if self.lock.is_none() {
            return Ok(0);
        }
        let retention = while_of(retention);
        // The writer is not bothered where there is nothing to do.
        let old: Option<i64> = sqlx::query_scalar(
            "SELECT max(id)
             FROM (SELECT id, published_at FROM outbox ORDER BY id LIMIT ?2)
             WHERE published_at <= CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000 - ?1
               AND id <= (SELECT min(relayed) FROM outbox_lanes)",
        )
        .bind(retention)
        .bind(most)
        .fetch_one(self.database.readers())
        .await?;
        let Some(old) = old else {
            return Ok(0);
        };
        let mut tx = self.database.write().await?;
        let deleted = sqlx::query("DELETE FROM outbox WHERE id <= ?1")
            .bind(old)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE outbox_progress SET relayed = max(relayed, ?1), pruned = max(pruned, ?1)",
        )
        .bind(old)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(deleted.rows_affected())
    }

    async fn leave(self: Box<Self>) {}
}
