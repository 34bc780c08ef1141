//! The accept loop: HTTP/1.1 with limits on how long a client may take, and an end that answers what was begun.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::Addr;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::edge::Edge;

/// How long the head of a request may take to arrive; also how long an idle connection stays open.
const HEAD: Duration = Duration::from_secs(10);

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 10_000;

/// How long a process that was told to stop waits for requests that were begun.
const DRAIN: Duration = Duration::from_secs(20);

/// Serves until told to stop; then takes no new connections, answers what was begun, and returns within 20 seconds.
pub async fn serve(listener: TcpListener, edge: Arc<Edge>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let local = listener.local_addr().ok();
    loop {
        let Ok(place) = free.clone().acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((socket, remote)) => {
                let edge = edge.clone();
                let stop = stop.clone();
                connections.spawn(async move {
                    // Small answers must not wait for more; a socket that refuses works all the same.
                    let _ = socket.set_nodelay(true);
                    connection(
                        TokioIo::new(socket),
                        local.unwrap_or(remote),
                        remote,
                        edge,
                        stop,
                    )
                    .await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: others will close theirs.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(open = connections.len(), "connections were cut at the end");
    }
}

async fn connection(
    io: TokioIo<tokio::net::TcpStream>,
    local: SocketAddr,
    remote: SocketAddr,
    edge: Arc<Edge>,
    stop: CancellationToken,
) {
    let service = service_fn(move |request| {
        let edge = edge.clone();
        async move {
            let request = (
                request,
                LocalAddr(Addr::SocketAddr(local)),
                RemoteAddr(Addr::SocketAddr(remote)),
                Scheme::HTTP,
            );
            Ok::<_, Infallible>(hyper::Response::from(edge.answer(request.into()).await))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(64)
        .max_buf_size(64 * 1024)
        .serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %remote, "a connection ended early");
    }
}
