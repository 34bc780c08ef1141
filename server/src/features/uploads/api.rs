//! Endpoints of uploads.

use airside_common::api::problem::Code;
use airside_common::api::uploads::{FindingKind, Upload, UploadPage};
use airside_common::money::parse_currency;
use airside_common::upload::{Sender, UploadId, UploadStatus};
use clap::ValueEnum;
use futures_util::stream::try_unfold;
use hyper::body::Bytes;
use poem::http::{HeaderValue, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, OpenApi};

use super::body::UploadBody;
use super::service::{Asked, Author, ReceiveError, Uploads};
use super::store::{Added, Repeat, UploadStoreError};
use crate::config::ImportSettings;
use crate::features::flights::api::page_size;
use crate::features::flights::import::checkpoint::KeptFinding;
use crate::features::flights::import::resumable::Effect;
use crate::files::FilesError;
use crate::formats::Format;
use crate::http::authentication::{AdminAuth, Caller};
use crate::http::body::JsonBytes;
use crate::http::context::RequestId;
use crate::http::problem::ProblemAnswer;

/// Findings that are read at once.
const PAGE: u32 = 1000;

/// Endpoints of uploads.
#[derive(Clone)]
pub struct UploadsApi {
    uploads: Uploads,
}

impl UploadsApi {
    /// Endpoints over a service.
    pub fn new(uploads: Uploads) -> Self {
        Self { uploads }
    }
}

impl From<UploadStoreError> for ProblemAnswer {
    fn from(error: UploadStoreError) -> Self {
        let text = error.to_string();
        match error {
            UploadStoreError::NotFound => Self::new(Code::NotFound, text),
            UploadStoreError::HasEnded(_) => Self::new(Code::Conflict, text),
            UploadStoreError::Store(error) => error.into(),
        }
    }
}

impl From<FilesError> for ProblemAnswer {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Full(_) => {
                Self::new(Code::StorageFull, "the disk is full; nothing was kept")
            }
            error => {
                Self::new(Code::Unavailable, "files cannot be kept now").because(error.to_string())
            }
        }
    }
}

impl From<ReceiveError> for ProblemAnswer {
    fn from(error: ReceiveError) -> Self {
        let text = error.to_string();
        match error {
            ReceiveError::Empty => Self::field("file", "is empty"),
            ReceiveError::TooLarge => Self::new(Code::PayloadTooLarge, text),
            ReceiveError::Packed => Self::new(Code::UnsupportedMediaType, text),
            ReceiveError::Files(error) => error.into(),
            ReceiveError::Store(error) => error.into(),
        }
    }
}

/// What became of a file that was sent.
#[derive(ApiResponse)]
pub enum UploadAnswer {
    /// It waits for a worker.
    #[oai(status = 202)]
    Queued(
        JsonBytes<Upload>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
    ),
    /// The same content was completed before, with the same settings: nothing was queued. This is the earlier upload, and
    /// `duplicate_of` names it.
    #[oai(status = 200)]
    Known(JsonBytes<Upload>),
}

fn author(caller: &Caller, request_id: &RequestId) -> Author {
    Author {
        user: Sender::User(caller.username.clone()),
        request_id: request_id.to_string(),
    }
}

/// What files do not say, as the request or else the settings have it.
fn unsaid(
    settings: &ImportSettings,
    currency: Option<String>,
    fares: Option<&str>,
) -> Result<ImportSettings, ProblemAnswer> {
    let mut unsaid = settings.clone();
    if let Some(currency) = currency {
        let currency = parse_currency(&currency)
            .map_err(|e| ProblemAnswer::field("currency", e.to_string()))?;
        currency.code().clone_into(&mut unsaid.currency);
    }
    if let Some(fares) = fares {
        let items = fares.split(',').map(str::trim);
        unsaid.fares = items
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect();
    }
    unsaid
        .defaults()
        .map_err(|error| ProblemAnswer::field("fares", error.to_string()))?;
    Ok(unsaid)
}

