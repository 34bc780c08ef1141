//! The audit log as it is stored.

use airside_common::api::audit::AuditEntry;
use airside_common::time::Instant;
use sqlx::FromRow;

use super::instant::StoredInstant;

/// An entry.
#[derive(FromRow)]
pub(crate) struct EntryRow {
    id: i64,
    at: StoredInstant,
    user: String,
    request_id: String,
    action: String,
    target: String,
    outcome: String,
}

impl TryFrom<EntryRow> for AuditEntry {
    type Error = sqlx::Error;

    fn try_from(row: EntryRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id.cast_unsigned(),
            at: Instant(row.at.timestamp()?),
            user: row.user,
            request_id: row.request_id,
            action: row.action,
            target: row.target,
            outcome: row.outcome,
        })
    }
}
