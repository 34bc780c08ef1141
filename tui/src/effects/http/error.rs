//! Why a call has no result, and what that means for what it carried.

use std::time::Duration;

use airside_common::api::bookings::Booking;
use airside_common::api::problem::Problem;
use reqwest::StatusCode;

use crate::effects::session::SessionError;
use crate::store::ledger::answer::{Answer, Setback, SetbackKind, is_final};

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server refused, and said why.
    #[error("{problem}")]
    Problem {
        /// What the server said.
        problem: Box<Problem>,
        /// When it may be asked again.
        retry_after: Option<Duration>,
    },
    /// The server was certainly not reached.
    #[error("the server cannot be reached: {0}")]
    Unreached(String),
    /// The connection broke or took too long after the request may have arrived.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// What came back is not an answer of this API; something between may have spoken.
    #[error("the answer is not Airside's (status {status}): {why}")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
    /// There is no session, or it has ended.
    #[error("log in first")]
    LoggedOut,
    /// The session could not be read or kept.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The HTTP client cannot be set up.
    #[error("the connection cannot be set up: {0}")]
    Client(String),
}

impl ApiError {
    /// The server's problem, if it is one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// Whether the server answered nothing: the console is offline.
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Unreached(_) | Self::Broken(_))
    }
}

/// What an error means for the operation that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has ended: the server refused it for good.
    Final(Problem),
    /// It is not settled and is sent again.
    Kept(Setback),
}

/// Whether an error ends an operation. Only a final 4xx of the API itself does: what a proxy or a login page of a
/// hotel says ends nothing.
pub fn verdict_on(error: &ApiError) -> Verdict {
    let (kind, retry_after) = match error {
        ApiError::Problem { problem, .. } if is_final(problem) => {
            return Verdict::Final(Problem::clone(problem));
        }
        ApiError::Problem { retry_after, .. } => (SetbackKind::Unclear, *retry_after),
        ApiError::LoggedOut => (SetbackKind::LoggedOut, None),
        ApiError::Unreached(_) | ApiError::Session(_) | ApiError::Client(_) => {
            (SetbackKind::Unreached, None)
        }
        ApiError::Broken(_) | ApiError::Unreadable { .. } => (SetbackKind::Unclear, None),
    };
    Verdict::Kept(Setback {
        kind,
        words: error.to_string(),
        retry_after,
    })
}

/// What a call that carried an operation means for the operation.
pub fn answer_of(result: Result<Booking, ApiError>) -> Answer {
    match result {
        Ok(booking) => Answer::Done(Box::new(booking)),
        Err(error) => match verdict_on(&error) {
            Verdict::Final(problem) => Answer::Refused(problem),
            Verdict::Kept(setback) => Answer::Kept(setback),
        },
    }
}

pub(super) fn unreadable(status: StatusCode, why: String) -> ApiError {
    ApiError::Unreadable {
        status: status.as_u16(),
        why,
    }
}

/// A request that was not answered, in words that may be shown.
pub(super) fn broken(error: &reqwest::Error) -> ApiError {
    let words = words_of(error);
    if error.is_connect() || error.is_builder() {
        ApiError::Unreached(words)
    } else {
        ApiError::Broken(words)
    }
}

/// An error with what caused it, innermost last, without the address.
pub(super) fn words_of(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    airside_common::text::printable(&deepest.to_string())
}
