//! As little of an HTTP client as a measure needs: what the client takes is taken from both sides.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer is there within this time, or the measure fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A state is reached within this time, or the measure fails; it is looked for so often.
const LONG_PATIENCE: Duration = Duration::from_mins(2);
const BREATH: Duration = Duration::from_millis(100);

/// A connection that is kept alive, with one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await??;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            received: Vec::with_capacity(1 << 16),
        })
    }

    /// Sends a whole request and reads its whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.socket.write_all(request).await?;
        self.received.clear();
        let mut end = None;
        while end.is_none_or(|(_, end)| self.received.len() < end) {
            if self.socket.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if end.is_none() {
                end = extent(&self.received)?;
            }
        }
        let (body, end) = end.unwrap_or_default();
        let status = self.received.get(9..12).and_then(number);
        Ok(Answer {
            status: u16::try_from(status.ok_or(io::ErrorKind::InvalidData)?)
                .map_err(io::Error::other)?,
            body: &self.received[body..end],
        })
    }
}

/// Where the body begins and ends, once the head is there.
fn extent(received: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let length = received[..head]
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"content-length: "))
        .and_then(|value| number(value.trim_ascii()))
        // 204 has none (RFC 9110, section 8.6).
        .or_else(|| received.starts_with(b"HTTP/1.1 204").then_some(0))
        .ok_or_else(|| io::Error::other("an answer without its length"))?;
    Ok(Some((head + 4, head + 4 + length)))
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Logs in, and answers with the access token.
pub(crate) fn log_in(address: SocketAddr, user: &str, password: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let body = serde_json::json!({"username": user, "password": password}).to_string();
        let request = format!(
            "POST /v1/auth/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = Connection::open(address).await.unwrap();
        let answer = connection.exchange(request.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 200);
        let answer: serde_json::Value = serde_json::from_slice(answer.body).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    })
}

/// The text that a path answers.
pub(crate) fn text(address: SocketAddr, path: &str) -> String {
    text_with(address, path, |_| true)
}

/// Asks again and again until an answer contains a text.
pub(crate) fn wait_for(address: SocketAddr, path: &str, text: &str) {
    text_with(address, path, |answer| answer.contains(text));
}

/// Asks again and again until an answer is right.
fn text_with(address: SocketAddr, path: &str, right: impl Fn(&str) -> bool) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let asking = async {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
        let mut connection = Connection::open(address).await.unwrap();
        loop {
            let answer = connection.exchange(request.as_bytes()).await.unwrap();
            let answer = String::from_utf8_lossy(answer.body);
            if right(&answer) {
                return answer.into_owned();
            }
            tokio::time::sleep(BREATH).await;
        }
    };
    runtime.block_on(async {
        let waited = tokio::time::timeout(LONG_PATIENCE, asking).await;
        waited.unwrap()
    })
}
