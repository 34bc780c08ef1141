//! Files on their way to the server, and tables from it.

use std::path::Path;
use std::time::Duration;

use airside_common::api::problem::{Code, Problem};
use airside_common::api::uploads::{FindingKind, Upload, UploadPage};
use airside_common::text::printable;
use airside_common::upload::UploadId;
use airside_common::user::Role;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde::Serialize;
use tokio::io::AsyncReadExt;

use super::calls::UploadQuery;
use super::{Api, ApiError, Call, intake, unreadable};
use crate::store::screen::uploads::FindingLine;

/// The longest that a file may be on its way.
const LONGEST: Duration = Duration::from_hours(2);

/// What is read and sent at once, in bytes.
const PART: usize = 128 * 1024;

/// Lines of a table that are shown; all of them go into a file.
const MOST_LINES: usize = 1000;

#[derive(Serialize)]
struct List<'a> {
    limit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct Kind {
    kind: FindingKind,
}

impl Api {
    /// Uploads, the newest first.
    pub async fn uploads(&self, cursor: Option<&str>) -> Result<UploadPage, ApiError> {
        let query = List { limit: 50, cursor };
        self.call(&Call::get("/v1/admin/uploads").query(&query)?)
            .await
    }

    /// One upload.
    pub async fn upload(&self, id: UploadId) -> Result<Upload, ApiError> {
        self.call(&Call::get(format!("/v1/admin/uploads/{id}")))
            .await
    }

    /// Stops an upload.
    pub async fn cancel_upload(&self, id: UploadId) -> Result<Upload, ApiError> {
        let call = Call::new(Method::POST, format!("/v1/admin/uploads/{id}/cancel"));
        self.call(&call).await
    }

    /// Sends a file, as it is read; tells how many bytes of how many are gone.
    pub async fn send_file(
        &self,
        path: &Path,
        query: &UploadQuery,
        progress: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<Upload, ApiError> {
        let here = |error: std::io::Error| {
            ApiError::Client(printable(&format!("{}: {error}", path.display())))
        };
        let file = tokio::fs::File::open(path).await.map_err(here)?;
        let total = file.metadata().await.map_err(here)?.len();
        // A file cannot be sent twice in one request: an access token that has expired is renewed before. Whoever may not
        // send one is told so here, since a server that refuses a file does not read it, and its answer can be lost.
        if self.me().await?.role != Role::Admin {
            let problem = Problem::new(Code::Forbidden, "uploads are for admins");
            return Err(ApiError::Problem {
                problem: Box::new(problem),
                retry_after: None,
            });
        }
        let session = self.session().ok_or(ApiError::LoggedOut)?;
        let parts = stream::try_unfold((file, 0), move |(mut file, mut sent)| {
            progress(sent, total);
            async move {
                let mut part = vec![0; PART];
                let count = file.read(&mut part).await?;
                part.truncate(count);
                sent += count as u64;
                Ok::<_, std::io::Error>((count > 0).then_some((part, (file, sent))))
            }
        });
        let call = Call::new(Method::POST, "/v1/admin/uploads").query(query)?;
        let request = self.request(&call, Some(&session.access_token)).await?;
        let request = request
            .header("content-type", "application/octet-stream")
            .timeout(LONGEST)
            .body(reqwest::Body::wrap_stream(parts.boxed()));
        let (status, body) = self.exchange(request).await?;
        intake::read(&body).map_err(|why| unreadable(status, why))
    }

    /// What was found in a file, as CSV.
    pub async fn upload_errors(
        &self,
        id: UploadId,
        kind: FindingKind,
    ) -> Result<Vec<u8>, ApiError> {
        self.me().await?;
        let session = self.session().ok_or(ApiError::LoggedOut)?;
        let call = Call::get(format!("/v1/admin/uploads/{id}/errors")).query(&Kind { kind })?;
        let request = self.request(&call, Some(&session.access_token)).await?;
        Ok(self.exchange(request).await?.1)
    }
}

/// The first lines of a table, freed of control characters.
pub(crate) fn lines_of(table: &[u8]) -> Result<Vec<FindingLine>, ApiError> {
    let mut reader = csv::Reader::from_reader(table);
    let rows = reader.records().take(MOST_LINES).map(|row| {
        let row = row.map_err(|error| unreadable(reqwest::StatusCode::OK, error.to_string()))?;
        let cell = |at| printable(row.get(at).unwrap_or_default());
        Ok(FindingLine {
            line: cell(0),
            column: cell(1),
            reason: cell(2),
            value: cell(3),
        })
    });
    rows.collect()
}