fn format(word: &str) -> Result<Format, ProblemAnswer> {
    Format::from_str(word, true)
        .map_err(|_| ProblemAnswer::field("format", "is one of airside, prototype, ssim"))
}

#[OpenApi(prefix_path = "/v1/admin")]
impl UploadsApi {
    /// Upload a file of flights
    ///
    /// Airside CSV, the prototype's CSV, or IATA SSIM chapter 7: as the body, or as the one field `file` of a form. The
    /// answer comes as soon as the file is kept; a worker merges it then, and `GET /v1/admin/uploads/{id}` tells how far it
    /// is. A file that was completed before, with the same settings, is not merged again (200, which names the earlier
    /// upload) unless `again` is true; a dry run always runs.
    #[expect(clippy::too_many_arguments, reason = "one a parameter of the endpoint")]
    #[oai(path = "/uploads", method = "post", operation_id = "createUpload")]
    async fn create(
        &self,
        caller: AdminAuth,
        request_id: RequestId,
        /// Only tell what the file would change.
        dry_run: Query<Option<bool>>,
        /// The file's format: airside, prototype or ssim; absent: the one that its first line tells.
        format: Query<Option<String>>,
        /// The file's name, for people.
        filename: Query<Option<String>>,
        /// Fares of new flights of files that have none: `224.78` for every cabin, `business=899.00` for one, with commas
        /// between them; absent: those of the server's settings.
        fares: Query<Option<String>>,
        /// The currency of these fares, and of prices in files that name none; absent: that of the server's settings.
        currency: Query<Option<String>>,
        /// Merge it although the same was completed before.
        again: Query<Option<bool>>,
        body: UploadBody,
    ) -> Result<UploadAnswer, ProblemAnswer> {
        let mut body = body;
        let mut asked = Asked {
            filename: filename.0,
            format: format.0.as_deref().map(self::format).transpose()?,
            unsaid: unsaid(self.uploads.unsaid(), currency.0, fares.0.as_deref())?,
            effect: if dry_run.0 == Some(true) {
                Effect::DryRun
            } else {
                Effect::Merge
            },
            repeat: if again.0 == Some(true) {
                Repeat::Again
            } else {
                Repeat::No
            },
            fetched: None,
        };
        let in_form = body.filename().await?;
        asked.filename = asked.filename.or(in_form);
        let mut receiving = self.uploads.receive().await?;
        while let Some(bytes) = body.next().await? {
            receiving.take(bytes).await?;
        }
        let author = author(&caller.0, &request_id);
        match receiving.finish(asked, author).await? {
            Added::Queued(upload) => {
                let location = format!("/v1/admin/uploads/{}", upload.id);
                Ok(UploadAnswer::Queued(JsonBytes::of(&upload)?, location))
            }
            Added::Known(mut upload) => {
                upload.duplicate_of = Some(upload.id);
                Ok(UploadAnswer::Known(JsonBytes::of(&upload)?))
            }
        }
    }

    /// Uploads, the newest first
    #[oai(path = "/uploads", method = "get", operation_id = "listUploads")]
    async fn list(
        &self,
        _caller: AdminAuth,
        /// Those of this status.
        status: Query<Option<UploadStatus>>,
        /// The most items: 1 to 100.
        limit: Query<Option<u32>>,
        /// Where the last answer ended.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<UploadPage>, ProblemAnswer> {
        let before = cursor.0.map(|text| text.parse::<UploadId>()).transpose();
        let before = before.map_err(|_| {
            ProblemAnswer::field("cursor", "take it from the answer before, unchanged")
        })?;
        let limit = page_size(limit.0)?;
        JsonBytes::of(&self.uploads.list(status.0, before, limit).await?)
    }

    /// One upload
    ///
    /// Its figures grow while a worker is at it.
    #[oai(path = "/uploads/:id", method = "get", operation_id = "readUpload")]
    async fn upload(
        &self,
        _caller: AdminAuth,
        /// The upload.
        id: Path<UploadId>,
    ) -> Result<JsonBytes<Upload>, ProblemAnswer> {
        JsonBytes::of(&self.uploads.upload(id.0).await?)
    }

