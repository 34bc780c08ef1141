//! Places from which files are fetched.

use std::time::Duration;

use airside_common::api::ingest::{IngestSource, IngestSourcePage};
use airside_common::ingest::SourceName;
use reqwest::Method;

use super::{Api, ApiError, Call};
use crate::store::screen::sources::SourceChange;

/// How long their state is waited for: who looks at it would rather know that nobody answers.
const PATIENCE: Duration = Duration::from_secs(10);

impl Api {
    /// All sources, by name.
    pub async fn sources(&self) -> Result<IngestSourcePage, ApiError> {
        let mut call = Call::get("/v1/admin/ingest/sources");
        call.limit = Some(PATIENCE);
        self.call(&call).await
    }

    /// Pauses, resumes or polls a source; how it stands then.
    pub async fn change_source(
        &self,
        name: &SourceName,
        change: SourceChange,
    ) -> Result<IngestSource, ApiError> {
        let path = format!("/v1/admin/ingest/sources/{name}/{}", change.word());
        self.call(&Call::new(Method::POST, path)).await
    }
}
