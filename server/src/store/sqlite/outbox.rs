//! The outbox: events written in the transaction that made them, until the relay has published them.

use airside_common::event::Event;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::SqliteTransaction;

use super::{Sqlite, micros};
use crate::bus::Envelope;
use crate::relay::{Outbox, OutboxError};

/// Leaves events in the outbox of an open transaction, in order; they are published once it has committed
/// (see [`Sqlite::commit`], which wakes the relay).
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

#[async_trait]
impl Outbox for Sqlite {
    async fn read_after(&self, position: i64, limit: u32) -> Result<Vec<Envelope>, OutboxError> {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT id, payload, created_at FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2",
        )
        .bind(position)
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter()
            .map(|(id, payload, at)| {
                let event = serde_json::from_str(&payload)
                    .map_err(|source| OutboxError::Unreadable { id, source })?;
                let at = Timestamp::from_microsecond(at).unwrap_or_default();
                Ok(Envelope { id, at, event })
            })
            .collect()
    }

    async fn prune(&self, position: i64) -> Result<u64, OutboxError> {
        let mut tx = self.write().await?;
        let gone = sqlx::query("DELETE FROM outbox WHERE id <= ?1")
            .bind(position)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(gone.rows_affected())
    }

    async fn appended(&self) {
        self.appended.notified().await;
    }
}
