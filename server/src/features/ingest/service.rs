//! What admins do with sources. No HTTP and no SQL.

use std::sync::Arc;

use airside_common::api::ingest::{IngestSource, IngestSourcePage};
use airside_common::ingest::SourceName;

use super::store::{Change, IngestStore, IngestStoreError};
use crate::clock::SharedClock;
use crate::features::audit::entry::Author;
use crate::store::StoreError;

/// Sources, as admins see and change them: what they want is written down, and whoever polls looks for it every second.
#[derive(Clone)]
pub struct Sources {
    store: Arc<dyn IngestStore>,
    clock: SharedClock,
}

impl Change {
    /// What the audit log calls it.
    fn action(self) -> &'static str {
        match self {
            Self::Pause => "ingest.paused",
            Self::Resume => "ingest.resumed",
            Self::Poll => "ingest.polled",
        }
    }
}

impl Sources {
    /// Sources of a store.
    pub fn new(store: Arc<dyn IngestStore>, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// All of them, by name.
    pub async fn list(&self) -> Result<IngestSourcePage, StoreError> {
        Ok(IngestSourcePage {
            items: self.store.sources().await?,
            next_cursor: None,
        })
    }

    /// Pauses, resumes or polls one.
    pub async fn change(
        &self,
        source: &SourceName,
        change: Change,
        author: &Author,
    ) -> Result<IngestSource, IngestStoreError> {
        let audit = author.did(change.action(), source.to_string());
        let now = self.clock.now();
        self.store.change_source(source, change, now, audit).await
    }
}
