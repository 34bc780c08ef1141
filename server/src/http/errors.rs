//! Errors of every layer as problem answers.

use airside_common::api::problem::{Code, Problem};
use poem::error::{NotFoundError, ParsePathError, ResponseError};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Error, Response};
use poem_openapi::error::{
    ContentTypeError, ParseParamError, ParsePathError as ParseApiPathError,
    ParseRequestPayloadError,
};

use super::context::RequestId;
use super::problem::ProblemAnswer;

/// The path exists and does not take the method; the header names those that it takes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the path does not take this method")]
pub struct MethodNotAllowed(pub HeaderValue);

impl ResponseError for MethodNotAllowed {
    fn status(&self) -> StatusCode {
        StatusCode::METHOD_NOT_ALLOWED
    }
}

/// An error as the answer that its client gets, with the id of the request that it arose in: this one, or the one whose
/// answer is given again.
pub fn answer(error: Error, id: &RequestId) -> Response {
    let allow = error
        .downcast_ref::<MethodNotAllowed>()
        .map(|refused| refused.0.clone());
    let mut answer = match error.downcast::<ProblemAnswer>() {
        Ok(answer) => answer,
        Err(error) => of_library(&error),
    };
    if let Some(cause) = &answer.cause {
        tracing::error!(request_id = %id, cause, "a request failed by a fault of the server");
    }
    if answer.problem.instance.is_empty() {
        id.as_str().clone_into(&mut answer.problem.instance);
    }
    let status = answer.problem.status;
    let mut response = answer.as_response();
    let headers = response.headers_mut();
    if let Some(allow) = allow {
        headers.insert(header::ALLOW, allow);
    }
    if status == StatusCode::UNAUTHORIZED.as_u16() {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"airside\""),
        );
    }
    response
}

/// What the libraries refuse, in our words.
fn of_library(error: &Error) -> ProblemAnswer {
    if let Some(e) = error.downcast_ref::<ParseParamError>() {
        return ProblemAnswer::field(e.name, reason(&e.reason));
    }
    let no_such = error.is::<NotFoundError>()
        || error.is::<ParsePathError>()
        || error.is::<ParseApiPathError>();
    if no_such {
        return ProblemAnswer::new(
            Code::NotFound,
            "there is nothing here; /docs shows what there is",
        );
    }
    if error.is::<ContentTypeError>() {
        return ProblemAnswer::new(Code::UnsupportedMediaType, error.to_string());
    }
    if error.is::<ParseRequestPayloadError>() {
        return ProblemAnswer::new(Code::MalformedRequest, error.to_string());
    }
    let code = match error.status().as_u16() {
        404 => Code::NotFound,
        405 => Code::MethodNotAllowed,
        408 => Code::RequestTimeout,
        413 => Code::PayloadTooLarge,
        415 => Code::UnsupportedMediaType,
        400..500 => Code::MalformedRequest,
        503 => Code::Unavailable,
        _ => {
            return ProblemAnswer::new(Code::Internal, "a fault of the server")
                .because(error.to_string());
        }
    };
    Problem::new(code, error.to_string()).into()
}

/// A parameter's fault without the library's words around it.
fn reason(text: &str) -> &str {
    if text.starts_with("Type \"") && text.ends_with(" expects an input value.") {
        return "is missing";
    }
    let text = text
        .strip_prefix("failed to parse ")
        .and_then(|rest| rest.split_once(": "))
        .map_or(text, |(_, message)| message);
    text.split_once(" (occurred while parsing ")
        .map_or(text, |(message, _)| message)
}
