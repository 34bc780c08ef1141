//! A line to a server that can be cut.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Everything gets through.
    Open,
    /// Nothing does: connections end, and new ones end at once.
    Cut,
    /// Requests arrive at the server, answers get lost.
    AnswersLost,
}

/// The proxy; it ends with the test's runtime.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    line: watch::Sender<Line>,
    lost: watch::Receiver<Vec<u8>>,
}

impl Proxy {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, state) = watch::channel(Line::Open);
        let (losing, lost) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() != Line::Cut {
                    tokio::spawn(connect(client, server, state.clone(), losing.clone()));
                }
            }
        });
        Self {
            address,
            line,
            lost,
        }
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// Waits until an answer got lost in which a word stands.
    pub(crate) async fn has_lost(&mut self, word: &str) {
        let there = |lost: &Vec<u8>| String::from_utf8_lossy(lost).contains(word);
        self.lost.wait_for(there).await.unwrap();
    }
}

async fn connect(
    client: TcpStream,
    server: SocketAddr,
    state: watch::Receiver<Line>,
    losing: watch::Sender<Vec<u8>>,
) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = state.clone();
    let open = |answer: &[u8]| {
        let through = *state.borrow() == Line::Open;
        if !through {
            losing.send_modify(|lost| lost.extend_from_slice(answer));
        }
        through
    };
    tokio::select! {
        () = pass(from_client, to_server, |_| true) => {}
        () = pass(from_server, to_client, open) => {}
        _ = cut.wait_for(|line| *line == Line::Cut) => {}
    }
}

/// Passes on what is let through, until one end closes.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    through: impl Fn(&[u8]) -> bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if through(&buffer[..length]) && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
