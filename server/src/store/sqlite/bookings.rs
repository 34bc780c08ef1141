//! Bookings in SQLite.

use airside_common::api::bookings::HistoryEntry;
use airside_common::locator::Locator;
use airside_common::time::Instant;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteTransaction;

use super::fault::{self, Fault};
use super::{Sqlite, idempotency};
use crate::features::bookings::command::{Command, Outcome};
use crate::features::bookings::decide::{Change, Stored, decide};
use crate::features::bookings::integrity::Violation;
use crate::features::bookings::store::{BookingStore, Filter, Page, StoreError};
use crate::features::bookings::writer;

mod facts;
mod integrity;
mod reading;
mod writes;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let kind = fault::kind(&error);
        let cause = Box::new(error);
        match kind {
            Fault::Data => Self::Data(cause),
            Fault::Full => Self::Full(cause),
            Fault::Unavailable => Self::Unavailable(cause),
        }
    }
}

/// A row that holds what no program of this release has written.
fn unreadable(what: impl Into<String>) -> sqlx::Error {
    sqlx::Error::Decode(what.into().into())
}

#[async_trait]
impl BookingStore for Sqlite {
    async fn execute(&self, batch: &[Command]) -> Result<Vec<Outcome>, StoreError> {
        let mut tx = self.write().await?;
        let outcomes = run(&mut tx, batch).await?;
        // A full disk cannot have written the frame that makes the commit valid; after any other fault, a failed
        // fsync above all, the commit may be found again when the database is opened next.
        self.commit(tx)
            .await
            .map_err(|error| match fault::kind(&error) {
                Fault::Full => StoreError::Full(Box::new(error)),
                Fault::Data | Fault::Unavailable => StoreError::Unknown(Box::new(error)),
            })?;
        Ok(outcomes)
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
        let rows: Vec<(i64, i64, String, String, String)> = sqlx::query_as(
            "SELECT h.version, h.at, u.username, h.action, h.detail
             FROM bookings b
             JOIN history h ON h.booking_id = b.id
             JOIN users u ON u.id = h.user_id
             WHERE b.locator = ?1 ORDER BY h.version",
        )
        .bind(locator.as_str())
        .fetch_all(self.readers())
        .await?;
        let entries: Result<Vec<_>, sqlx::Error> = rows
            .into_iter()
            .map(|(version, at, by, action, detail)| {
                Ok(HistoryEntry {
                    version: version.cast_unsigned(),
                    at: Instant(instant(at)?),
                    by: by.parse().map_err(|_| unreadable("users.username"))?,
                    action,
                    detail,
                })
            })
            .collect();
        Ok(entries?)
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

fn instant(micros: i64) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_microsecond(micros).map_err(|_| unreadable("a time beyond the calendar"))
}

/// Records first, then facts, then decisions, then what they write.
async fn run(
    tx: &mut SqliteTransaction<'_>,
    batch: &[Command],
) -> Result<Vec<Outcome>, sqlx::Error> {
    let mut known = idempotency::find(tx, batch).await?;
    let mut outcomes: Vec<Option<Outcome>> = batch
        .iter()
        .enumerate()
        .map(|(position, command)| {
            known.remove(&position).map(|record| {
                if record.fingerprint == Some(command.fingerprint) {
                    Outcome::Answered(record.answer)
                } else {
                    writer::mismatch()
                }
            })
        })
        .collect();
    let open: Vec<Command> = batch
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_none())
        .map(|(command, _)| command.clone())
        .collect();
    if !open.is_empty() {
        let (facts, last_id) = facts::read(tx, &open).await?;
        let decisions = decide(&facts, &open);
        let changes: Vec<(&Command, &Change)> = open
            .iter()
            .zip(&decisions)
            .filter_map(|(command, decision)| Some((command, decision.change.as_ref()?)))
            .collect();
        writes::write(tx, facts.now, last_id, &changes).await?;
        idempotency::keep(
            tx,
            facts.now,
            open.iter().zip(decisions.iter().map(|d| &d.outcome)),
        )
        .await?;
        let mut decided = decisions.into_iter().map(|decision| decision.outcome);
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
            *outcome = decided.next();
        }
    }
    outcomes
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| unreadable("fewer decisions than commands"))
}

#[cfg(test)]
mod tests;
