//! Whether the process lives, and whether it wants requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airside_common::api::problem::Code;
use poem::web::Data;
use poem::{Response, handler};

use super::problem::ProblemAnswer;

/// Whether the process wants requests; shared by the listener, which ends it, and `/readyz`, which tells it.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on requests are welcome.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// From now on no new requests are wanted.
    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether requests are wanted.
    pub fn holds(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// `GET /healthz`: the process answers.
#[handler]
pub(super) fn healthz() -> Response {
    Response::builder()
        .content_type("application/json")
        .body(r#"{"status":"ok"}"#)
}

/// `GET /readyz`: 200 while requests are wanted, else 503.
#[handler]
pub(super) fn readyz(readiness: Data<&Readiness>) -> poem::Result<Response> {
    if readiness.holds() {
        Ok(Response::builder()
            .content_type("application/json")
            .body(r#"{"status":"ready"}"#))
    } else {
        Err(ProblemAnswer::new(Code::Unavailable, "this process is shutting down").into())
    }
}
