//! A line to PostgreSQL that is cut at the moment of a commit.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

const COMMIT: &[u8] = b"COMMIT";

/// What the cut takes with it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lost {
    /// The commit, which never arrives.
    Commit,
    /// Its answer: the transaction is committed.
    Answer,
}

/// Passes on what is said, until it is cut; gone when it is dropped.
pub(crate) struct Line {
    /// The database's address at this end.
    pub(crate) url: String,
    cuts: Arc<Mutex<Option<Lost>>>,
    task: JoinHandle<()>,
}

impl Line {
    /// To a database by its address.
    pub(crate) async fn to(url: &str) -> Self {
        let (before, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let cuts = Arc::new(Mutex::new(None));
        let task = tokio::spawn({
            let cuts = Arc::clone(&cuts);
            async move {
                let mut connections = JoinSet::new();
                while let Ok((client, _)) = listener.accept().await {
                    let server = TcpStream::connect(&server).await.unwrap();
                    connections.spawn(carry(client, server, Arc::clone(&cuts)));
                }
            }
        });
        Self {
            url: format!("{before}@{here}/{database}"),
            cuts,
            task,
        }
    }

    /// Cuts each connection at its next commit, and new ones at theirs.
    pub(crate) fn cut(&self, lost: Lost) {
        *self.cuts.lock() = Some(lost);
    }

    pub(crate) fn mend(&self) {
        *self.cuts.lock() = None;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries a connection until one side ends it or it is cut: then both sides see it end.
async fn carry(mut client: TcpStream, mut server: TcpStream, cuts: Arc<Mutex<Option<Lost>>>) {
    let (mut said, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        let passed = tokio::select! {
            read = client.read(&mut said) => {
                let said = &said[..read.unwrap_or(0)];
                let is_commit = said.windows(COMMIT.len()).any(|words| words == COMMIT);
                let lost = cuts.lock().filter(|_| is_commit);
                match lost {
                    Some(Lost::Commit) => return,
                    Some(Lost::Answer) => {
                        // Whoever answers has committed.
                        let _ = server.write_all(said).await;
                        let _ = server.read(&mut answered).await;
                        return;
                    }
                    None if said.is_empty() => return,
                    None => server.write_all(said).await,
                }
            }
            read = server.read(&mut answered) => match read.unwrap_or(0) {
                0 => return,
                length => client.write_all(&answered[..length]).await,
            },
        };
        if passed.is_err() {
            return;
        }
    }
}
