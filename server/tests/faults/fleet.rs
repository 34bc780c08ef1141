//! The services as processes of their own, behind nginx, on PostgreSQL with a replica and Redis; and the console's program.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::process::{Client, PASSWORD, Place, Server};
use crate::proxy::Proxy;
use crate::redis::PrivateRedis;

/// How often a client repeats a request that was not answered, or with 503: as the console does, for some seconds.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// What works behind the services.
const WORK: &str = "worker,ingest,relay,notifier,analytics";

/// The processes by their names in `upstreams.conf`, and nginx in front; `work` is behind them all.
pub(crate) struct Fleet {
    pub(crate) places: BTreeMap<&'static str, Place>,
    pub(crate) servers: BTreeMap<&'static str, Server>,
    pub(crate) proxy: Proxy,
    pub(crate) redis: PrivateRedis,
    /// PostgreSQL, which goes last.
    _cluster: Cluster,
}

impl Fleet {
    /// `auth`, two of `search` and of `bookings`, `admin`, and `work`.
    pub(crate) async fn start(flights: u16, capacity: u32) -> Self {
        let cluster = Cluster::start(1).await;
        let first =
            Place::on_server(cluster.address("postgres").to_owned(), flights, capacity).await;
        let replica = cluster.database("replica-1", &first.database());
        let add = [
            "user",
            "add",
            "root",
            "--role",
            "admin",
            "--office",
            "NYC1A0001",
        ];
        let made = first.run(&add, &format!("{PASSWORD}\n")).await;
        assert!(made.status.success(), "{made:?}");
        // Longer than nginx thinks that a process is down which has just come back.
        let redis = PrivateRedis::start().await;
        let files = format!("file://{}", first.data().join("shared").display());
        let first = first
            .with("AIRSIDE_DATABASE_REPLICA_URLS", replica)
            .with("AIRSIDE_REDIS_URL", &redis.url)
            .with("AIRSIDE_FILES_URL", files)
            .with("AIRSIDE_HTTP_TRUSTED_PROXIES", "127.0.0.1")
            .with("AIRSIDE_HTTP_DRAIN_SECONDS", "3");
        let auth = first.with("AIRSIDE_ROLES", "auth");
        let server = auth.start().await;
        let keys = format!("http://{}/.well-known/jwks.json", server.address);
        let mut places = BTreeMap::from([("auth", auth)]);
        let mut servers = BTreeMap::from([("auth", server)]);
        for name in [
            "search-1",
            "search-2",
            "bookings-1",
            "bookings-2",
            "admin",
            "work",
        ] {
            let role = match name.split('-').next().unwrap() {
                "work" => WORK,
                role => role,
            };
            let place = places["auth"].beside();
            // Those that sign no tokens need no keys that do.
            std::fs::remove_dir_all(place.data().join("signing-keys")).unwrap();
            let place = place
                .with("AIRSIDE_ROLES", role)
                .with("AIRSIDE_AUTH_JWKS_URL", &keys);
            servers.insert(name, place.start().await);
            places.insert(name, place);
        }
        let addresses: Vec<_> = servers
            .iter()
            .filter(|(name, _)| **name != "work")
            .map(|(name, server)| (*name, server.address.as_str()))
            .collect();
        let proxy = Proxy::start(&addresses).await;
        Self {
            places,
            servers,
            proxy,
            redis,
            _cluster: cluster,
        }
    }

    /// A user at the proxy.
    pub(crate) async fn login(&self, name: &str) -> Client {
        Client::login(&self.proxy.address, name, self.places["auth"].date).await
    }

    /// `kill -9`; answers where it was.
    pub(crate) async fn kill(&mut self, name: &'static str) -> String {
        let server = self.servers.remove(name).unwrap();
        let address = server.address.clone();
        server.kill().await;
        address
    }

    /// Ends a process as an update does, and starts it again where it was.
    pub(crate) async fn restart(&mut self, name: &'static str) {
        let server = self.servers.remove(name).unwrap();
        let address = server.address.clone();
        server.stop().await;
        self.start_again(name, &address).await;
    }

    pub(crate) async fn start_again(&mut self, name: &'static str, address: &str) {
        let server = self.places[name].start_at(address, &[]).await;
        self.servers.insert(name, server);
    }

    /// The search that finds all its flights.
    pub(crate) fn search(&self) -> String {
        let date = self.places["auth"].date;
        format!("/v1/itineraries?origin=JFK&destination=ORD&date={date}&max_stops=0&limit=100")
    }

    /// All bookings of the office, by locator, as the primary has them.
    pub(crate) async fn bookings(&self, client: &Client) -> HashMap<String, Value> {
        let mut all = HashMap::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/bookings?limit=100{cursor}");
            let (status, page) = client.get_seeing(&path, "unknown").await;
            assert_eq!(status, 200, "{page}");
            for booking in page["items"].as_array().unwrap() {
                let locator = booking["locator"].as_str().unwrap().to_owned();
                assert!(all.insert(locator, booking.clone()).is_none());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

/// What a request was answered at last, and how often it was repeated.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    /// For whatever reason.
    pub(crate) repeated: usize,
    /// Because nobody answered.
    pub(crate) unanswered: usize,
}

/// Sends a request until it is answered, as the console does: with the same key.
pub(crate) async fn patiently(
    client: &Client,
    method: Method,
    path: &str,
    key: &str,
    body: &Value,
) -> Answered {
    let mut unanswered = 0;
    for repeated in 0..TRIES {
        let request = client
            .http
            .request(method.clone(), format!("{}{path}", client.base))
            .bearer_auth(&client.token)
            .header("Idempotency-Key", key);
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        match answer_of(request).await {
            Some((status, body)) if body["code"] != "idempotency_in_progress" => {
                return Answered {
                    status,
                    body,
                    repeated,
                    unanswered,
                };
            }
            Some(_) => {}
            None => unanswered += 1,
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{method} {path} was not answered");
}

/// What a request was answered; `None` where nobody was there to answer it, as nginx says with 503.
async fn answer_of(request: reqwest::RequestBuilder) -> Option<(StatusCode, Value)> {
    let answer = request.send().await.ok()?;
    let status = answer.status();
    (status != 503).then_some((status, answer.json().await.ok()?))
}

/// The console's program beside the server's; `cargo build --bins` makes both.
pub(crate) fn console() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_airside-server")).with_file_name("airside");
    assert!(program.exists(), "cargo build --bins");
    program
}

/// Runs a command of the console; answers the JSON that it prints.
pub(crate) async fn airside(
    state: &std::path::Path,
    server: &str,
    arguments: &[&str],
    input: &str,
) -> Value {
    let mut child = Command::new(console())
        .args(arguments)
        .arg("--json")
        .env("HOME", state)
        .env("AIRSIDE_STATE_DIR", state)
        .env("AIRSIDE_SERVER", format!("http://{server}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{arguments:?} {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}
