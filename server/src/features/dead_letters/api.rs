//! Endpoints of dead letters, for admins.

use airside_common::api::dead_letters::{DeadLetterDetail, DeadLetterPage};
use airside_common::api::problem::Code;
use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::service::{DeadLetters, LetterError};
use crate::features::audit::entry::Author;
use crate::features::flights::api::page_size;
use crate::http::authentication::AdminAuth;
use crate::http::body::JsonBytes;
use crate::http::context::RequestId;
use crate::http::problem::ProblemAnswer;
use crate::messages::queues::QueueError;

/// Endpoints of dead letters.
#[derive(Clone)]
pub struct DeadLettersApi {
    letters: DeadLetters,
}

impl DeadLettersApi {
    /// Endpoints over a service.
    pub fn new(letters: DeadLetters) -> Self {
        Self { letters }
    }
}

impl From<LetterError> for ProblemAnswer {
    fn from(error: LetterError) -> Self {
        let text = error.to_string();
        match error {
            LetterError::NotFound => Self::new(Code::NotFound, text),
            LetterError::NoConsumer(_) => Self::new(Code::Conflict, text),
            LetterError::Refused => Self::new(Code::Unavailable, text),
            LetterError::Queue(QueueError::Store(error)) | LetterError::Store(error) => {
                error.into()
            }
            LetterError::Queue(_) => {
                Self::new(Code::Unavailable, "the message broker does not answer").because(text)
            }
        }
    }
}

/// Nothing more to say.
#[derive(ApiResponse)]
pub enum LetterGone {
    /// It is not here any more.
    #[oai(status = 204)]
    Gone,
}

fn number(id: &str) -> Result<i64, ProblemAnswer> {
    id.parse().map_err(|_| LetterError::NotFound.into())
}

#[OpenApi(prefix_path = "/v1/admin")]
impl DeadLettersApi {
    /// List messages that no consumer took
    ///
    /// A message is given up after four deliveries; the others go on. The newest come first.
    #[oai(
        path = "/dead-letters",
        method = "get",
        operation_id = "listDeadLetters"
    )]
    async fn list(
        &self,
        _admin: AdminAuth,
        /// Messages of this consumer.
        consumer: Query<Option<String>>,
        /// Letters of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<DeadLetterPage>, ProblemAnswer> {
        let limit = page_size(limit.0)?;
        let before = cursor
            .0
            .map(|text| text.parse::<i64>())
            .transpose()
            .map_err(|_| ProblemAnswer::field("cursor", "take it from the page before"))?;
        JsonBytes::of(&self.letters.list(consumer.0, before, limit).await?)
    }

    /// Read one, with its error and the message itself
    #[oai(
        path = "/dead-letters/:id",
        method = "get",
        operation_id = "readDeadLetter"
    )]
    async fn read(
        &self,
        _admin: AdminAuth,
        id: Path<String>,
    ) -> Result<JsonBytes<DeadLetterDetail>, ProblemAnswer> {
        JsonBytes::of(&self.letters.letter(number(&id.0)?).await?)
    }

    /// Send one to its consumer again
    ///
    /// What the consumer had done before is not done twice.
    #[oai(
        path = "/dead-letters/:id/retry",
        method = "post",
        operation_id = "retryDeadLetter"
    )]
    async fn retry(
        &self,
        admin: AdminAuth,
        request: RequestId,
        id: Path<String>,
    ) -> Result<LetterGone, ProblemAnswer> {
        let author = Author::of(&admin.0, &request);
        self.letters.retry(&author, number(&id.0)?).await?;
        Ok(LetterGone::Gone)
    }

    /// Drop one for good
    #[oai(
        path = "/dead-letters/:id",
        method = "delete",
        operation_id = "dropDeadLetter"
    )]
    async fn remove(
        &self,
        admin: AdminAuth,
        request: RequestId,
        id: Path<String>,
    ) -> Result<LetterGone, ProblemAnswer> {
        let author = Author::of(&admin.0, &request);
        self.letters.remove(&author, number(&id.0)?).await?;
        Ok(LetterGone::Gone)
    }
}
