//! The endpoint of the audit log.

use std::sync::Arc;

use airside_common::api::audit::AuditPage;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;

use super::store::{AuditStore, Filter};
use crate::features::flights::api::page_size;
use crate::http::authentication::AdminAuth;
use crate::http::body::JsonBytes;
use crate::http::problem::ProblemAnswer;

/// The endpoint of the audit log.
#[derive(Clone)]
pub struct AuditApi {
    store: Arc<dyn AuditStore>,
}

impl AuditApi {
    /// The endpoint over a store.
    pub fn new(store: Arc<dyn AuditStore>) -> Self {
        Self { store }
    }
}

#[OpenApi(prefix_path = "/v1/admin")]
impl AuditApi {
    /// Read the audit log
    ///
    /// Logins, logouts, refused logins and what admins did, the newest first. Entries are never changed or deleted.
    #[oai(path = "/audit", method = "get", operation_id = "listAuditEntries")]
    async fn list(
        &self,
        _admin: AdminAuth,
        /// Acts of this user.
        user: Query<Option<String>>,
        /// Acts of this kind, such as `login.refused`.
        action: Query<Option<String>>,
        /// Entries of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<AuditPage>, ProblemAnswer> {
        let limit = u32::from(page_size(limit.0)?);
        let before = cursor
            .0
            .map(|text| text.parse::<i64>())
            .transpose()
            .map_err(|_| ProblemAnswer::field("cursor", "take it from the page before"))?;
        let mut items = self
            .store
            .entries(&Filter {
                before,
                user: user.0,
                action: action.0,
                limit: limit + 1,
            })
            .await?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| last.id.to_string());
        JsonBytes::of(&AuditPage { items, next_cursor })
    }
}
