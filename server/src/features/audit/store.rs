//! Reading the audit log; it is written in the transactions of what it records.

use airside_common::api::audit::AuditEntry;
use async_trait::async_trait;

use crate::store::StoreError;

/// Which entries are wanted; all that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Older than this position.
    pub before: Option<i64>,
    /// Of this user.
    pub user: Option<String>,
    /// Of this action, such as `login.refused`.
    pub action: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// The audit log.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Entries, the newest first.
    async fn entries(&self, filter: &Filter) -> Result<Vec<AuditEntry>, StoreError>;
}

#[cfg(test)]
pub(crate) mod contract;
