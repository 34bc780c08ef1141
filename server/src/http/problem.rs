//! Where errors become problem answers (RFC 9457): the only place that knows how.

use std::time::Duration;

use airside_common::api::problem::{Code, Problem};
use poem::error::ResponseError;
use poem::http::{StatusCode, header};
use poem::{Body, Response};

/// A problem on its way out; the request id is filled in by the outermost layer, but for a problem that has one.
#[derive(Debug, Clone)]
pub struct ProblemAnswer {
    /// The body.
    pub problem: Box<Problem>,
    /// When to try again, for 429 and 503.
    pub retry_after: Option<Duration>,
    /// The body as it was sent when the answer was given first, to be sent again to the byte.
    kept: Option<String>,
    /// What is behind it, for the log: the client is not told.
    pub(super) cause: Option<String>,
}

impl ProblemAnswer {
    /// An answer of a kind, with what happened this time.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after = (code == Code::Unavailable).then_some(Duration::from_secs(1));
        Self {
            problem: Box::new(Problem::new(code, detail)),
            retry_after,
            kept: None,
            cause: None,
        }
    }

    /// The same answer, which is logged with the request's id and with what is behind it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The answer whose body was kept when it was given first.
    pub fn kept(body: String) -> Self {
        match serde_json::from_str::<Problem>(&body) {
            Ok(problem) => Self {
                kept: Some(body),
                ..problem.into()
            },
            Err(_) => Self::new(Code::Internal, "the kept answer cannot be read"),
        }
    }

    /// 422 for one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Problem::field(field, message).into()
    }

    /// The same answer with a time to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<Problem> for ProblemAnswer {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            retry_after: None,
            kept: None,
            cause: None,
        }
    }
}

impl std::fmt::Display for ProblemAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for ProblemAnswer {}

impl ResponseError for ProblemAnswer {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        let mut response = Response::builder()
            .status(self.status())
            .header(header::CONTENT_TYPE, "application/problem+json");
        if let Some(wait) = self.retry_after {
            // Whole seconds, so that who waits for them is not early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response = response.header(header::RETRY_AFTER, seconds.max(1));
        }
        // A problem is made of texts and numbers, which always serialise.
        response.body(match &self.kept {
            Some(body) => Body::from_string(body.clone()),
            None => Body::from_json(&self.problem).unwrap_or_default(),
        })
    }
}
