//! The API's document, and a page that shows it: both from the binary, with no other host.

use hyper::body::Bytes;
use poem::http::{HeaderValue, header};
use poem::{Body, Response};

/// The document and the page, made once.
#[derive(Debug, Clone)]
pub struct Docs {
    document: Bytes,
    page: Bytes,
}

/// The page needs its own inline script and style and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     img-src data:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Docs {
    /// Of a document and the page that shows it.
    pub fn new(document: String, page: String) -> Self {
        Self {
            document: document.into(),
            page: page.into(),
        }
    }

    /// `GET /openapi.json`
    pub fn document(&self) -> Response {
        Response::builder()
            .content_type("application/json")
            .body(Body::from_bytes(self.document.clone()))
    }

    /// `GET /docs`
    pub fn page(&self) -> Response {
        let mut response = Response::builder()
            .content_type("text/html; charset=utf-8")
            .body(Body::from_bytes(self.page.clone()));
        response.headers_mut().insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        );
        response
    }
}
