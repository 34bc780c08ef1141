//! The audit log, as admins read it.

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// One entry; entries are never changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct AuditEntry {
    /// Position in the log.
    pub id: u64,
    /// When.
    pub at: Instant,
    /// Who: a user's name, or the name that was tried.
    pub user: String,
    /// The request that did it.
    pub request_id: String,
    /// What, such as `login`, `login.refused`, `user.created`, `flight.cancelled`.
    pub action: String,
    /// On what: a user, a flight.
    pub target: String,
    /// `ok` or the code of the refusal.
    pub outcome: String,
}

/// `GET /v1/admin/audit`, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct AuditPage {
    /// The entries.
    pub items: Vec<AuditEntry>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}
