//! A bounded load of one HTTP request over connections that stay open, as cheap for the machine as can be.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a round of load measured.
#[derive(Debug, Clone)]
pub struct Round {
    /// Answers a second.
    pub rate: f64,
    /// Time from request to whole answer, sorted.
    pub times: Vec<Duration>,
}

impl Round {
    /// The time below which the given share of answers came.
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.times.len() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the length is an index"
        )]
        let at = (last as f64 * share) as usize;
        self.times[at]
    }
}

/// Sends `request` `each` times over every one of `connections` connections; every answer must be a 200.
pub async fn round(address: SocketAddr, request: &[u8], connections: usize, each: usize) -> Round {
    let mut tasks = Vec::new();
    let start = Instant::now();
    for _ in 0..connections {
        let request = request.to_vec();
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("the server listens");
            stream.set_nodelay(true).expect("a socket option");
            let mut buffer = vec![0; 256 * 1024];
            let mut times = Vec::with_capacity(each);
            for _ in 0..each {
                let sent = Instant::now();
                stream.write_all(&request).await.expect("the server reads");
                read_answer(&mut stream, &mut buffer).await;
                times.push(sent.elapsed());
            }
            times
        }));
    }
    let mut times = Vec::with_capacity(connections * each);
    for task in tasks {
        times.extend(task.await.expect("a connection's task"));
    }
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    times.sort_unstable();
    Round { rate, times }
}

/// Reads one answer with a length; returns the length of its body.
pub async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("the server answers");
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let Some(end) = buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end]).expect("a head is text");
        assert!(head.starts_with("HTTP/1.1 200"), "not 200: {head}");
        let length: usize = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
            .expect("an answer with a length");
        while filled < end + 4 + length {
            let read = stream.read(&mut buffer[filled..]).await.expect("the rest of the answer");
            assert!(read > 0, "the server closed the connection");
            filled += read;
        }
        return length;
    }
}
