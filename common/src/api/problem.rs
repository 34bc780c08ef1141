//! Errors as RFC 9457 problem details, and the words that both sides match on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stable word of an error; clients decide by it, never by the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "snake_case")
)]
pub enum Code {
    /// 422: a field is missing, unknown or wrong; `errors` names it.
    InvalidRequest,
    /// 400: the body is not JSON, or the request is not HTTP as it should be.
    MalformedRequest,
    /// 422: the idempotency key was used before with another request.
    IdempotencyMismatch,
    /// 409: the first request with this key is still at work; try again.
    IdempotencyInProgress,
    /// 409: fewer seats are left than the party needs.
    SoldOut,
    /// 409: the seat belongs to somebody else.
    SeatTaken,
    /// 409: the total is no longer the expected one.
    FareChanged,
    /// 409: the flight has departed or is cancelled.
    FlightNotBookable,
    /// 409: the time limit of the held booking has passed.
    TimeLimitPassed,
    /// 409: the flight has bookings and cannot be changed in this way.
    FlightHasBookings,
    /// 409: it exists already.
    AlreadyExists,
    /// 409: the state of the thing does not allow this.
    Conflict,
    /// 412: the version in `If-Match` is not the current one.
    StaleVersion,
    /// 428: `If-Match` is missing.
    PreconditionRequired,
    /// 401: no or no valid credentials.
    Unauthenticated,
    /// 401: the access token has expired; refresh it.
    TokenExpired,
    /// 403: the caller may not do this.
    Forbidden,
    /// 404: there is no such thing, or the caller may not see it.
    NotFound,
    /// 405: the path does not take this method.
    MethodNotAllowed,
    /// 408: the request took too long to arrive.
    RequestTimeout,
    /// 413: the body is too large.
    PayloadTooLarge,
    /// 415: the body is not of a type that is read here.
    UnsupportedMediaType,
    /// 429: too many requests; `Retry-After` says when again.
    TooManyRequests,
    /// 500: a fault of the server; it is logged under the request id.
    Internal,
    /// 503: the server cannot answer now; `Retry-After` says when to try again.
    Unavailable,
    /// 507: the disk is full; nothing was written.
    StorageFull,
    /// A word that a newer server knows and this program does not.
    #[serde(other)]
    Other,
}

impl Code {
    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        match self {
            Self::MalformedRequest => 400,
            Self::Unauthenticated | Self::TokenExpired => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::IdempotencyInProgress
            | Self::SoldOut
            | Self::SeatTaken
            | Self::FareChanged
            | Self::FlightNotBookable
            | Self::TimeLimitPassed
            | Self::FlightHasBookings
            | Self::AlreadyExists
            | Self::Conflict => 409,
            Self::StaleVersion => 412,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InvalidRequest | Self::IdempotencyMismatch => 422,
            Self::PreconditionRequired => 428,
            Self::TooManyRequests => 429,
            Self::Internal | Self::Other => 500,
            Self::Unavailable => 503,
            Self::StorageFull => 507,
        }
    }

    /// The same for every problem of the code, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "A field of the request is wrong",
            Self::MalformedRequest => "The request cannot be read",
            Self::IdempotencyMismatch => "The idempotency key was used for another request",
            Self::IdempotencyInProgress => "The first request with this key is still at work",
            Self::SoldOut => "Not enough seats are left",
            Self::SeatTaken => "The seat is taken",
            Self::FareChanged => "The fare has changed",
            Self::FlightNotBookable => "The flight cannot be booked",
            Self::TimeLimitPassed => "The time limit has passed",
            Self::FlightHasBookings => "The flight has bookings",
            Self::AlreadyExists => "It exists already",
            Self::Conflict => "The current state does not allow this",
            Self::StaleVersion => "It was changed meanwhile",
            Self::PreconditionRequired => "If-Match is missing",
            Self::Unauthenticated => "Log in first",
            Self::TokenExpired => "The access token has expired",
            Self::Forbidden => "Not allowed",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "The path does not take this method",
            Self::RequestTimeout => "The request took too long",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body's type is not read here",
            Self::TooManyRequests => "Too many requests",
            Self::Internal | Self::Other => "A fault of the server",
            Self::Unavailable => "Not available now",
            Self::StorageFull => "The server's disk is full",
        }
    }

    /// The word itself, as in JSON.
    pub fn word(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word())
    }
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct FieldError {
    /// Where: a path in the body such as `passengers[0].surname`, a parameter's or a header's name.
    pub field: String,
    /// What is wrong with it, for a person.
    pub message: String,
}

/// The body of every error answer (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Problem {
    /// A URI reference that names the kind of problem.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The stable word to decide by.
    pub code: Code,
    /// The id of the request that met it, as in `X-Request-Id`; an answer that is given again keeps the first one's.
    pub instance: String,
    /// The fields that are wrong, if fields are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "openapi",
        oai(default, skip_serializing_if = "Vec::is_empty")
    )]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of a kind, with what happened this time; the request id is added where the answer is made.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{}", code.word()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code,
            instance: String::new(),
            errors: Vec::new(),
        }
    }

    /// 422 for one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let mut problem = Self::new(Code::InvalidRequest, format!("{field}: {message}"));
        problem.errors.push(FieldError { field, message });
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl std::error::Error for Problem {}
