//! A way to a server that breaks: connections end in the middle of whatever goes over them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes that a connection carries before it breaks, both ways together: some have only just declared what they need.
const BEFORE_IT_BREAKS: std::ops::Range<usize> = 24_000..72_000;

pub(crate) struct Wire {
    pub(crate) port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Whether connections that are made from now on break.
    breaks: AtomicBool,
    broken: AtomicUsize,
}

impl Wire {
    /// To a port of this machine.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
        let task = tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                loop {
                    let (near, _) = listener.accept().await.unwrap();
                    tokio::spawn(carry(near, port, Arc::clone(&state)));
                }
            }
        });
        Self {
            port: own,
            state,
            task,
        }
    }

    /// Has connections break, or not any more; those that were made before stay what they are.
    pub(crate) fn breaks(&self, breaks: bool) {
        self.state.breaks.store(breaks, Ordering::Relaxed);
    }

    /// How many have broken.
    pub(crate) fn broken(&self) -> usize {
        self.state.broken.load(Ordering::Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut near: TcpStream, port: u16, state: Arc<State>) {
    // Where the server is away, whoever came is sent away.
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let breaks = state.breaks.load(Ordering::Relaxed);
    let mut left = breaks.then(|| rand::random_range(BEFORE_IT_BREAKS));
    let (mut ours, mut theirs) = ([0; 2_048], [0; 2_048]);
    loop {
        let (read, to, bytes) = tokio::select! {
            read = near.read(&mut ours) => (read, &mut far, &ours),
            read = far.read(&mut theirs) => (read, &mut near, &theirs),
        };
        let Ok(read @ 1..) = read else {
            return;
        };
        if let Some(left) = &mut left {
            if *left <= read {
                state.broken.fetch_add(1, Ordering::Relaxed);
                // The last part of it still arrives.
                let _ = to.write_all(&bytes[..*left]).await;
                return;
            }
            *left -= read;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
