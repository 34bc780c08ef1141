//! The body of an upload, as it arrives: raw or a form's file, perhaps in one gzip. None of it is kept in memory.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use airside_common::api::problem::Code;
use async_compression::tokio::bufread::GzipDecoder;
use futures_util::{Stream, StreamExt};
use hyper::body::Bytes;
use parking_lot::Mutex;
use poem::http::header;
use poem::web::Multipart;
use poem::{Body, FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::io::{ReaderStream, StreamReader};

use super::service::LARGEST_FILE;
use crate::http::context::{Deadline, RequestContext};
use crate::http::limits;
use crate::http::problem::ProblemAnswer;

/// How many times its size a body may have unpacked.
const MOST_TIMES: u64 = 10;

/// What may be unpacked beyond that while more of the body is to come: what is packed comes in blocks.
const AHEAD: u64 = 64 * 1024;

/// What is read at once, in bytes.
const PART: usize = 64 * 1024;

/// The file in a request.
pub struct UploadBody {
    content: Content,
    /// Why the body is not read to its end.
    refused: Arc<Mutex<Option<Refused>>>,
    /// Bytes as they were sent, and unpacked.
    sizes: Arc<Mutex<Sizes>>,
}

enum Content {
    /// The body is the file.
    Raw(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
    /// The file is in a form.
    Form(Multipart),
    /// A form whose file is being read.
    InForm {
        form: Multipart,
        file: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    },
}

/// Why a body is not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    TooLarge,
    TooSlow,
    Bomb,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sizes {
    sent: u64,
    unpacked: u64,
}

impl UploadBody {
    /// The name of a form's file. To be asked before the file is read.
    pub async fn filename(&mut self) -> Result<Option<String>, ProblemAnswer> {
        let Content::Form(form) = &mut self.content else {
            return Ok(None);
        };
        let field = form.next_field().await;
        let field = field.map_err(|error| self.failed(&error))?;
        let field = field.ok_or_else(no_file)?;
        if field.name() != Some("file") {
            return Err(no_file());
        }
        let filename = field.file_name().map(str::to_owned);
        let file = Box::pin(ReaderStream::with_capacity(field.into_async_read(), PART));
        let nothing = Content::Raw(Box::pin(futures_util::stream::empty()));
        if let Content::Form(form) = std::mem::replace(&mut self.content, nothing) {
            self.content = Content::InForm { form, file };
        }
        Ok(filename)
    }

    /// What comes next of the file; `None` behind its end, where the whole body was as it should be.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ProblemAnswer> {
        let (Content::Raw(file) | Content::InForm { file, .. }) = &mut self.content else {
            return Ok(None);
        };
        if let Some(part) = file.next().await {
            return part.map(Some).map_err(|error| self.failed(&error));
        }
        if let Content::InForm { form, .. } = &mut self.content {
            let more = form.next_field().await;
            if more.map_err(|error| self.failed(&error))?.is_some() {
                return Err(no_file());
            }
        }
        let sizes = *self.sizes.lock();
        if sizes.unpacked > sizes.sent.saturating_mul(MOST_TIMES) {
            return Err(of(Refused::Bomb));
        }
        Ok(None)
    }

    fn failed(&self, error: &dyn std::error::Error) -> ProblemAnswer {
        match *self.refused.lock() {
            Some(refused) => of(refused),
            None => ProblemAnswer::new(Code::MalformedRequest, format!("the body: {error}")),
        }
    }
}

fn no_file() -> ProblemAnswer {
    ProblemAnswer::field(
        "file",
        "a form has one file, in the field `file`, and nothing else",
    )
}

fn of(refused: Refused) -> ProblemAnswer {
    match refused {
        Refused::TooLarge => ProblemAnswer::new(
            Code::PayloadTooLarge,
            format!("a file may have {LARGEST_FILE} bytes"),
        ),
        Refused::TooSlow => ProblemAnswer::new(
            Code::RequestTimeout,
            "the body took too long to arrive; nothing of it is kept",
        ),
        Refused::Bomb => ProblemAnswer::new(
            Code::PayloadTooLarge,
            format!("unpacked the body has more than {MOST_TIMES} times its size"),
        ),
    }
}

/// The body as it is sent: not too large, and not too slow.
struct Arriving {
    body: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    refused: Arc<Mutex<Option<Refused>>>,
    sizes: Arc<Mutex<Sizes>>,
    deadline: Deadline,
    /// Bytes since the last progress, and how long they were waited for.
    since: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Stream for Arriving {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Poll::Ready(part) = this.body.as_mut().poll_next(cx) else {
            let left = limits::UPLOAD.saturating_sub(this.waited);
            let (_, timer) = this
                .waiting
                .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
            ready!(timer.as_mut().poll(cx));
            *this.refused.lock() = Some(Refused::TooSlow);
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        };
        if let Some((begun, _)) = this.waiting.take() {
            this.waited += begun.elapsed();
        }
        if let Some(Ok(bytes)) = &part {
            let length = bytes.len() as u64;
            this.since += length;
            if this.since >= limits::UPLOAD_PROGRESS {
                this.since = 0;
                this.waited = Duration::ZERO;
            }
            this.deadline.extend(limits::UPLOAD_WORK);
            let mut sizes = this.sizes.lock();
            sizes.sent += length;
            if sizes.sent > LARGEST_FILE {
                *this.refused.lock() = Some(Refused::TooLarge);
                return Poll::Ready(Some(Err(io::ErrorKind::FileTooLarge.into())));
            }
        }
        Poll::Ready(part)
    }
}

/// What comes out of a gzip: not too much for what went in.
struct Unpacking<R> {
    decoder: GzipDecoder<R>,
    refused: Arc<Mutex<Option<Refused>>>,
    sizes: Arc<Mutex<Sizes>>,
}

impl<R: tokio::io::AsyncBufRead + Unpin> AsyncRead for Unpacking<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.decoder).poll_read(cx, buffer))?;
        let mut sizes = this.sizes.lock();
        sizes.unpacked += (buffer.filled().len() - before) as u64;
        let refused = if sizes.unpacked > sizes.sent.saturating_mul(MOST_TIMES) + AHEAD {
            Refused::Bomb
        } else if sizes.unpacked > LARGEST_FILE + AHEAD {
            Refused::TooLarge
        } else {
            return Poll::Ready(Ok(()));
        };
        *this.refused.lock() = Some(refused);
        Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()))
    }
}

