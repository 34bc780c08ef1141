//! The audit log on PostgreSQL.

use airside_common::api::audit::AuditEntry;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{PgTransaction, Postgres as Db};

use super::Postgres;
use super::replicas::MayBeOld;
use crate::features::audit::entry::NewEntry;
use crate::features::audit::store::{AuditStore, Filter};
use crate::store::StoreError;
use crate::store::rows::audit::EntryRow;
use crate::store::rows::instant::StoredInstant;

/// Records an act in the transaction that did it.
pub(crate) async fn append(
    tx: &mut PgTransaction<'_>,
    now: Timestamp,
    entry: &NewEntry,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        r#"INSERT INTO audit (at, "user", request_id, action, target, outcome)
           VALUES ($1, $2, $3, $4, $5, $6)"#,
    )
    .bind(StoredInstant::from(now))
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
impl AuditStore for Postgres {
    async fn entries(&self, filter: &Filter) -> Result<Vec<AuditEntry>, StoreError> {
        let read = |mut connection: PoolConnection<Db>| async move {
            sqlx::query_as(
                r#"SELECT id, at, "user", request_id, action, target, outcome FROM audit
                   WHERE id < $1 AND ($2::text IS NULL OR "user" = $2) AND ($3::text IS NULL OR action = $3)
                   ORDER BY id DESC LIMIT $4"#,
            )
            .bind(filter.before.unwrap_or(i64::MAX))
            .bind(&filter.user)
            .bind(&filter.action)
            .bind(i64::from(filter.limit))
            .fetch_all(&mut *connection)
            .await
        };
        let rows: Vec<EntryRow> = self.read(MayBeOld::Audit, read).await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }
}
