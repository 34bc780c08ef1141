//! A thousand consoles that listen at one process: what each takes of its memory, and how soon each hears of a booking.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use airside_common::flight::FlightId;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::http::Connection;
use super::place::Folder;
use super::process::{Server, mebibytes, processor_time};
use super::report::{Aim, Report};
use super::rounds::quantile;

const LISTENERS: usize = 1_000;
/// Flights that each has on its screen.
const NAMED: usize = 20;
const BOOKINGS: usize = 100;
/// From one booking to the next: many times as often as an office books.
const EVERY: Duration = Duration::from_millis(100);
/// What stands before a booking's key.
const OPERATION: &str = "\"operation\":\"";
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn measure(report: &mut Report) {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most.min(65_536), most).unwrap();
    let folder = Folder::new("listeners");
    let data = folder.join("data");
    let (server, token) = Server::demonstration(&data, None);
    drop(server);
    let database = format!("sqlite://{}", data.join("airside.db").display());
    let streams = (LISTENERS + 1).to_string();
    let settings = [
        ("AIRSIDE_EVENTS_MAX_STREAMS_PER_USER", streams.as_ref()),
        // What its start has left is given back before anybody listens, not meanwhile.
        ("MIMALLOC_PURGE_DELAY", "0".as_ref()),
    ];
    let server = Server::serving(&data, &database, &settings);
    server.wait_for_rest();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(listen(report, &server, &token));
}

async fn listen(report: &mut Report, server: &Server, token: &str) {
    let head = format!(
        "host: {}\r\nauthorization: Bearer {token}\r\n",
        server.address
    );
    let flights = flights(server, &head).await;
    let before = mebibytes(server.id(), "VmRSS");
    let (words, mut hearing) = unbounded_channel();
    let named: Vec<String> = flights[..NAMED].iter().map(ToString::to_string).collect();
    let request = format!(
        "GET /v1/events?flights={} HTTP/1.1\r\n{head}\r\n",
        named.join(",")
    );
    for listener in 0..LISTENERS {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        tokio::spawn(hear(socket, listener, words.clone()));
    }
    // Each is told the seats of its flights.
    let all = async {
        for _ in 0..LISTENERS {
            let (_, word, _) = hearing.recv().await.unwrap();
            assert_eq!(word, "", "the first word");
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (mebibytes(server.id(), "VmRSS") - before) * 1024.0 / LISTENERS as f64;
    report.alone("memory of a listener", "KiB", each, Aim::Below(64.0));

    let busy_before = processor_time(server.id());
    let begun = Instant::now();
    let mut connection = Connection::open(server.address).await.unwrap();
    let mut sent = HashMap::new();
    for number in 0..BOOKINGS {
        let key = format!("heard-{number}");
        let body = serde_json::json!({
            "segments": [{"flight_id": flights[number % flights.len()], "cabin": "economy"}],
            "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
            "contact": {"phone": "212-5550100"},
        })
        .to_string();
        let request = format!(
            "POST /v1/bookings HTTP/1.1\r\n{head}content-type: application/json\r\nidempotency-key: {key}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        sent.insert(key, Instant::now());
        let answer = connection.exchange(request.as_bytes()).await.unwrap();
        assert_eq!(
            answer.status,
            201,
            "{}",
            String::from_utf8_lossy(answer.body)
        );
        tokio::time::sleep(EVERY).await;
    }
    let mut delays = Vec::new();
    let mut counts = vec![0; LISTENERS];
    let all = async {
        while delays.len() < LISTENERS * BOOKINGS {
            let (listener, key, at) = hearing.recv().await.unwrap();
            counts[listener] += 1;
            delays.push((at - sent[&key]).as_secs_f64() * 1e3);
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    assert!(
        counts.iter().all(|count| *count == BOOKINGS),
        "each hears all"
    );
    let took = begun.elapsed().as_secs_f64() * 1e3;
    let busy = (processor_time(server.id()) - busy_before) * 100.0 / took;
    let delay = |part| quantile(delays.iter().copied(), part);
    let name = "from a booking to 1,000 consoles, half of all";
    report.alone(name, "ms", delay(0.5), Aim::None);
    report.alone("  99 of 100", "ms", delay(0.99), Aim::Below(1_000.0));
    report.alone("  a processor's time meanwhile", "%", busy, Aim::None);
}

/// Flights that can be booked.
async fn flights(server: &Server, head: &str) -> Vec<FlightId> {
    let date = jiff::Zoned::now().date();
    let date = date.saturating_add(jiff::Span::new().days(7));
    let request = format!(
        "GET /v1/itineraries?origin=JFK&destination=LAX&date={date}&max_stops=0&limit=100 HTTP/1.1\r\n{head}\r\n"
    );
    let mut connection = Connection::open(server.address).await.unwrap();
    let answer = connection.exchange(request.as_bytes()).await.unwrap();
    let page: Value = serde_json::from_slice(answer.body).unwrap();
    let items = page["items"].as_array().unwrap().iter();
    let ids = items.map(|item| item["segments"][0]["flight_id"].as_str().unwrap());
    ids.map(|id| id.parse().unwrap()).collect()
}

/// Tells when a stream has told the seats of a first flight, and then of each booking by its key.
async fn hear(
    mut socket: TcpStream,
    listener: usize,
    heard: UnboundedSender<(usize, String, Instant)>,
) {
    let mut text = Vec::with_capacity(4096);
    let mut begun = false;
    while socket.read_buf(&mut text).await.is_ok_and(|read| read > 0) {
        let at = Instant::now();
        let Some(end) = text.windows(2).rposition(|two| two == b"\n\n") else {
            continue;
        };
        let whole = String::from_utf8_lossy(&text[..end]).into_owned();
        text.drain(..end + 2);
        if !begun && whole.contains("inventory.changed") {
            begun = true;
            // The measure may have ended.
            let _ = heard.send((listener, String::new(), at));
        }
        for part in whole.split(OPERATION).skip(1) {
            let key = part.split('"').next().unwrap_or_default();
            let _ = heard.send((listener, key.to_owned(), at));
        }
    }
}
