//! What one request or one connection may take.

use std::time::Duration;

pub use super::body::LARGEST_BODY;

/// A request's endpoint answers within this time, or the client gets 503.
pub const REQUEST: Duration = Duration::from_secs(10);
/// A JSON body has arrived within this time, or the client gets 408 and its connection is closed.
pub const BODY: Duration = Duration::from_secs(8);
/// Of an uploaded file some more arrives within this time, or the client gets 408.
pub const UPLOAD: Duration = Duration::from_secs(10);
/// So much of it, in bytes: one that sends a byte a second makes no progress.
pub const UPLOAD_PROGRESS: u64 = 16 * 1024;
/// What has arrived of it is kept, and its record written, within this time, or the client gets 503.
pub const UPLOAD_WORK: Duration = Duration::from_secs(30);
/// A request's head has arrived within this time after the connection was made, or after the answer before; else the
/// connection is closed.
pub const HEAD: Duration = Duration::from_secs(10);
/// A client takes some bytes of its answer within this time, or its connection is closed.
pub const WRITE: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes.
pub const LARGEST_HEAD: usize = 16 * 1024;
/// Requests in flight are answered within this time once the process is told to stop: longer than a head or a request
/// may take, and short enough that the process ends within thirty seconds.
pub const DRAIN: Duration = Duration::from_secs(12);