    /// What was found in a file
    ///
    /// As CSV with line, column, reason and value; the first 100,000 findings of an upload are kept, for as long as its
    /// file. No cell of it is a formula.
    #[oai(
        path = "/uploads/:id/errors",
        method = "get",
        operation_id = "readUploadErrors"
    )]
    async fn errors(
        &self,
        _caller: AdminAuth,
        /// The upload.
        id: Path<UploadId>,
        /// Rows that were not taken (absent), notes, or flights of the season that the file does not have.
        kind: Query<Option<FindingKind>>,
    ) -> Result<FindingsCsv, ProblemAnswer> {
        let kind = kind.0.unwrap_or(FindingKind::Rejected);
        let first = self.uploads.findings(id.0, kind, None, PAGE).await?;
        let text = table([["line", "column", "reason", "value"].map(str::to_owned)])?;
        let state = (self.uploads.clone(), Some(first), text);
        let id = id.0;
        let pages = try_unfold(state, move |(uploads, page, mut text)| async move {
            let Some(page) = page else {
                return Ok::<_, std::io::Error>(None);
            };
            let failed = |error: String| std::io::Error::other(error);
            let next = match page.last() {
                Some((last, _)) if page.len() == PAGE as usize => {
                    let next = uploads.findings(id, kind, Some(*last), PAGE).await;
                    Some(next.map_err(|error| failed(error.to_string()))?)
                }
                _ => None,
            };
            let rows = page.into_iter().map(|(_, finding)| cells(finding));
            text.extend(table(rows).map_err(|error| failed(error.to_string()))?);
            Ok(Some((Bytes::from(text), (uploads, next, Vec::new()))))
        });
        Ok(FindingsCsv {
            body: Body::from_bytes_stream(pages),
            name: format!("{id}.{}.csv", kind.word()),
        })
    }

    /// Stop an upload
    ///
    /// One that waits is stopped at once, one that a worker is at behind its present chunk. What was merged before stays,
    /// and `error` says how much of it was. Stopping it again changes nothing.
    #[oai(
        path = "/uploads/:id/cancel",
        method = "post",
        operation_id = "cancelUpload"
    )]
    async fn cancel(
        &self,
        caller: AdminAuth,
        request_id: RequestId,
        /// The upload.
        id: Path<UploadId>,
    ) -> Result<JsonBytes<Upload>, ProblemAnswer> {
        let author = author(&caller.0, &request_id);
        JsonBytes::of(&self.uploads.stop(id.0, &author).await?)
    }
}

fn cells(finding: KeptFinding) -> [String; 4] {
    let line = finding
        .line
        .map_or_else(String::new, |line| line.to_string());
    [line, finding.column, finding.reason, finding.value]
}

/// Rows as CSV.
fn table(rows: impl IntoIterator<Item = [String; 4]>) -> Result<Vec<u8>, ProblemAnswer> {
    let failed = |error: String| ProblemAnswer::new(Code::Internal, error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(row)
            .map_err(|error| failed(error.to_string()))?;
    }
    writer
        .into_inner()
        .map_err(|error| failed(error.to_string()))
}

/// Findings, as they are read.
pub struct FindingsCsv {
    body: Body,
    name: String,
}

impl Payload for FindingsCsv {
    const CONTENT_TYPE: &'static str = "text/csv";

    fn schema_ref() -> MetaSchemaRef {
        String::schema_ref()
    }
}

impl IntoResponse for FindingsCsv {
    fn into_response(self) -> Response {
        let mut response = Response::from(self.body);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8"),
        );
        let disposition = format!("attachment; filename=\"{}\"", self.name);
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        response
    }
}

impl ApiResponse for FindingsCsv {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The findings.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: Self::CONTENT_TYPE,
                    schema: Self::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}