fn header_word(request: &Request, name: header::HeaderName) -> &str {
    let value = request.headers().get(name);
    value
        .map_or("", |value| value.to_str().unwrap_or("?"))
        .trim()
}

/// What a body is sent as.
const TYPES: [&str; 4] = [
    "text/csv",
    "application/octet-stream",
    "text/plain",
    "multipart/form-data",
];

impl<'a> ApiExtractor<'a> for UploadBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_registry: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let binary = || {
            let mut schema = MetaSchema::new_with_format("string", "binary");
            schema.description = Some("The file, at most 512 MiB.");
            MetaSchemaRef::Inline(Box::new(schema))
        };
        let content = TYPES.map(|content_type| {
            let schema = if content_type.starts_with("multipart") {
                MetaSchemaRef::Inline(Box::new(MetaSchema {
                    required: vec!["file"],
                    properties: vec![("file", binary())],
                    ..MetaSchema::new("object")
                }))
            } else {
                binary()
            };
            MetaMediaType {
                content_type,
                schema,
            }
        });
        Some(MetaRequest {
            description: Some(
                "The file as it is, or a form with one field `file`; `Content-Encoding: gzip` is taken.",
            ),
            content: content.into(),
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let essence = header_word(request, header::CONTENT_TYPE);
        let essence = essence.split(';').next().unwrap_or_default().trim();
        if !TYPES
            .iter()
            .any(|known| essence.eq_ignore_ascii_case(known))
        {
            let text = format!("send the file as one of {}", TYPES.join(", "));
            return Err(ProblemAnswer::new(Code::UnsupportedMediaType, text).into());
        }
        let is_packed = match header_word(request, header::CONTENT_ENCODING) {
            word if word.is_empty() || word.eq_ignore_ascii_case("identity") => false,
            word if word.eq_ignore_ascii_case("gzip") => true,
            _ => {
                let text = "send the file as it is, or in one gzip";
                return Err(ProblemAnswer::new(Code::UnsupportedMediaType, text).into());
            }
        };
        let length = header_word(request, header::CONTENT_LENGTH).parse::<u64>();
        if length.is_ok_and(|length| length > LARGEST_FILE) {
            return Err(of(Refused::TooLarge).into());
        }
        let refused = Arc::<Mutex<Option<Refused>>>::default();
        let sizes = Arc::<Mutex<Sizes>>::default();
        let taken = body.take();
        let taken = taken.map_err(|e| ProblemAnswer::new(Code::Internal, e.to_string()))?;
        let arriving = Arriving {
            body: Box::pin(taken.into_bytes_stream()),
            refused: Arc::clone(&refused),
            sizes: Arc::clone(&sizes),
            deadline: RequestContext::of(request)?.deadline.clone(),
            since: 0,
            waited: Duration::ZERO,
            waiting: None,
        };
        let bytes: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> = if is_packed {
            let mut decoder = GzipDecoder::new(StreamReader::new(arriving));
            decoder.multiple_members(true);
            let unpacking = Unpacking {
                decoder,
                refused: Arc::clone(&refused),
                sizes: Arc::clone(&sizes),
            };
            Box::pin(ReaderStream::with_capacity(unpacking, PART))
        } else {
            Box::pin(arriving)
        };
        let content = if essence.eq_ignore_ascii_case("multipart/form-data") {
            let mut body = RequestBody::new(Body::from_bytes_stream(bytes));
            Content::Form(<Multipart as FromRequest>::from_request(request, &mut body).await?)
        } else {
            Content::Raw(bytes)
        };
        Ok(Self {
            content,
            refused,
            sizes,
        })
    }
}
