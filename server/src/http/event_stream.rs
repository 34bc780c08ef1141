//! An answer that goes on for as long as its client listens: server-sent events (WHATWG HTML, section 9.2).

use std::marker::PhantomData;

use futures_util::{Stream, StreamExt};
use hyper::body::Bytes;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;

/// Keeps proxies from gathering what is to be passed on at once (nginx reads it, others do too).
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A stream of messages that were made already; the document shows the schema of `T`, which is the data of each.
pub struct EventStream<T> {
    body: Body,
    of: PhantomData<fn() -> T>,
}

impl<T> EventStream<T> {
    /// A stream of pieces, each made of whole messages.
    pub fn new(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        let pieces = pieces.map(Ok::<_, std::io::Error>);
        Self {
            body: Body::from_bytes_stream(pieces),
            of: PhantomData,
        }
    }
}

impl<T: Type> Payload for EventStream<T> {
    const CONTENT_TYPE: &'static str = "text/event-stream";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for EventStream<T> {
    fn into_response(self) -> Response {
        let mut response = Response::from(self.body);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        );
        headers.insert(BUFFERING, HeaderValue::from_static("no"));
        response
    }
}

impl<T: Type> ApiResponse for EventStream<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Messages, for as long as the connection lasts; this is the data of each.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: Self::CONTENT_TYPE,
                    schema: T::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
