//! The audit log on SQLite.

use jiff::Timestamp;
use sqlx::sqlite::SqliteTransaction;

use super::micros;
use crate::features::audit::entry::NewEntry;

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
