//! Bodies: [`Body`] is how a request's JSON is read, [`JsonBytes`] how an answer's is sent.

use std::marker::PhantomData;

use airside_common::api::problem::{Code, Problem};
use futures_util::StreamExt;
use hyper::body::Bytes;
use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::limits;
use super::problem::ProblemAnswer;

/// The largest JSON body that is read, in bytes.
pub const LARGEST_BODY: usize = 256 * 1024;

/// A request's JSON body: at most [`LARGEST_BODY`] bytes (413), of a JSON type and not compressed (415), well-formed (400), and with
/// exactly the fields that `T` wants (422, which names the field).
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    kind.eq_ignore_ascii_case("application")
        && (subtype.eq_ignore_ascii_case("json")
            || subtype
                .rsplit_once('+')
                .is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json")))
}

fn too_large() -> ProblemAnswer {
    ProblemAnswer::new(
        Code::PayloadTooLarge,
        format!("a JSON body may have {LARGEST_BODY} bytes"),
    )
}

/// The whole body, at most [`LARGEST_BODY`] bytes; nothing is read where its length is announced and too large.
async fn read(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>, ProblemAnswer> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > LARGEST_BODY as u64) {
        return Err(too_large());
    }
    let unreadable =
        |e: std::io::Error| ProblemAnswer::new(Code::MalformedRequest, format!("the body: {e}"));
    let mut stream = body
        .take()
        .map_err(|e| ProblemAnswer::new(Code::Internal, e.to_string()))?
        .into_bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(unreadable)?;
        if bytes.len() + chunk.len() > LARGEST_BODY {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Parses a JSON body; the error names the path of the field that is wrong, such as `passengers[0].surname`.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ProblemAnswer> {
    // serde would take the values of an array for those of the fields in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(ProblemAnswer::field("body", "is an object, not an array"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let path = e.path().to_string();
        wrong(&path, e.inner())
    })?;
    json.end().map_err(|e| wrong(".", &e))?;
    Ok(value)
}

fn wrong(path: &str, error: &serde_json::Error) -> ProblemAnswer {
    if !error.is_data() {
        return ProblemAnswer::new(
            Code::MalformedRequest,
            format!("the body is not JSON: {error}"),
        );
    }
    // serde says where in the text it was; the path says it better.
    let text = error.to_string();
    let message = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(message, _)| message);
    // serde's path of a missing or unknown field is that of the object around it.
    let named = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| name);
    let field = match (path, named) {
        (".", None) => "body".to_owned(),
        (".", Some(name)) => name.to_owned(),
        (path, None) => path.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
    };
    Problem::field(field, message).into()
}

impl<'a, T> ApiExtractor<'a> for Body<T>
where
    T: Type + DeserializeOwned,
{
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: T::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        if !request.content_type().is_some_and(is_json) {
            return Err(ProblemAnswer::new(
                Code::UnsupportedMediaType,
                "send the body as `Content-Type: application/json`",
            )
            .into());
        }
        let encoding = request.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(ProblemAnswer::new(
                Code::UnsupportedMediaType,
                "send the body as it is, without `Content-Encoding`",
            )
            .into());
        }
        let bytes = tokio::time::timeout(limits::BODY, read(request, body))
            .await
            .map_err(|_| {
                ProblemAnswer::new(Code::RequestTimeout, "the body took too long to arrive")
            })??;
        Ok(Self(parse(&bytes)?))
    }
}

/// An answer whose JSON was made already, by serde; the document shows the schema of `T`.
#[derive(Debug, Clone)]
pub struct JsonBytes<T> {
    bytes: Bytes,
    of: PhantomData<fn() -> T>,
}

impl<T> JsonBytes<T> {
    /// An answer of bytes that are the JSON of a `T`.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            of: PhantomData,
        }
    }

    /// The JSON.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl<T: Serialize> JsonBytes<T> {
    /// An answer made of a value.
    pub fn of(value: &T) -> Result<Self, ProblemAnswer> {
        serde_json::to_vec(value)
            .map(Self::new)
            .map_err(|e| ProblemAnswer::new(Code::Internal, format!("the answer: {e}")))
    }
}

impl<T: Type> Payload for JsonBytes<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for JsonBytes<T> {
    fn into_response(self) -> Response {
        let mut response = Response::from(poem::Body::from_bytes(self.bytes));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        response
    }
}

impl<T: Type> ApiResponse for JsonBytes<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "",
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

impl ApiResponse for ProblemAnswer {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "What went wrong (RFC 9457).",
                status: None,
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/problem+json",
                    schema: Problem::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}
