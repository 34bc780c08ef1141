//! Endpoints of sources.

use airside_common::api::ingest::{IngestSource, IngestSourcePage};
use airside_common::api::problem::Code;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use super::service::Sources;
use super::store::{Change, IngestStoreError};
use crate::features::audit::entry::Author;
use crate::http::authentication::AdminAuth;
use crate::http::body::JsonBytes;
use crate::http::context::RequestId;
use crate::http::problem::ProblemAnswer;

/// Endpoints of sources.
#[derive(Clone)]
pub struct IngestApi {
    sources: Sources,
}

impl From<IngestStoreError> for ProblemAnswer {
    fn from(error: IngestStoreError) -> Self {
        let text = error.to_string();
        match error {
            IngestStoreError::NotFound => Self::new(Code::NotFound, text),
            IngestStoreError::Paused => Self::new(Code::Conflict, text),
            IngestStoreError::Store(error) => error.into(),
        }
    }
}

impl IngestApi {
    /// Endpoints over a service.
    pub fn new(sources: Sources) -> Self {
        Self { sources }
    }

    async fn change(
        &self,
        admin: &AdminAuth,
        request: &RequestId,
        name: &str,
        change: Change,
    ) -> Result<JsonBytes<IngestSource>, ProblemAnswer> {
        let name = name.parse().map_err(|_| IngestStoreError::NotFound)?;
        let author = Author::of(&admin.0, request);
        JsonBytes::of(&self.sources.change(&name, change, &author).await?)
    }
}

#[OpenApi(prefix_path = "/v1/admin/ingest")]
impl IngestApi {
    /// Places from which files are fetched
    ///
    /// They are in the settings of the processes of the role `ingest`; here is how each stands.
    #[oai(path = "/sources", method = "get", operation_id = "listIngestSources")]
    async fn list(&self, _admin: AdminAuth) -> Result<JsonBytes<IngestSourcePage>, ProblemAnswer> {
        JsonBytes::of(&self.sources.list().await?)
    }

    /// Pause a source
    ///
    /// A poll that has begun ends behind its present file. Pausing again changes nothing.
    #[oai(
        path = "/sources/:name/pause",
        method = "post",
        operation_id = "pauseIngestSource"
    )]
    async fn pause(
        &self,
        admin: AdminAuth,
        request: RequestId,
        /// The source's name.
        name: Path<String>,
    ) -> Result<JsonBytes<IngestSource>, ProblemAnswer> {
        self.change(&admin, &request, &name.0, Change::Pause).await
    }

    /// Resume a source
    ///
    /// It is polled at once. Resuming one that is not paused changes nothing.
    #[oai(
        path = "/sources/:name/resume",
        method = "post",
        operation_id = "resumeIngestSource"
    )]
    async fn resume(
        &self,
        admin: AdminAuth,
        request: RequestId,
        /// The source's name.
        name: Path<String>,
    ) -> Result<JsonBytes<IngestSource>, ProblemAnswer> {
        self.change(&admin, &request, &name.0, Change::Resume).await
    }

    /// Poll a source now
    ///
    /// A process looks at it within a second, or as soon as the poll that is under way has ended; also where it would be left
    /// alone for longer because it failed. A file that was not there at the poll before is taken at the next one.
    #[oai(
        path = "/sources/:name/poll",
        method = "post",
        operation_id = "pollIngestSource"
    )]
    async fn poll(
        &self,
        admin: AdminAuth,
        request: RequestId,
        /// The source's name.
        name: Path<String>,
    ) -> Result<JsonBytes<IngestSource>, ProblemAnswer> {
        self.change(&admin, &request, &name.0, Change::Poll).await
    }
}
