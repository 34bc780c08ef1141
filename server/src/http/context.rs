//! What is known of a request before its endpoint is called.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrayvec::ArrayString;
use parking_lot::Mutex;
use poem::http::HeaderValue;
use poem::{FromRequest, Request, RequestBody, Result};
use tokio::time::Instant;

use super::metrics::RouteLabel;
use super::problem::ProblemAnswer;
use super::rate_limit::RateLimit;
use crate::features::auth::tokens::Verifier;
use airside_common::api::problem::Code;

/// The longest request id that is taken over from a client.
const LONGEST_ID: usize = 64;

/// The name of one request: the client's own if it sent a fit `X-Request-Id`, else a random one.
///
/// An endpoint that takes one as an argument gets its request's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId(ArrayString<LONGEST_ID>);

impl RequestId {
    /// A random one.
    pub fn random() -> Self {
        let mut id = ArrayString::new();
        // Sixteen digits fit.
        let _ = write!(id, "{:016x}", rand::random::<u64>());
        Self(id)
    }

    /// The client's own if it has 1 to 64 of `A-Z a-z 0-9 . _ -`, else a random one.
    pub fn from_client(value: Option<&HeaderValue>) -> Self {
        let is_fit = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        value
            .and_then(|value| value.to_str().ok())
            .filter(|text| !text.is_empty() && text.bytes().all(is_fit))
            .and_then(|text| ArrayString::from(text).ok())
            .map_or_else(Self::random, Self)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a header's value.
    pub fn header_value(&self) -> HeaderValue {
        // Only what is fit for a header was let in.
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("0"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'a> FromRequest<'a> for RequestId {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        Ok(RequestContext::of(request)?.id)
    }
}

/// What the outermost layer puts into each request.
#[derive(Clone)]
pub struct RequestContext {
    /// The request's name.
    pub id: RequestId,
    /// Whom the request comes from.
    pub address: IpAddr,
    /// Checks its access token.
    pub verifier: Arc<Verifier>,
    /// How many requests its user may make, if there is a limit.
    pub rates: Option<Arc<RateLimit>>,
    /// When its endpoint has to have answered.
    pub deadline: Deadline,
    /// Its route, once it is found.
    pub route: Arc<OnceLock<RouteLabel>>,
}

/// When a request's endpoint has to have answered. One that takes a large body puts it off as the body arrives.
#[derive(Debug, Clone)]
pub struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    /// So long from now.
    pub fn after(patience: Duration) -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + patience)))
    }

    /// Puts it off: so long from now, unless it is later already.
    pub fn extend(&self, patience: Duration) {
        let mut at = self.0.lock();
        *at = (*at).max(Instant::now() + patience);
    }

    /// Waits until it has passed, wherever it was put meanwhile.
    pub async fn passed(&self) {
        loop {
            let at = *self.0.lock();
            tokio::time::sleep_until(at).await;
            if *self.0.lock() <= at {
                return;
            }
        }
    }
}

impl RequestContext {
    /// The context of a request.
    pub fn of(request: &Request) -> Result<&Self, ProblemAnswer> {
        request
            .data()
            .ok_or_else(|| ProblemAnswer::new(Code::Internal, "the request has no context"))
    }
}

/// The address that a request comes from; an endpoint that takes one as an argument gets its request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// For requests that come through no socket.
    pub const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
}

impl<'a> FromRequest<'a> for ClientAddress {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        Ok(Self(RequestContext::of(request)?.address))
    }
}
