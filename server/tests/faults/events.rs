//! Live events with real processes: heard from any of them, resumed at another, bounded, and ended in order.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::process::{Client, Place, Store};
use crate::waiting::until;

/// By when an event has arrived, far later than it does.
const SOON: Duration = Duration::from_secs(15);

/// A stream that is being heard.
pub(crate) struct Stream {
    response: reqwest::Response,
    text: String,
    last: Option<String>,
}

impl Stream {
    pub(crate) async fn open(client: &Client, query: &str, last: Option<&str>) -> Self {
        let mut request = client
            .http
            .get(format!("{}/v1/events{query}", client.base))
            // It is heard for longer than any answer takes.
            .timeout(Duration::from_mins(10))
            .bearer_auth(&client.token);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self {
            response,
            text: String::new(),
            last: None,
        }
    }

    /// The data of the next message; `None` where the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                if let Some(id) = field("id: ") {
                    self.last = Some(id.to_owned());
                }
                if let Some(data) = field("data: ") {
                    return Some(serde_json::from_str(data).unwrap());
                }
            }
            let piece = timeout(SOON * 2, self.response.chunk()).await;
            let piece = piece.expect("a sign of life, at least").ok()??;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The next message, which is of this type.
    pub(crate) async fn hears(&mut self, kind: &str) -> Value {
        let data = timeout(SOON, self.next()).await.expect(kind).expect(kind);
        assert_eq!(data["type"], kind, "{data}");
        data
    }
}

async fn book(client: &Client, key: &str) -> String {
    let (status, booking) = client.book(key, &client.body(0)).await.unwrap();
    assert_eq!(status, 201, "{booking}");
    booking["locator"].as_str().unwrap().to_owned()
}

#[rstest]
#[case::on_sqlite(Store::Sqlite)]
#[case::on_postgresql(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_one_process_is_heard_at_every_and_resumed_at_another(
    #[case] store: Store,
) {
    let place = Place::on(store, 1, 100).await;
    let first = place.start().await;
    let beside = place.beside();
    let second = beside.start().await;
    let ada = first.login("ada").await;
    let ada_there = ada.at(&second);
    let eve = second.login("eve").await;
    let flights = format!("?flights={}", ada.flights[0]);
    let mut here = Stream::open(&ada, &flights, None).await;
    let mut there = Stream::open(&ada_there, &flights, None).await;
    let mut others = Stream::open(&eve, &flights, None).await;
    for stream in [&mut here, &mut there, &mut others] {
        stream.hears("reset").await;
        let seats = stream.hears("inventory.changed").await;
        assert_eq!(seats["cabins"][0]["available"], 100);
    }
    for (number, client) in [&ada, &ada_there].into_iter().enumerate() {
        let locator = book(client, &format!("key-{number}")).await;
        for stream in [&mut here, &mut there] {
            let told = stream.hears("booking.created").await;
            assert_eq!(told["locator"], locator.as_str());
            assert_eq!(told["operation"], format!("key-{number}"));
            let seats = stream.hears("inventory.changed").await;
            assert_eq!(seats["cabins"][0]["available"], 99 - number);
        }
        // Another office hears of the seats alone.
        let seats = others.hears("inventory.changed").await;
        assert_eq!(seats["cabins"][0]["available"], 99 - number);
    }

    // One process is killed; what happens meanwhile is heard at the other one.
    let last = here.last.clone().unwrap();
    first.kill().await;
    assert_eq!(here.next().await, None);
    let locator = book(&ada_there, "key-2").await;
    let mut again = Stream::open(&ada_there, "", Some(&last)).await;
    let told = again.hears("booking.created").await;
    assert_eq!(told["locator"], locator.as_str());
    let first = place.start().await;
    let mut back = Stream::open(&ada.at(&first), "", Some(&last)).await;
    let told = back.hears("booking.created").await;
    assert_eq!(told["locator"], locator.as_str());

    // A session that ends at one process ends its streams at every.
    let logout = json!({"refresh_token": eve.refresh_token});
    assert_eq!(eve.at(&first).post("/v1/auth/logout", &logout).await, 204);
    let ended = async { while others.next().await.is_some() {} };
    timeout(SOON, ended).await.expect("an event tells it");
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_for_longer_than_events_stay_is_told() {
    let place = Place::new(1, 100).await;
    let place = place.with("AIRSIDE_EVENTS_RETENTION_SECONDS", "1");
    let server = place.start().await;
    let ada = server.login("ada").await;
    let mut stream = Stream::open(&ada, "", None).await;
    stream.hears("reset").await;
    let last = stream.last.clone().unwrap();
    drop(stream);
    book(&ada, "key").await;
    // The process that told it remembers it for longer.
    let mut stream = Stream::open(&ada, "", Some(&last)).await;
    stream.hears("booking.created").await;
    until(SOON, "a new process tells of a reset", async || {
        let beside = place.beside();
        let other = beside.start().await;
        let mut stream = Stream::open(&ada.at(&other), "", Some(&last)).await;
        let heard = stream.next().await.unwrap();
        other.stop().await;
        heard["type"] == "reset"
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_all_streams_at_once_and_says_when_to_come_back() {
    let place = Place::new(1, 100)
        .await
        .with("AIRSIDE_EVENTS_MAX_STREAMS_PER_USER", "200");
    let mut server = place.start().await;
    let ada = server.login("ada").await;
    let mut streams = JoinSet::new();
    for _ in 0..100 {
        let mut stream = Stream::open(&ada, "", None).await;
        stream.hears("reset").await;
        streams.spawn(async move {
            while stream.next().await.is_some() {}
            stream
        });
    }
    kill(server.pid(), Signal::SIGTERM).unwrap();
    let told = Instant::now();
    assert!(server.ended().await.success());
    let took = told.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "it waited for streams: {took:?}"
    );
    while let Some(stream) = streams.join_next().await {
        stream.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_told_when_to_try_again() {
    let place = Place::new(1, 1)
        .await
        .with("AIRSIDE_EVENTS_MAX_STREAMS", "3")
        .with("AIRSIDE_EVENTS_MAX_STREAMS_PER_USER", "2");
    let server = place.start().await;
    let (ada, eve) = (server.login("ada").await, server.login("eve").await);
    let one = Stream::open(&ada, "", None).await;
    let _two = Stream::open(&ada, "", None).await;
    let refused = async |client: &Client| {
        let url = format!("{}/v1/events", client.base);
        let request = client.http.get(url).bearer_auth(&client.token);
        let answer = request.send().await.unwrap();
        let waits = answer.headers().contains_key("retry-after");
        (answer.status().as_u16(), waits)
    };
    assert_eq!(refused(&ada).await, (429, true));
    let _three = Stream::open(&eve, "", None).await;
    assert_eq!(refused(&eve).await, (503, true));
    let (status, problem) = ada.get("/v1/events?flights=1,x").await;
    assert_eq!(status, 422);
    assert_eq!(problem["errors"][0]["field"], "flights");
    let many: Vec<String> = (1..=101).map(|id| id.to_string()).collect();
    let (status, _) = ada
        .get(&format!("/v1/events?flights={}", many.join(",")))
        .await;
    assert_eq!(status, 422);
    drop(one);
    until(SOON, "the place of one that has gone is free", async || {
        ada.figure("airside_event_listeners").await.as_deref() == Some("2")
    })
    .await;
    Stream::open(&ada, "", None).await;
    server.stop().await;
}
