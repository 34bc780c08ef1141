//! The least that a route of poem takes: it answers a constant, or one of several in turn, through the same connections
//! as the server's.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airside_server::http::listener;
use hyper::body::Bytes;
use poem::endpoint::make_sync;
use poem::http::header;
use poem::{Body, EndpointExt, Response, Route};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The argument that makes this program the bare route.
pub(crate) const WORD: &str = "bare";

/// Answers with constants of these sizes in turn until standard input closes.
pub(crate) fn serve(sizes: impl Iterator<Item = usize>) {
    let stop = CancellationToken::new();
    let ended = stop.clone();
    std::thread::spawn(move || {
        // Whatever ends it, nobody needs this process any more.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ended.cancel();
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bodies: Vec<Bytes> = sizes.map(|size| vec![b'x'; size].into()).collect();
        let turn = AtomicUsize::new(0);
        let answer = make_sync(move |_| {
            let body = &bodies[turn.fetch_add(1, Ordering::Relaxed) % bodies.len()];
            Response::builder()
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from_bytes(body.clone()))
        });
        let route = Route::new().at("/v1/itineraries", answer.map_to_response());
        let route = Arc::new(route);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening on http://{}", listener.local_addr().unwrap());
        loop {
            let (socket, remote) = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted.unwrap(),
            };
            let connection = listener::connection(socket, remote, Arc::clone(&route), stop.clone());
            tokio::spawn(connection);
        }
    });
}
