//! The accept loop: connections with limits, and an end that answers what is in flight.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Impatient;
use super::limits;
use super::outermost::Outermost;

/// How long the loop rests where the system has no more file descriptors.
const REST: Duration = Duration::from_millis(50);

/// Serves connections until told to stop; then no new ones are taken, requests in flight are answered, and it returns.
/// What still runs after [`limits::DRAIN`] is cut off.
pub async fn serve(
    listener: TcpListener,
    http: Arc<Outermost>,
    most_connections: usize,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(most_connections));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        // At the limit new connections wait in the system's queue.
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = Arc::clone(&permits).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (socket, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let (http, stop, cut) = (Arc::clone(&http), stop.clone(), cut.clone());
        connections.spawn(async move {
            let _permit = permit;
            let metrics = Arc::clone(http.metrics());
            metrics.connections().inc();
            tokio::select! {
                () = connection(socket, remote, http, stop) => {}
                () = cut.cancelled() => {}
            }
            metrics.connections().dec();
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits::DRAIN, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(left = connections.len(), "connections are cut off");
        cut.cancel();
        connections.wait().await;
    }
}

/// Answers the requests of one connection by an endpoint, within the limits, until it ends or is told to stop.
pub async fn connection<E: Endpoint + 'static>(
    socket: TcpStream,
    remote: SocketAddr,
    http: Arc<E>,
    stop: CancellationToken,
) {
    // Answers are written whole; waiting for more would only delay them.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let Ok(local) = socket.local_addr() else {
        return;
    };
    let (local, remote) = (
        LocalAddr(Addr::SocketAddr(local)),
        RemoteAddr(Addr::SocketAddr(remote)),
    );
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let http = Arc::clone(&http);
        let request = Request::from((request, local.clone(), remote.clone(), Scheme::HTTP));
        async move { Ok::<_, Infallible>(hyper::Response::from(http.get_response(request).await)) }
    });
    let socket = TokioIo::new(Impatient::new(socket, limits::WRITE));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::HEAD)
            .max_header_size(limits::LARGEST_HEAD)
            .serve_connection(socket, service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that hangs up or is too slow is its own business.
        tracing::debug!(%error, "a connection ended");
    }
}
