//! Bookings in PostgreSQL.
//!
//! Who waits for what a batch gives back is found before anything is locked; who comes later is seen by whoever looks next.
//! A batch is one READ COMMITTED transaction whose locks are always taken in one order: bookings by their numbers, inventory
//! by flight and cabin, and in the end, where their answers are kept, idempotency keys by user and key. What decides is read
//! in a later statement than the locks, which sees all that was committed before they were free.

use airside_common::api::bookings::HistoryEntry;
use airside_common::locator::Locator;
use async_trait::async_trait;
use jiff::SignedDuration;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use sqlx::{PgConnection, PgPool, Postgres as Db};

use super::idempotency::Answers;
use super::replicas::MayBeOld;
use super::{Postgres, idempotency};
use crate::consistency;
use crate::features::bookings::command::{Command, Duty, Outcome};
use crate::features::bookings::decide::{Stored, decide};
use crate::features::bookings::integrity::Violation;
use crate::features::bookings::store::{BookingStore, Filter, Look, Page, StoreError};
use crate::store::rows::bookings::answers::Batch;
use crate::store::rows::bookings::stored::{HistoryRow, entry};
use crate::store::rows::bookings::wanted::Wanted;
use crate::store::rows::bookings::written::{Written, changes};

mod columns;
mod due;
mod facts;
mod integrity;
mod locks;
mod reading;
mod transaction;
mod waiting;
mod writes;

pub(super) use reading::by_locators;

use transaction::Transaction;

/// Batches of a process at once: some are decided, or wait for the disk, while others are written.
pub(super) const BATCHES: u32 = 4;

#[async_trait]
impl BookingStore for Postgres {
    fn batches_at_once(&self) -> usize {
        BATCHES as usize
    }

    async fn execute(&self, batch: &[Command]) -> Result<Vec<Outcome>, StoreError> {
        let serving = self.primary.serving();
        // The writer has few batches at work: none may wait for a server that will never answer.
        let mut session = serving.unless_replaced(serving.lookups.acquire()).await?;
        let (outcomes, position) = loop {
            let begun = Transaction::begin(session);
            let mut transaction = serving.unless_replaced(begun).await?;
            let done = run(transaction.connection()?, batch);
            match serving.unless_replaced(done).await {
                Ok(outcomes) => {
                    let committed = serving.unless_replaced(transaction.commit()).await;
                    break (outcomes, committed.map_err(of_commit)?);
                }
                Err(error) => {
                    session = serving.unless_replaced(transaction.roll_back()).await?;
                    // A key that is taken is known by now, and the work begins anew.
                    if !idempotency::is_taken(&error) {
                        return Err(error.into());
                    }
                }
            }
        };
        self.calls.committed();
        consistency::reached(self.moment(position));
        Ok(outcomes)
    }

    async fn due(&self, look: Look<'_>, limit: u32) -> Result<Vec<Duty>, StoreError> {
        let serving = self.primary.serving();
        let look = due::duties(&serving.lookups, look, limit);
        Ok(serving.unless_replaced(look).await?)
    }

    async fn settle_changes(&self) -> Result<u64, StoreError> {
        let serving = self.primary.serving();
        let settle = async {
            let lookups = &serving.lookups;
            let settled: i64 = sqlx::query_scalar(due::SETTLED).fetch_one(lookups).await?;
            if settled == 0 {
                return Ok(0);
            }
            let done = sqlx::query(due::SETTLE).execute(lookups).await?;
            Ok::<_, sqlx::Error>(done.rows_affected())
        };
        Ok(serving.unless_replaced(settle).await?)
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
                 LEFT JOIN users u ON u.id = h.user_id
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

/// Locks first, then facts, then decisions, then what they write. Commands whose keys turn out to be known are answered from
/// their records.
async fn run(tx: &mut PgConnection, commands: &[Command]) -> Result<Vec<Outcome>, sqlx::Error> {
    let wanted = Wanted::by(commands);
    let waiting = waiting::who_may_have_seats(tx, &wanted).await?;
    let locked = locks::take(tx, &wanted, &waiting).await?;
    let draw = || Locator::random(&mut rand::rng());
    let known = facts::read(tx, commands, &wanted, waiting, &locked, draw).await?;
    let batch = Batch::new(commands, known.answers);
    if batch.open.is_empty() {
        return batch.finish(Vec::new());
    }
    let (facts, ids) = (known.facts, known.ids);
    let decisions = decide(&facts, &batch.open);
    let changes = changes(&decisions);
    let written = Written::of(&changes, ids)?;
    let outcomes = decisions.iter().map(|decision| &decision.outcome);
    let answers = Answers::of(batch.open.iter().zip(outcomes));
    writes::write(tx, facts.now, &written, answers).await?;
    batch.finish(decisions)
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
