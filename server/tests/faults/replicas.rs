//! Replicas that are late, frozen, killed, behind a migration, or of no use to a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::process::{Client, Place, Store};
use crate::waiting::until;

const PATIENCE: Duration = Duration::from_mins(1);
const REPLICAS: &str = "AIRSIDE_DATABASE_REPLICA_URLS";
const MAX_LAG: &str = "AIRSIDE_DATABASE_REPLICA_MAX_LAG";

const PAUSE: &str = "SELECT pg_wal_replay_pause()";
const RESUME: &str = "SELECT pg_wal_replay_resume()";

/// What `/readyz` says of replicas; the process is ready whatever it is.
async fn states(client: &Client) -> Vec<String> {
    let (status, ready) = client.get("/readyz").await;
    assert_eq!(status, 200, "{ready}");
    let replicas = ready["replicas"].as_array().unwrap();
    let state = |replica: &Value| replica["state"].as_str().unwrap().to_owned();
    replicas.iter().map(state).collect()
}

/// Waits until a replica is in a state.
async fn becomes(client: &Client, replica: usize, state: &str) {
    let reached = async {
        while states(client).await[replica] != state {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let reached = timeout(PATIENCE, reached).await;
    assert!(
        reached.is_ok(),
        "{:?} instead of {state}",
        states(client).await
    );
}

/// How many lists of bookings replicas and the primary have answered.
async fn answered(client: &Client) -> (u64, u64) {
    let by = async |source: &str| {
        let name = format!("airside_database_reads_total{{read=\"bookings\",source=\"{source}\"}}");
        let figure = client.figure(&name).await;
        figure.map_or(0, |figure| figure.parse().unwrap())
    };
    (by("replica").await, by("primary").await)
}

/// Books one seat; answers the locator and the moment of the booking.
async fn book(client: &Client, key: &str) -> (String, String) {
    let answer = client.send_booking(key, &client.body(0)).await.unwrap();
    assert_eq!(answer.status(), 201);
    let moment = answer.headers()["airside-consistency"].to_str().unwrap();
    let moment = moment.to_owned();
    let booking: Value = answer.json().await.unwrap();
    (booking["locator"].as_str().unwrap().to_owned(), moment)
}

fn lists((status, page): &(StatusCode, Value), locator: &str) -> bool {
    assert_eq!(*status, 200, "{page}");
    let mut items = page["items"].as_array().unwrap().iter();
    items.any(|booking| booking["locator"] == locator)
}

#[tokio::test(flavor = "multi_thread")]
async fn own_writes_are_seen_at_once_while_a_replica_stands_still() {
    let cluster = Cluster::start(1).await;
    let place = Place::on_server(cluster.address("postgres").to_owned(), 2, 100).await;
    let replica = cluster.database("replica-1", &place.database());
    let place = place.with(REPLICAS, replica).with(MAX_LAG, "1h");
    let server = place.start().await;
    let client = server.login("ada").await;
    becomes(&client, 0, "serving").await;
    cluster.execute("replica-1", PAUSE).await;

    let (locator, moment) = book(&client, "one").await;
    let seen = client.get_seeing("/v1/bookings", &moment).await;
    assert!(lists(&seen, &locator));
    assert_eq!(answered(&client).await, (0, 1));
    // Who does not ask for it is shown what the replica has.
    let stale = client.get("/v1/bookings").await;
    assert!(!lists(&stale, &locator));
    assert_eq!(answered(&client).await, (1, 1));
    // What is no token of this server's was seen elsewhere, and no replica is known to have it.
    for other in ["?", "unknown", "0000000000000001-000000010000000000000001"] {
        assert!(lists(
            &client.get_seeing("/v1/bookings", other).await,
            &locator
        ));
    }
    assert_eq!(answered(&client).await, (1, 4));
    // What decides, and what names its booking, is never read from a replica.
    let path = format!("/v1/bookings/{locator}");
    assert_eq!(client.get(&path).await.0, 200);
    assert!(lists(
        &client.get("/v1/bookings?operation=one").await,
        &locator
    ));
    let history = client.get_seeing(&format!("{path}/history"), &moment).await;
    assert_eq!(history.1["items"].as_array().unwrap().len(), 1);

    // The same key again is as late as any other answer.
    let (same, again) = book(&client, "one").await;
    assert_eq!(same, locator);
    assert!(lists(
        &client.get_seeing("/v1/bookings", &again).await,
        &locator
    ));
    // Searches follow the events, and not what the replica still shows.
    let sold = async {
        let path = format!(
            "/v1/itineraries?origin=JFK&destination=ORD&date={}&max_stops=0&limit=100",
            place.date
        );
        loop {
            let (_, found) = client.get(&path).await;
            let items = found["items"].as_array().unwrap().iter();
            let seats = items.map(|item| &item["segments"][0]["cabins"][0]["available"]);
            if seats.map(|seats| seats.as_u64().unwrap()).sum::<u64>() == 199 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Far less than what is kept without an event.
    let soon = timeout(Duration::from_secs(15), sold).await;
    soon.expect("the seat that was sold is counted");

    cluster.execute("replica-1", RESUME).await;
    let caught_up = async {
        let (before, _) = answered(&client).await;
        loop {
            let seen = client.get_seeing("/v1/bookings", &again).await;
            assert!(lists(&seen, &locator));
            if answered(&client).await.0 > before {
                break;
            }
        }
    };
    let caught_up = timeout(PATIENCE, caught_up).await;
    caught_up.expect("the replica answers once it has replayed the booking");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lags_is_left_out_until_it_has_caught_up() {
    let cluster = Cluster::start(1).await;
    let place = Place::on_server(cluster.address("postgres").to_owned(), 2, 100).await;
    let replica = cluster.database("replica-1", &place.database());
    let place = place.with(REPLICAS, replica).with(MAX_LAG, "1s");
    let server = place.start().await;
    let client = server.login("ada").await;
    becomes(&client, 0, "serving").await;
    cluster.execute("replica-1", PAUSE).await;
    let (locator, _) = book(&client, "one").await;
    becomes(&client, 0, "lags").await;
    let lag = format!(
        "airside_database_replica_lag_seconds{{server=\"{}\"}}",
        server_of(cluster.address("replica-1"))
    );
    let lag: f64 = client.figure(&lag).await.unwrap().parse().unwrap();
    assert!(lag > 1.0);
    assert!(lists(&client.get("/v1/bookings").await, &locator));
    cluster.execute("replica-1", RESUME).await;
    becomes(&client, 0, "serving").await;
    server.stop().await;
}

/// Host and port of an address.
fn server_of(address: &str) -> &str {
    let (_, rest) = address.split_once('@').unwrap();
    rest.split('/').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_frozen_or_killed_are_left_out_and_come_back() {
    let cluster = Cluster::start(2).await;
    let place = Place::on_server(cluster.address("postgres").to_owned(), 2, 100).await;
    let [first, second] =
        ["replica-1", "replica-2"].map(|name| cluster.database(name, &place.database()));
    let place = place.with(REPLICAS, format!("{first},{second}"));
    let server = place.start().await;
    let client = server.login("ada").await;
    for replica in [0, 1] {
        becomes(&client, replica, "serving").await;
    }
    let read = async |times: usize| {
        for _ in 0..times {
            let (status, page) = client.get("/v1/bookings").await;
            assert_eq!(status, 200, "{page}");
        }
    };
    // Connections to both are open.
    read(4).await;
    let (before, _) = answered(&client).await;
    assert_eq!(before, 4);

    cluster.freeze("replica-1", Signal::SIGSTOP);
    // The first of these may be the one that finds out.
    read(4).await;
    becomes(&client, 0, "does not answer").await;
    let (replicas, primary) = answered(&client).await;
    assert!(replicas > before && primary <= 1, "{replicas} {primary}");

    cluster.end("replica-2", Signal::SIGQUIT).await;
    read(4).await;
    becomes(&client, 1, "does not answer").await;
    let (_, before) = answered(&client).await;
    read(4).await;
    assert_eq!(answered(&client).await.1, before + 4);
    book(&client, "while both are away").await;

    cluster.freeze("replica-1", Signal::SIGCONT);
    becomes(&client, 0, "serving").await;
    cluster.again("replica-2").await;
    becomes(&client, 1, "serving").await;
    let (before, _) = answered(&client).await;
    read(4).await;
    assert_eq!(answered(&client).await.0, before + 4);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lacks_a_migration_is_left_out_until_it_has_it() {
    let cluster = Cluster::start(1).await;
    let place = Place::empty_on_server(cluster.address("postgres").to_owned()).await;
    let replica = cluster.database("replica-1", &place.database());
    // The database is there, and nothing in it.
    let made = async {
        use sqlx::Connection;
        while sqlx::PgConnection::connect(&replica).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, made).await.unwrap();
    cluster.execute("replica-1", PAUSE).await;
    let place = place.furnished(2, 100).await;
    let place = place.with(REPLICAS, replica).with(MAX_LAG, "1h");
    let server = place.start().await;
    let client = server.login("ada").await;
    becomes(&client, 0, "lacks a migration").await;
    let (locator, _) = book(&client, "one").await;
    assert!(lists(&client.get("/v1/bookings").await, &locator));
    assert_eq!(answered(&client).await, (0, 1));
    cluster.execute("replica-1", RESUME).await;
    becomes(&client, 0, "serving").await;
    assert!(lists(&client.get("/v1/bookings").await, &locator));
    server.stop().await;
}

/// A place where a replica could be, at which it is only counted who comes.
struct Visited {
    address: String,
    visits: Arc<AtomicUsize>,
}

impl Visited {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let visited = Self {
            address: listener.local_addr().unwrap().to_string(),
            visits: Arc::default(),
        };
        let visits = Arc::clone(&visited.visits);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                visits.fetch_add(1, Ordering::SeqCst);
            }
        });
        visited
    }

    fn url(&self) -> String {
        format!("postgres://airside@{}/airside", self.address)
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_reads_nothing_old_is_connected_to_no_replica() {
    let (by_others, by_search) = (Visited::new().await, Visited::new().await);
    let place = Place::on(Store::Postgres, 1, 1).await;
    let auth = place.with("AIRSIDE_ROLES", "auth");
    let auth = auth.with(REPLICAS, by_others.url());
    let first = auth.start().await;
    let keys = format!("http://{}/.well-known/jwks.json", first.address);
    let behind = auth.beside().with("AIRSIDE_AUTH_JWKS_URL", keys);
    let behind = behind.with("AIRSIDE_ROLES", "ingest,relay,notifier,analytics");
    let second = behind.start().await;
    let search = behind.beside().with("AIRSIDE_ROLES", "search");
    let search = search.with(REPLICAS, by_search.url());
    let third = search.start().await;
    // The others would have been there as often.
    until(PATIENCE, "search looks for its replica", async || {
        by_search.visits() > 3
    })
    .await;
    assert_eq!(by_others.visits(), 0);
    for (server, asks) in [(&first, false), (&second, false), (&third, true)] {
        let said = async |path: &str| {
            let url = format!("http://{}{path}", server.address);
            let answer = reqwest::get(url).await.unwrap();
            answer.text().await.unwrap()
        };
        let ready: Value = serde_json::from_str(&said("/readyz").await).unwrap();
        assert_eq!(ready["replicas"].is_array(), asks, "{ready}");
        let figures = said("/metrics").await;
        assert_eq!(figures.contains("replica"), asks, "{figures}");
    }
    for server in [first, second, third] {
        server.stop().await;
    }
}
