//! The layer around everything: names the request, bounds its time, catches panics, makes errors into problems, counts
//! and logs.

use std::any::Any;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use airside_common::api::problem::Code;
use airside_common::consistency::{CONSISTENCY, ConsistencyToken};
use futures_util::FutureExt;
use poem::http::{HeaderMap, HeaderName, Method, header};
use poem::web::RemoteAddr;
use poem::{Addr, Endpoint, Request, Response, Result, Route};

use super::context::{ClientAddress, Deadline, RequestContext, RequestId};
use super::errors;
use super::health::Readiness;
use super::limits;
use super::metrics::{Metrics, RouteLabel};
use super::problem::ProblemAnswer;
use super::proxies::TrustedProxies;
use super::rate_limit::RateLimit;
use super::request_log::{self, Logged};
use crate::consistency;
use crate::features::auth::tokens::Verifier;

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The whole of HTTP as one endpoint; it never fails.
pub struct Outermost {
    routes: Route,
    verifier: Arc<Verifier>,
    rates: Option<Arc<RateLimit>>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    proxies: TrustedProxies,
    logged: Logged,
    /// How long an endpoint may take.
    patience: Duration,
}

impl Outermost {
    /// The layer around the routes.
    pub fn new(
        routes: Route,
        verifier: Arc<Verifier>,
        rates: Option<Arc<RateLimit>>,
        metrics: Arc<Metrics>,
        readiness: Readiness,
        proxies: TrustedProxies,
        logged: Logged,
    ) -> Self {
        Self {
            routes,
            verifier,
            rates,
            metrics,
            readiness,
            proxies,
            logged,
            patience: limits::REQUEST,
        }
    }

    /// The figures of the process.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Answers a request.
    pub async fn answer(&self, mut request: Request) -> Response {
        let start = Instant::now();
        let id = RequestId::from_client(request.headers().get(REQUEST_ID));
        let address = self
            .proxies
            .client(address(request.remote_addr()), request.headers());
        let route = Arc::new(OnceLock::new());
        let deadline = Deadline::after(self.patience);
        let method = request.method().clone();
        let path = (self.logged != Logged::None).then(|| request.uri().clone());
        request.extensions_mut().insert(RequestContext {
            id,
            address,
            verifier: Arc::clone(&self.verifier),
            rates: self.rates.clone(),
            deadline: deadline.clone(),
            route: Arc::clone(&route),
        });
        let wanted = wanted(request.headers());
        let work = AssertUnwindSafe(self.routes.call(request)).catch_unwind();
        let work = async {
            tokio::select! {
                biased;
                finished = work => Some(finished),
                () = deadline.passed() => None,
            }
        };
        let (finished, reached) = consistency::during(wanted, work).await;
        let outcome = match finished {
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => Err(panicked(&*panic, &id)),
            None => Err(ProblemAnswer::new(Code::Unavailable, "the request took too long").into()),
        };
        let mut response = outcome.unwrap_or_else(|error| errors::answer(error, &id));
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, id.header_value());
        if let Some(moment) = reached.and_then(|moment| moment.as_str().parse().ok()) {
            headers.insert(CONSISTENCY, moment);
        }
        // What is answered is for the caller alone, unless the endpoint says otherwise.
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(header::HeaderValue::from_static("no-store"));
        if !self.readiness.is_open() {
            // The process is about to end: a proxy that kept this connection would send its next request into nothing.
            headers.insert(
                header::CONNECTION,
                header::HeaderValue::from_static("close"),
            );
        }
        let status = response.status();
        let took = start.elapsed();
        let label = route.get().copied().unwrap_or(RouteLabel {
            method: method_word(&method),
            route: "other",
        });
        self.metrics.answered(label, status, took);
        if let Some(uri) = path
            && self.logged.includes(status)
        {
            request_log::write(&id, address, &method, uri.path(), status, took);
        }
        response
    }
}

impl Endpoint for Outermost {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(self.answer(request).await)
    }
}

/// What the client wants to see. What cannot be read is something that it has seen somewhere, and no copy is known to have
/// it.
fn wanted(headers: &HeaderMap) -> Option<ConsistencyToken> {
    let token = headers.get(CONSISTENCY)?;
    let read = token.to_str().ok().and_then(|text| text.parse().ok());
    Some(read.unwrap_or_else(ConsistencyToken::unknown))
}

fn address(remote: &RemoteAddr) -> IpAddr {
    match &remote.0 {
        Addr::SocketAddr(address) => address.ip(),
        _ => ClientAddress::LOCAL,
    }
}

/// The method as a word for figures: strange ones are all the same, or a client could make as many as it likes.
pub(super) fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn panicked(panic: &(dyn Any + Send), id: &RequestId) -> poem::Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(request_id = %id, message, "an endpoint panicked");
    ProblemAnswer::new(Code::Internal, "a fault of the server").into()
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make;
    use poem::http::{StatusCode, Uri};

    use super::*;
    use crate::clock::SystemClock;
    use crate::features::auth::public_keys::PublicKeys;
    use crate::features::auth::public_keys::tests::Fixed;
    use crate::features::auth::revocations::Revocations;

    fn around(routes: Route, readiness: Readiness) -> Outermost {
        let keys = Arc::new(PublicKeys::new(Fixed::with(&[7])));
        let revocations = Arc::new(Revocations::default());
        let verifier = Verifier::new(keys, revocations, Arc::new(SystemClock));
        Outermost::new(
            routes,
            Arc::new(verifier),
            None,
            Arc::new(Metrics::default()),
            readiness,
            TrustedProxies::default(),
            Logged::None,
        )
    }

    async fn answer(routes: Route) -> (StatusCode, Option<String>, String) {
        let mut http = around(routes, Readiness::default());
        assert_eq!(http.patience, Duration::from_secs(10));
        http.patience = Duration::from_millis(50);
        let request = Request::builder().uri(Uri::from_static("/")).finish();
        let response = http.answer(request).await;
        let wait = response.header(header::RETRY_AFTER).map(str::to_owned);
        let (parts, body) = response.into_parts();
        (parts.status, wait, body.into_string().await.unwrap())
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_given_up() {
        let never = make(|_| std::future::pending::<Response>());
        let (status, wait, body) = answer(Route::new().at("/", never)).await;
        assert_eq!((status.as_u16(), wait.as_deref()), (503, Some("1")));
        assert!(body.contains("\"unavailable\""), "{body}");
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_that_tells_nothing_of_it() {
        async fn panics(_: Request) -> Response {
            panic!("the secret inside")
        }
        let (status, _, body) = answer(Route::new().at("/", make(panics))).await;
        assert_eq!(status.as_u16(), 500);
        assert!(
            body.contains("\"internal\"") && !body.contains("inside"),
            "{body}"
        );
    }

    #[tokio::test]
    async fn a_process_that_is_about_to_end_keeps_no_connection() {
        let readiness = Readiness::default();
        let fine = make(|_| async { "fine" });
        let http = around(Route::new().at("/", fine), readiness.clone());
        let connection = async || {
            let request = Request::builder().uri(Uri::from_static("/")).finish();
            let response = http.answer(request).await;
            response.header(header::CONNECTION).map(str::to_owned)
        };
        readiness.open();
        assert_eq!(connection().await, None);
        readiness.close();
        assert_eq!(connection().await.as_deref(), Some("close"));
    }
}
