//! SIGTERM while clients are busy; the end of standard input.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::process::Place;

#[tokio::test]
async fn what_was_begun_is_answered_and_the_server_ends_well() {
    let place = Place::new(1, 100).await;
    let mut server = place.start().await;
    let base = format!("http://{}", server.address);
    let stopping = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU32::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (base, stopping, answered) = (base.clone(), stopping.clone(), answered.clone());
        clients.spawn(async move {
            let client = reqwest::Client::new();
            loop {
                let keys = client.get(format!("{base}/.well-known/jwks.json"));
                let Ok(answer) = keys.send().await else {
                    // Refused only once it is told to stop.
                    assert!(stopping.load(Ordering::Relaxed));
                    return;
                };
                // An answer that was begun comes whole.
                assert!(answer.status().is_success());
                assert!(answer.text().await.unwrap().contains("EdDSA"));
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while answered.load(Ordering::Relaxed) < 200 {
        tokio::task::yield_now().await;
    }
    stopping.store(true, Ordering::Relaxed);
    kill(server.pid(), Signal::SIGTERM).unwrap();
    let told = Instant::now();
    // Not ready at once, though it still answers.
    let client = reqwest::Client::new();
    let unready = async {
        loop {
            let status = client
                .get(format!("{base}/readyz"))
                .send()
                .await
                .unwrap()
                .status();
            if status == 503 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), unready)
        .await
        .unwrap();
    let status = server.ended().await;
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < Duration::from_secs(30));
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    place.check().await;
}
