//! The outermost layer: gives each request its name and its time, makes every error a problem, and logs and counts the
//! answer.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use airside_common::api::problem::Code;
use futures_util::FutureExt;
use poem::endpoint::BoxEndpoint;
use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
use poem::http::{HeaderName, StatusCode, header};
use poem::{Endpoint, Error, PathPattern, Request, Response};
use poem_openapi::error::{
    ContentTypeError, ParseParamError, ParsePathError as ParsePathParamError,
};

use super::context::{ClientAddress, RequestContext, RequestId};
use super::metrics::Metrics;
use super::problem::ProblemAnswer;
use crate::features::auth::tokens::Verifier;

/// How long a request may take.
const LONGEST: Duration = Duration::from_secs(10);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The outermost layer.
pub struct Edge {
    inner: BoxEndpoint<'static, Response>,
    verifier: Arc<Verifier>,
    metrics: Metrics,
    elsewhere: Arc<str>,
}

impl Edge {
    /// The layer around the routes.
    pub fn new(
        inner: BoxEndpoint<'static, Response>,
        verifier: Arc<Verifier>,
        metrics: Metrics,
    ) -> Self {
        Self {
            inner,
            verifier,
            metrics,
            elsewhere: "none".into(),
        }
    }

    /// Answers a request; never fails, never panics.
    pub async fn answer(&self, mut request: Request) -> Response {
        let start = Instant::now();
        let id = RequestId::from_client(request.headers().get(&REQUEST_ID));
        let address = request
            .remote_addr()
            .as_socket_addr()
            .map_or(ClientAddress::LOCAL, std::net::SocketAddr::ip);
        request.set_data(RequestContext {
            id: id.clone(),
            address,
            verifier: self.verifier.clone(),
            route: Arc::new(OnceLock::new()),
        });
        let method = request.method().clone();
        let path = tracing::enabled!(tracing::Level::INFO).then(|| request.uri().path().to_owned());
        let work = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        let mut response = match tokio::time::timeout(LONGEST, work).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(error))) => problem(error, &id),
            Ok(Err(_)) => {
                tracing::error!(request = %id, "an endpoint panicked");
                named(
                    ProblemAnswer::new(Code::Internal, "a fault of the server; it is logged"),
                    &id,
                )
            }
            Err(_) => named(
                ProblemAnswer::new(
                    Code::RequestTimeout,
                    "the request took more than 10 seconds",
                ),
                &id,
            ),
        };
        let route = response
            .data::<PathPattern>()
            .map_or_else(|| self.elsewhere.clone(), |pattern| pattern.0.clone());
        let time = start.elapsed();
        let status = response.status().as_u16();
        self.metrics.count(&route, status, time);
        if let Some(path) = path {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            tracing::info!(request = %id, %method, %path, status, micros, "answered");
        }
        response
            .headers_mut()
            .insert(REQUEST_ID.clone(), id.header_value());
        response
    }
}

fn named(mut answer: ProblemAnswer, id: &RequestId) -> Response {
    id.as_str().clone_into(&mut answer.problem.instance);
    poem::error::ResponseError::as_response(&answer)
}

/// The answer to an error: ours as it is, the framework's in our words.
fn problem(error: Error, id: &RequestId) -> Response {
    let answer = if let Some(answer) = error.downcast_ref::<ProblemAnswer>() {
        answer.clone()
    } else if let Some(error) = error.downcast_ref::<ParseParamError>() {
        ProblemAnswer::field(error.name, error.reason.clone())
    } else if error.is::<ParsePathParamError>() || error.is::<ParsePathError>() {
        // An id that cannot be one names nothing.
        ProblemAnswer::new(Code::NotFound, error.to_string())
    } else if error.is::<NotFoundError>() {
        ProblemAnswer::new(Code::NotFound, "there is nothing at this path; see /docs")
    } else if error.is::<MethodNotAllowedError>() {
        ProblemAnswer::new(Code::MethodNotAllowed, "the path does not take this method")
    } else if error.is::<ContentTypeError>() {
        ProblemAnswer::new(Code::UnsupportedMediaType, error.to_string())
    } else {
        match error.status() {
            StatusCode::METHOD_NOT_ALLOWED => {
                ProblemAnswer::new(Code::MethodNotAllowed, "the path does not take this method")
            }
            StatusCode::NOT_FOUND => ProblemAnswer::new(Code::NotFound, "there is nothing here"),
            StatusCode::PAYLOAD_TOO_LARGE => {
                ProblemAnswer::new(Code::PayloadTooLarge, error.to_string())
            }
            status if status.is_client_error() => {
                ProblemAnswer::new(Code::MalformedRequest, error.to_string())
            }
            _ => {
                tracing::error!(request = %id, %error, "a request failed");
                ProblemAnswer::new(Code::Internal, "a fault of the server; it is logged")
            }
        }
    };
    let method_not_allowed = answer.problem.code == Code::MethodNotAllowed;
    let mut response = named(answer, id);
    if method_not_allowed {
        if let Some(allow) = error.into_response().headers().get(header::ALLOW) {
            response.headers_mut().insert(header::ALLOW, allow.clone());
        }
    }
    response
}
