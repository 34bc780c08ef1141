//! The audit log on SQLite.

use airside_common::api::audit::AuditEntry;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::SqliteTransaction;

use super::{Sqlite, micros};
use crate::features::audit::entry::NewEntry;
use crate::features::audit::store::{AuditStore, Filter};
use crate::store::StoreError;
use crate::store::rows::audit::EntryRow;

/// Records an act in the transaction that did it.
pub(crate) async fn append(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    entry: &NewEntry,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit (at, user, request_id, action, target, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(micros(now))
    .bind(&entry.user)
    .bind(&entry.request_id)
    .bind(entry.action)
    .bind(&entry.target)
    .bind(&entry.outcome)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[async_trait]
impl AuditStore for Sqlite {
    async fn entries(&self, filter: &Filter) -> Result<Vec<AuditEntry>, StoreError> {
        let rows: Vec<EntryRow> = sqlx::query_as(
            "SELECT id, at, user, request_id, action, target, outcome FROM audit
             WHERE id < ?1 AND (?2 IS NULL OR user = ?2) AND (?3 IS NULL OR action = ?3)
             ORDER BY id DESC LIMIT ?4",
        )
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(&filter.user)
        .bind(&filter.action)
        .bind(filter.limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }
}
