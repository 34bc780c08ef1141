//! The outbox: events written in the transaction that made them, until the relay has published them.
//!
//! A row's id is drawn before its commit, so that a late commit has a low one, and a reader that goes by it would skip the
//! row. So readers go by positions, which are given to rows that are committed: in the order of ids, after all that were
//! given before. Where two transactions write of the same booking or flight, the second waits for the first's locks before
//! it draws its ids, and so their events keep their order.

use airside_common::event::Event;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgTransaction;

use super::Postgres;
use super::calls::CHANNEL;
use crate::bus::Envelope;
use crate::relay::{Outbox, OutboxError};
use crate::store::rows::instant::StoredInstant;

/// The advisory lock of who gives positions ("outbox" in ASCII).
const POSITIONS_LOCK: i64 = 0x6f75_7462_6f78;

/// Leaves events in the outbox of an open transaction, in order; they are published once it has committed, which also calls
/// the relay.
pub(crate) async fn append(
    tx: &mut PgTransaction<'_>,
    now: Timestamp,
    events: &[Event],
) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    let payloads: Vec<String> = events
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO outbox (payload, created_at)
         SELECT payload, $1 FROM unnest($2::text[]) WITH ORDINALITY AS e (payload, at) ORDER BY at",
    )
    .bind(StoredInstant::from(now))
    .bind(payloads)
    .execute(&mut **tx)
    .await?;
    sqlx::query("SELECT pg_notify($1, '')")
        .bind(CHANNEL)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Postgres {
    /// Gives positions to committed events that have none. One process at a time does it: who finds another at work waits
    /// for it, and then finds the rest.
    async fn give_positions(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.write().await?;
        // A lock of the table would have to wait for its vacuum.
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(POSITIONS_LOCK)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE outbox SET position = given.position
             FROM (SELECT id, nextval('outbox_positions') AS position
                   FROM (SELECT id FROM outbox WHERE position IS NULL ORDER BY id) AS open) AS given
             WHERE outbox.id = given.id",
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}

#[async_trait]
impl Outbox for Postgres {
    async fn read_after(&self, position: i64, limit: u32) -> Result<Vec<Envelope>, OutboxError> {
        let open: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM outbox WHERE position IS NULL)")
                .fetch_one(self.readers())
                .await?;
        if open {
            self.give_positions().await?;
        }
        let rows: Vec<(i64, String, StoredInstant)> = sqlx::query_as(
            "SELECT position, payload, created_at FROM outbox
             WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .bind(position)
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await?;
        rows.into_iter()
            .map(|(id, payload, at)| {
                let event = serde_json::from_str(&payload)
                    .map_err(|source| OutboxError::Unreadable { id, source })?;
                let at = at.timestamp()?;
                Ok(Envelope { id, at, event })
            })
            .collect()
    }

    async fn prune(&self, position: i64) -> Result<u64, OutboxError> {
        let gone = sqlx::query("DELETE FROM outbox WHERE position <= $1")
            .bind(position)
            .execute(self.readers())
            .await?;
        Ok(gone.rows_affected())
    }

    async fn appended(&self) {
        self.calls.next().await;
    }
}
