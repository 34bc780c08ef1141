//! How soon a process knows what another has done: a seat that was sold there, a session that ended there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airside_server::store::SharedDatabase;
use airside_server::store::postgres::Postgres;
use jiff::Span;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::bookings::{PASSWORD, USER, agent};
use super::http::{self, Connection};
use super::place::Folder;
use super::postgres::{ADDRESS, empty_database};
use super::process::Server;
use super::redis::REDIS;
use super::report::{Aim, Report};
use super::rounds::median;

const SALES: usize = 100;
const SESSIONS: usize = 20;
/// Between two looks at the other process.
const LOOK: Duration = Duration::from_millis(1);
/// Between two changes, so that each is told by itself.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);
/// What is promised, in milliseconds.
const PROMISED: Aim = Aim::Below(1000.0);

pub(crate) fn measure(report: &mut Report) {
    let (Ok(address), Ok(redis)) = (std::env::var(ADDRESS), std::env::var(REDIS)) else {
        eprintln!("  left out: {ADDRESS} and {REDIS} do not say where PostgreSQL and Redis are");
        return;
    };
    let runtime = Runtime::new().unwrap();
    let url = runtime.block_on(empty_database(&address, "airside_bench"));
    let folder = Folder::new("processes");
    let first = folder.join("data");
    let keys = first.join("signing-keys");
    let (made, _) = Server::demonstration(&first, Some(&url));
    http::wait_for(made.address, "/metrics", "airside_outbox_depth 0\n");
    drop(made);
    runtime.block_on(async {
        let database: SharedDatabase = Arc::new(Postgres::open(&url).await.unwrap());
        agent(&database).await;
        database.close().await;
    });
    for (day, name, redis) in [(3, "without Redis", ""), (4, "with Redis", redis.as_str())] {
        let settings = [
            ("AIRSIDE_REDIS_URL", redis.as_ref()),
            ("AIRSIDE_AUTH_KEYS", keys.as_ref()),
        ];
        let one = Server::serving(&first, &url, &settings);
        let other = Server::serving(&folder.join("other"), &url, &settings);
        one.wait_for_rest();
        other.wait_for_rest();
        let mut told = |what: &str, times: Vec<f64>| {
            let longest = times.iter().copied().fold(0.0, f64::max);
            let what = format!("{what}, {name}");
            report.alone(&what, "ms", median(times), Aim::None);
            report.alone("  the longest", "ms", longest, PROMISED);
        };
        let sales = runtime.block_on(sales(&one, &other, day));
        told("a seat is sold, until the other process shows it", sales);
        let ends = runtime.block_on(ends(&one, &other));
        told("a session ends, until the other process refuses it", ends);
    }
}

/// A user at both processes.
struct Both {
    token: String,
    refresh_token: String,
    one: Peer,
    other: Peer,
}

struct Peer {
    address: SocketAddr,
    connection: Connection,
}

impl Peer {
    async fn at(server: &Server) -> Self {
        Self {
            address: server.address,
            connection: Connection::open(server.address).await.unwrap(),
        }
    }

    /// Sends a request; `null` is no body.
    async fn ask(&mut self, line: &str, token: &str, key: &str, body: &Value) -> (u16, Value) {
        let text = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\nidempotency-key: {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
            self.address,
            text.len()
        );
        let answer = self.connection.exchange(request.as_bytes()).await.unwrap();
        let body = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
        (answer.status, body)
    }
}

impl Both {
    async fn log_in(one: &Server, other: &Server) -> Self {
        let mut peer = Peer::at(one).await;
        let body = json!({"username": USER, "password": PASSWORD});
        let (status, tokens) = peer.ask("POST /v1/auth/login", "", "-", &body).await;
        assert_eq!(status, 200, "{tokens}");
        let word = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Self {
            token: word("access_token"),
            refresh_token: word("refresh_token"),
            one: peer,
            other: Peer::at(other).await,
        }
    }
}

/// Milliseconds until something holds.
async fn until(since: Instant, mut holds: impl AsyncFnMut() -> bool) -> f64 {
    let holding = async {
        while !holds().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, holding).await.unwrap();
    since.elapsed().as_secs_f64() * 1e3
}

/// Sells seats of a flight so many days from now.
async fn sales(one: &Server, other: &Server, day: i64) -> Vec<f64> {
    let Both {
        token,
        mut one,
        mut other,
        ..
    } = Both::log_in(one, other).await;
    let today = jiff::Timestamp::now().to_zoned(TimeZone::UTC).date();
    let date = today + Span::new().days(day);
    let search =
        format!("GET /v1/itineraries?origin=JFK&destination=LAX&date={date}&max_stops=0&limit=1");
    let (status, found) = other.ask(&search, &token, "-", &Value::Null).await;
    assert_eq!(status, 200, "{found}");
    let flight = found["items"][0]["segments"][0]["flight_id"].clone();
    let seats = |found: &Value| {
        let segment = &found["items"][0]["segments"][0];
        let cabins = segment["cabins"].as_array().unwrap();
        let economy = cabins.iter().find(|cabin| cabin["cabin"] == "economy");
        economy.unwrap()["available"].as_u64().unwrap()
    };
    let mut left = seats(&found);
    let booking = json!({
        "segments": [{"flight_id": flight, "cabin": "economy"}],
        "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
        "contact": {"phone": "212-5550100"},
    });
    let mut times = Vec::new();
    for _ in 0..SALES {
        let key = uuid::Uuid::new_v4().to_string();
        let (status, booked) = one.ask("POST /v1/bookings", &token, &key, &booking).await;
        assert_eq!(status, 201, "{booked}");
        let since = Instant::now();
        left -= 1;
        let shown = async || {
            let (_, found) = other.ask(&search, &token, "-", &Value::Null).await;
            seats(&found) == left
        };
        times.push(until(since, shown).await);
        tokio::time::sleep(PAUSE).await;
    }
    times
}

async fn ends(one: &Server, other: &Server) -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..SESSIONS {
        let mut user = Both::log_in(one, other).await;
        let me = async |peer: &mut Peer, token: &str| {
            let (status, _) = peer.ask("GET /v1/auth/me", token, "-", &Value::Null).await;
            status
        };
        assert_eq!(me(&mut user.other, &user.token).await, 200);
        let body = json!({"refresh_token": user.refresh_token});
        let line = "POST /v1/auth/logout";
        let left = user.one.ask(line, &user.token, "-", &body).await;
        assert_eq!(left.0, 204, "{}", left.1);
        let since = Instant::now();
        let refused = async || me(&mut user.other, &user.token).await == 401;
        times.push(until(since, refused).await);
    }
    times
}
