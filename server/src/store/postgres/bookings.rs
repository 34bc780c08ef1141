//! Bookings in PostgreSQL.
//!
//! A batch is one READ COMMITTED transaction whose locks are always taken in one order: idempotency keys by user and key,
//! bookings by their numbers, inventory by flight and cabin. What decides is read in later statements, which see all that
//! was committed before the locks were free.

use airside_common::api::bookings::HistoryEntry;
use airside_common::locator::Locator;
use async_trait::async_trait;
use jiff::SignedDuration;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use sqlx::{Connection, PgPool, PgTransaction, Postgres as Db};

use super::idempotency::Answers;
use super::replicas::MayBeOld;
use super::{Postgres, idempotency, position};
use crate::consistency;
use crate::features::bookings::command::{Command, Outcome};
use crate::features::bookings::decide::{Stored, decide};
use crate::features::bookings::integrity::Violation;
use crate::features::bookings::store::{BookingStore, Filter, Page, StoreError};
use crate::store::rows::bookings::answers::Batch;
use crate::store::rows::bookings::stored::{HistoryRow, entry};
use crate::store::rows::bookings::wanted::Wanted;
use crate::store::rows::bookings::written::{Written, changes};

mod facts;
mod integrity;
mod locks;
mod reading;
mod writes;

#[async_trait]
impl BookingStore for Postgres {
    fn batches_at_once(&self) -> usize {
        // One is decided while the other waits for the disk.
        2
    }

    async fn execute(&self, batch: &[Command]) -> Result<Vec<Outcome>, StoreError> {
        let serving = self.primary.serving();
        // The writer has few batches at work: none may wait for a server that will never answer.
        let mut connection = serving.unless_replaced(serving.lookups.acquire()).await?;
        let (tx, outcomes) = serving
            .unless_replaced(async {
                let mut tx = connection.begin().await?;
                let outcomes = run(&mut tx, batch).await?;
                Ok::<_, StoreError>((tx, outcomes))
            })
            .await?;
        serving
            .unless_replaced(tx.commit())
            .await
            .map_err(of_commit)?;
        if consistency::is_asked_for() {
            // One look for all commands, on the connection that is at hand.
            consistency::reached(self.moment(position(&mut connection)).await);
        }
        Ok(outcomes)
    }

    async fn booking(&self, locator: Locator) -> Result<Option<Stored>, StoreError> {
        Ok(reading::by_locators(&self.primary(), &[locator])
            .await?
            .pop())
    }

    async fn bookings(&self, filter: &Filter, page: Page) -> Result<Vec<Stored>, StoreError> {
        // Who asks for it wants to know whether a write has arrived, and may write again.
        if filter.operation.is_some() {
            return Ok(reading::list(&self.primary(), filter, page).await?);
        }
        let read = |mut connection: PoolConnection<Db>| async move {
            reading::list(&mut *connection, filter, page).await
        };
        Ok(self.read(MayBeOld::Bookings, read).await?)
    }

    async fn history(&self, locator: Locator) -> Result<Vec<HistoryEntry>, StoreError> {
        let read = |mut connection: PoolConnection<Db>| async move {
            sqlx::query_as(
                "SELECT h.version, h.at, u.username, h.action, h.detail
                 FROM bookings b
                 JOIN history h ON h.booking_id = b.id
                 JOIN users u ON u.id = h.user_id
                 WHERE b.locator = $1 ORDER BY h.version",
            )
            .bind(locator.as_str())
            .fetch_all(&mut *connection)
            .await
        };
        let rows: Vec<HistoryRow> = self.read(MayBeOld::History, read).await?;
        Ok(rows.into_iter().map(entry).collect::<Result<_, _>>()?)
    }

    async fn forget_keys(&self, age: SignedDuration, limit: u32) -> Result<u64, StoreError> {
        let forget = |pool: PgPool| async move {
            let mut tx = pool.begin().await?;
            let now = facts::now(&mut tx).await?;
            let gone = idempotency::forget_before(&mut tx, now - age, limit).await?;
            tx.commit().await?;
            Ok(gone)
        };
        Ok(self.on_primary(forget).await?)
    }

    async fn violations(&self) -> Result<Vec<Violation>, StoreError> {
        Ok(integrity::violations(&self.primary()).await?)
    }
}

/// Keys first, then locks, then facts, then decisions, then what they write.
async fn run(tx: &mut PgTransaction<'_>, commands: &[Command]) -> Result<Vec<Outcome>, StoreError> {
    let batch = Batch::new(commands, idempotency::claim(tx, commands).await?);
    if batch.open.is_empty() {
        return Ok(batch.finish(Vec::new())?);
    }
    let wanted = Wanted::by(&batch.open);
    let locked = locks::take(tx, &wanted).await?;
    let draw = || Locator::random(&mut rand::rng());
    let (facts, ids) = facts::read(tx, &wanted, &locked, draw).await?;
    let decisions = decide(&facts, &batch.open);
    let changes = changes(&batch.open, &decisions);
    let written = Written::of(&changes, ids, facts.now)?;
    let outcomes = decisions.iter().map(|decision| &decision.outcome);
    let answers = Answers::of(batch.open.iter().zip(outcomes));
    writes::write(tx, facts.now, &written, answers).await?;
    Ok(batch.finish(decisions)?)
}

/// What is known after a commit that met an error. A server that refuses it says so and has rolled back; one that ends the
/// session, or is not heard of any more, may have committed before.
fn of_commit(error: sqlx::Error) -> StoreError {
    let severity = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        .map(PgDatabaseError::severity);
    match severity {
        Some(PgSeverity::Error) => error.into(),
        _ => StoreError::Unknown(Box::new(error)),
    }
}

#[cfg(test)]
mod tests;
