//! What admins see of mails.

use std::sync::Arc;

use airside_common::api::mails::{MailPage, MailState};
use airside_common::locator::Locator;

use super::store::{MailFilter, MailStore};
use crate::store::StoreError;

/// Mails that wait, were sent or were given up.
#[derive(Clone)]
pub struct Mails {
    store: Arc<dyn MailStore>,
}

impl Mails {
    /// Those of a store.
    pub fn new(store: Arc<dyn MailStore>) -> Self {
        Self { store }
    }

    /// A page, the newest first.
    pub async fn list(
        &self,
        locator: Option<Locator>,
        state: Option<MailState>,
        before: Option<i64>,
        limit: u8,
    ) -> Result<MailPage, StoreError> {
        let filter = MailFilter {
            before,
            locator,
            state,
            limit: u32::from(limit) + 1,
        };
        let mut items = self.store.mails(&filter).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let next_cursor = items.last().filter(|_| more).map(|last| last.id.clone());
        Ok(MailPage { items, next_cursor })
    }
}
