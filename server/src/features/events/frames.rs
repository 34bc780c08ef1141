//! Messages of a stream as they are sent (WHATWG HTML, section 9.2: server-sent events).

use std::fmt::Write as _;
use std::time::Duration;

use airside_common::api::events::LiveEvent;
use hyper::body::Bytes;

/// A message; with an id, a client that has it goes on behind it when it comes back.
pub(super) fn message(id: Option<i64>, kind: &str, event: &LiveEvent) -> Bytes {
    // Texts and numbers always serialise, and JSON has no line breaks of its own.
    let data = serde_json::to_string(event).unwrap_or_default();
    let mut text = String::with_capacity(data.len() + kind.len() + 40);
    if let Some(id) = id {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "id: {id}");
    }
    let _ = write!(text, "event: {kind}\ndata: {data}\n\n");
    Bytes::from(text)
}

/// Nothing but a sign of life, and how far the client has heard.
pub(super) fn heartbeat(position: i64) -> String {
    format!(":\nid: {position}\n\n")
}

/// How long the client is to wait before it comes back.
pub(super) fn retry(wait: Duration) -> String {
    format!("retry: {}\n\n", wait.as_millis())
}
