//! Bookings in SQLite.

use airside_common::api::bookings::HistoryEntry;
use airside_common::locator::Locator;
use async_trait::async_trait;
use jiff::SignedDuration;
use sqlx::sqlite::SqliteTransaction;

use super::{Sqlite, idempotency};
use crate::features::bookings::command::{Command, Duty, Outcome};
use crate::features::bookings::decide::{Stored, decide};
use crate::features::bookings::integrity::Violation;
use crate::features::bookings::store::{BookingStore, Filter, Look, Page, StoreError};
use crate::store::fault::{self, Fault};
use crate::store::rows::bookings::answers::Batch;
use crate::store::rows::bookings::stored::{HistoryRow, entry};
use crate::store::rows::bookings::written::changes;

mod due;
mod facts;
mod integrity;
mod reading;
mod waiting;
mod writes;

pub(super) use reading::by_locators;

#[async_trait]
impl BookingStore for Sqlite {
    fn batches_at_once(&self) -> usize {
        1
    }

    async fn execute(&self, batch: &[Command]) -> Result<Vec<Outcome>, StoreError> {
        let mut tx = self.write().await?;
        let outcomes = run(&mut tx, batch).await?;
        // A full disk cannot have written the frame that makes the commit valid; after any other fault, a failed
        // fsync above all, the commit may be found again when the database is opened next.
        self.commit(tx)
            .await
            .map_err(|error| match fault::kind(&error) {
                Fault::Full => StoreError::Full(Box::new(error)),
                _ => StoreError::Unknown(Box::new(error)),
            })?;
        Ok(outcomes)
    }

    async fn due(&self, look: Look<'_>, limit: u32) -> Result<Vec<Duty>, StoreError> {
        Ok(due::duties(self.readers(), look, limit).await?)
    }

    async fn settle_changes(&self) -> Result<u64, StoreError> {
        let readers = self.readers();
        let settled: i64 = sqlx::query_scalar(due::SETTLED).fetch_one(readers).await?;
        if settled == 0 {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        let done = sqlx::query(due::SETTLE).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    async fn booking(&self, locator: Locator) -> Result<Option<Stored>, StoreError> {
        Ok(reading::by_locators(self.readers(), &[locator])
            .await?
            .pop())
    }

    async fn bookings(&self, filter: &Filter, page: Page) -> Result<Vec<Stored>, StoreError> {
        Ok(reading::list(self.readers(), filter, page).await?)
    }

    async fn history(&self, locator: Locator) -> Result<Vec<HistoryEntry>, StoreError> {
        let rows: Vec<HistoryRow> = sqlx::query_as(
            "SELECT h.version, h.at, u.username, h.action, h.detail
             FROM bookings b
             JOIN history h ON h.booking_id = b.id
             LEFT JOIN users u ON u.id = h.user_id
             WHERE b.locator = ?1 ORDER BY h.version",
        )
        .bind(locator.as_str())
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(entry).collect::<Result<_, _>>()?)
    }

    async fn forget_keys(&self, age: SignedDuration, limit: u32) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let (now, _) = facts::now_and_last_id(&mut tx).await?;
        let gone = idempotency::forget_before(&mut tx, now - age, limit).await?;
        tx.commit().await?;
        Ok(gone)
    }

    async fn violations(&self) -> Result<Vec<Violation>, StoreError> {
        Ok(integrity::violations(self.readers()).await?)
    }
}

/// Records first, then facts, then decisions, then what they write.
async fn run(
    tx: &mut SqliteTransaction<'_>,
    commands: &[Command],
) -> Result<Vec<Outcome>, sqlx::Error> {
    let batch = Batch::new(commands, idempotency::find(tx, commands).await?);
    if batch.open.is_empty() {
        return batch.finish(Vec::new());
    }
    let (facts, last_id) = facts::read(tx, &batch.open).await?;
    let decisions = decide(&facts, &batch.open);
    let changes = changes(&decisions);
    writes::write(tx, facts.now, last_id, &changes).await?;
    let outcomes = decisions.iter().map(|decision| &decision.outcome);
    idempotency::keep(tx, facts.now, batch.open.iter().zip(outcomes)).await?;
    batch.finish(decisions)
}

#[cfg(test)]
mod tests;
