//! SIGTERM while clients are busy; the end of standard input.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::sys::signal::{Signal, kill};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{Client, PASSWORD, Place, Store};
use crate::redis::PrivateRedis;
use crate::waiting::until;

const PATIENCE: Duration = Duration::from_mins(1);

#[rstest]
#[tokio::test]
async fn what_was_begun_is_answered_and_the_server_ends_well(
    #[values(Store::Sqlite, Store::Postgres)] store: Store,
) {
    let place = Place::on(store, 1, 100).await;
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

/// Books until nobody answers any more; what was answered, by key.
async fn book_until_refused(client: Client, name: usize) -> HashMap<String, Option<String>> {
    let mut keys = HashMap::new();
    for n in 0..100_000 {
        let key = format!("{name}-{n}");
        let Some((status, body)) = client.book(&key, &client.body(n)).await else {
            keys.insert(key, None);
            return keys;
        };
        assert_eq!(status, 201, "{body}");
        keys.insert(key, Some(body["locator"].as_str().unwrap().to_owned()));
    }
    keys
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn bookings_in_flight_are_answered_or_never_made_twice_and_a_silent_client_holds_nothing_up(
    #[values(Store::Sqlite, Store::Postgres)] store: Store,
) {
    let place = Place::on(store, 20, 900).await;
    let add = ["user", "add", "root", "--role", "admin", "--office"];
    let add = [&add[..], &["HDQ1A0001"]].concat();
    let added = place.run(&add, &format!("{PASSWORD}\n")).await;
    assert!(added.status.success(), "{added:?}");
    let began = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let redis = match store {
        Store::Sqlite => None,
        Store::Postgres => Some(PrivateRedis::start().await),
    };
    let place = match &redis {
        None => place,
        Some(redis) => place.with("AIRSIDE_REDIS_URL", &redis.url),
    };
    let mut server = place.start().await;
    let client = server.login("ada").await;
    // One says nothing, one stops in its head, one in its body.
    let mut silent = Vec::new();
    for start in [
        "",
        "GET /healthz HT",
        "POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    ] {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket.write_all(start.as_bytes()).await.unwrap();
        silent.push(socket);
    }
    let mut storms = tokio::task::JoinSet::new();
    for name in 0..16 {
        storms.spawn(book_until_refused(client.clone(), name));
    }
    until(Duration::from_mins(1), "the storm goes on", async || {
        let (status, list) = client.get("/v1/bookings?limit=100").await;
        assert_eq!(status, 200, "{list}");
        !list["next_cursor"].is_null()
    })
    .await;
    kill(server.pid(), Signal::SIGTERM).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), server.ended()).await;
    let status = ended.expect("within 30 seconds");
    assert!(status.success(), "{status}");
    for mut socket in silent {
        let mut rest = Vec::new();
        // Closed, with or without a word.
        let _ = socket.read_to_end(&mut rest).await;
    }

    let mut all = HashMap::new();
    while let Some(keys) = storms.join_next().await {
        all.extend(keys.unwrap());
    }
    let server = place.start().await;
    let client = server.login("ada").await;
    for (key, locator) in &all {
        let n: usize = key.rsplit('-').next().unwrap().parse().unwrap();
        let (status, body) = client.book(key, &client.body(n)).await.unwrap();
        assert_eq!(status, 201, "{body}");
        if let Some(locator) = locator {
            assert_eq!(body["locator"], locator.as_str(), "{key}");
        }
    }
    // Its consumer stopped behind its message: each booking is counted, and none twice.
    let root = server.login("root").await;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let sales = format!("/v1/admin/analytics/sales?from={began}&to={today}&group_by=route");
    let counted = async || root.get(&sales).await.1["items"][0]["booked"].as_u64();
    until(PATIENCE, "all bookings are counted", async || {
        counted()
            .await
            .is_some_and(|counted| counted >= all.len() as u64)
    })
    .await;
    assert_eq!(counted().await, Some(all.len() as u64));
    server.stop().await;
    place.check().await;
}
