//! Each service a process of its own, behind nginx, on PostgreSQL with a replica and Redis: to clients they are one server.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fleet::{Answered, Fleet, airside, patiently};
use crate::process::{Client, PASSWORD, Place, Store};
use crate::uploads;

/// Clients that book and search all the time.
struct Storm {
    stop: Arc<AtomicBool>,
    booked: Arc<AtomicUsize>,
    searched: Arc<AtomicUsize>,
    bookings: JoinSet<HashMap<String, Answered>>,
    searches: JoinSet<usize>,
}

impl Storm {
    fn start(client: &Client, name: &'static str, search: &str) -> Self {
        let mut storm = Self {
            stop: Arc::default(),
            booked: Arc::default(),
            searched: Arc::default(),
            bookings: JoinSet::new(),
            searches: JoinSet::new(),
        };
        for n in 0..8 {
            let (stop, booked) = (Arc::clone(&storm.stop), Arc::clone(&storm.booked));
            let client = client.clone();
            storm.bookings.spawn(async move {
                let mut keys = HashMap::new();
                for i in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let key = format!("{name}-{n}-{i}");
                    let body = client.body(n + i);
                    let answered =
                        patiently(&client, Method::POST, "/v1/bookings", &key, &body).await;
                    assert_eq!(answered.status, 201, "{}", answered.body);
                    booked.fetch_add(1, Ordering::Relaxed);
                    keys.insert(key, answered);
                }
                keys
            });
        }
        for _ in 0..2 {
            let (stop, searched) = (Arc::clone(&storm.stop), Arc::clone(&storm.searched));
            let (client, search) = (client.clone(), search.to_owned());
            storm.searches.spawn(async move {
                let mut repeated = 0;
                while !stop.load(Ordering::Relaxed) {
                    let answered = patiently(&client, Method::GET, &search, "", &Value::Null).await;
                    assert_eq!(answered.status, 200, "{}", answered.body);
                    searched.fetch_add(1, Ordering::Relaxed);
                    repeated += answered.repeated;
                }
                repeated
            });
        }
        storm
    }

    /// Waits until more bookings and searches were answered.
    async fn goes_on(&self) {
        let (booked, searched) = (&self.booked, &self.searched);
        let enough = (
            booked.load(Ordering::Relaxed) + 40,
            searched.load(Ordering::Relaxed) + 20,
        );
        let waiting = async {
            while booked.load(Ordering::Relaxed) < enough.0
                || searched.load(Ordering::Relaxed) < enough.1
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let patience = Duration::from_mins(1);
        tokio::time::timeout(patience, waiting)
            .await
            .expect("it goes on");
    }

    /// Ends it; answers each key with its answer, and how often a search was repeated.
    async fn end(mut self) -> (HashMap<String, Answered>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let mut keys = HashMap::new();
        while let Some(of_one) = self.bookings.join_next().await {
            keys.extend(of_one.unwrap());
        }
        let mut repeated = 0;
        while let Some(of_one) = self.searches.join_next().await {
            repeated += of_one.unwrap();
        }
        (keys, repeated)
    }
}

/// Fails unless each key has one booking, and what was sold is what was booked.
async fn nothing_lost_or_doubled(fleet: &Fleet, client: &Client, keys: &HashMap<String, Answered>) {
    let all = fleet.bookings(client).await;
    assert_eq!(all.len(), keys.len(), "a booking for each key");
    for (key, answered) in keys {
        let locator = answered.body["locator"].as_str().unwrap();
        assert_eq!(all[locator]["operation"], json!(key));
    }
    fleet.places["auth"].check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_bookings_survives_killed_processes_and_restarts() {
    let mut fleet = Fleet::start(20, 900).await;
    let client = fleet.login("ada").await;
    assert_eq!(client.flights.len(), 20);
    let root = fleet.login("root").await;
    let search = fleet.search();

    // Without admin, booking and search do not even notice.
    let storm = Storm::start(&client, "admin", &search);
    storm.goes_on().await;
    let admin = fleet.kill("admin").await;
    storm.goes_on().await;
    let gone = root
        .http
        .get(format!("{}/v1/admin/users", root.base))
        .bearer_auth(&root.token)
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), 503);
    assert_eq!(gone.headers()["retry-after"], "1");
    assert_eq!(gone.headers()["content-type"], "application/problem+json");
    let id = gone.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Value = gone.json().await.unwrap();
    assert_eq!(
        (&problem["code"], &problem["instance"]),
        (&json!("unavailable"), &json!(id))
    );
    storm.goes_on().await;
    let (mut all, repeated) = storm.end().await;
    assert!(all.values().all(|answered| answered.repeated == 0));
    assert_eq!(repeated, 0);
    fleet.start_again("admin", &admin).await;

    // Without one of two, nginx repeats a booking that it was at. The other one may have to wait for what it left.
    let storm = Storm::start(&client, "killed", &search);
    storm.goes_on().await;
    let killed = fleet.kill("bookings-1").await;
    storm.goes_on().await;
    let (keys, repeated) = storm.end().await;
    assert!(keys.values().all(|answered| answered.unanswered == 0));
    assert_eq!(repeated, 0);
    all.extend(keys);
    nothing_lost_or_doubled(&fleet, &client, &all).await;
    fleet.start_again("bookings-1", &killed).await;

    // An update: where there are two of a service, no client repeats anything.
    let storm = Storm::start(&client, "restarts", &search);
    for name in [
        "auth",
        "search-1",
        "search-2",
        "bookings-1",
        "bookings-2",
        "admin",
        "work",
    ] {
        storm.goes_on().await;
        fleet.restart(name).await;
    }
    storm.goes_on().await;
    let (keys, repeated) = storm.end().await;
    assert!(keys.values().all(|answered| answered.repeated == 0));
    assert_eq!(repeated, 0);
    all.extend(keys);
    nothing_lost_or_doubled(&fleet, &client, &all).await;
    let again = fleet.login("root").await;
    assert_eq!(again.get("/v1/admin/users").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn to_clients_they_are_one_server() {
    let fleet = Fleet::start(1, 9).await;
    let client = fleet.login("ada").await;

    // The console's commands.
    let state = tempfile::tempdir().unwrap();
    let at = &fleet.proxy.address;
    let run =
        async |arguments: &[&str], input: &str| airside(state.path(), at, arguments, input).await;
    let me = run(&["login", "ada"], &format!("{PASSWORD}\n")).await;
    assert_eq!(me["username"], "ada");
    let date = fleet.places["auth"].date.to_string();
    let found = run(&["search", "JFK", "ORD", &date], "").await;
    let flight = found["items"][0]["segments"][0]["flight_id"]
        .as_str()
        .unwrap();
    assert_eq!(flight, client.flights[0]);
    let segment = format!("{flight}:economy");
    let party = ["--passenger", "BYRON/ADA", "--phone", "212-5550100"];
    let booked = run(&[&["book", &segment], &party[..]].concat(), "").await;
    let locator = booked["locator"].as_str().unwrap();
    assert_eq!(run(&["show", locator], "").await["locator"], locator);
    let list = run(&["bookings"], "").await;
    assert_eq!(list["items"][0]["locator"], locator);
    let cancelled = run(&["cancel", locator, "--yes"], "").await;
    assert_eq!(cancelled["status"], "cancelled");

    // What an admin's process changes the searching ones know.
    let root = fleet.login("root").await;
    let new = json!({
        "carrier": "UA", "number": 99, "origin": "JFK", "destination": "ORD",
        "departure": format!("{date}T09:00"), "arrival": format!("{date}T11:00"), "aircraft": "738",
        "cabins": [{"cabin": "economy", "capacity": 9, "fare": {"amount": "10.00", "currency": "USD"}}],
    });
    let (status, made) = root.answer("/v1/admin/flights", &new).await;
    assert_eq!(status, 201, "{made}");
    for name in ["search-1", "search-2"] {
        let here = client.at(&fleet.servers[name]);
        let both = async {
            while here.get(&fleet.search()).await.1["items"]
                .as_array()
                .unwrap()
                .len()
                < 2
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let soon = Duration::from_secs(15);
        tokio::time::timeout(soon, both)
            .await
            .expect("an event told it");
    }

    // A file that nginx passes on while it comes: it is larger than what nginx would keep in memory, and than other bodies may be.
    let (text, right) = uploads::file(9_000, 1);
    assert!(text.len() > 512 * 1024);
    let id = uploads::queue(&root, "", &text).await;
    uploads::is_whole(&root, &id, &text, 9_000, right).await;

    // Those that log in and those that search share what is known, and nobody else is there.
    let names = ["airside-cache", "airside-cache", "airside-logins"];
    fleet.redis.is_connected(&names).await;

    // A session that ends at `auth` ends everywhere.
    let ended = fleet.login("eve").await;
    let token = json!({"refresh_token": ended.refresh_token});
    assert_eq!(ended.post("/v1/auth/logout", &token).await, 204);
    let over = async {
        while ended.get("/v1/bookings").await.0 != 401 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let soon = Duration::from_secs(15);
    tokio::time::timeout(soon, over)
        .await
        .expect("an event told it");

    // What nginx passes on: the client's address is what it has seen itself, whatever the client says.
    let wrong = json!({"username": "nobody", "password": "wrong"});
    let elsewhere = IpAddr::from([127, 0, 0, 5]);
    let http = reqwest::Client::builder()
        .local_address(elsewhere)
        .no_proxy()
        .build()
        .unwrap();
    let refused = http
        .post(format!("{}/v1/auth/login", client.base))
        .header("X-Forwarded-For", "192.0.2.66")
        .header("X-Request-Id", "from-the-client")
        .json(&wrong)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["x-request-id"], "from-the-client");
    let (_, log) = root.get("/v1/admin/audit?limit=1").await;
    let entry = &log["items"][0];
    assert_eq!(entry["request_id"], "from-the-client");
    assert_eq!(entry["target"], json!(elsewhere));

    // What it answers itself has the servers' form.
    for (path, status, code) in [
        ("/metrics", 404, "not_found"),
        ("/readyz", 404, "not_found"),
        ("/v1/flightsandmore", 404, "not_found"),
    ] {
        let (answered, problem) = client.get(path).await;
        assert_eq!(
            (answered.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{path}"
        );
    }
    // A stream goes through as it comes.
    let mut stream = client
        .http
        .get(format!("{}/v1/events", client.base))
        .bearer_auth(&client.token)
        .send()
        .await
        .unwrap();
    assert_eq!(stream.status(), 200);
    let (status, booked) = client.book("live", &client.body(0)).await.unwrap();
    assert_eq!(status, 201, "{booked}");
    let locator = booked["locator"].as_str().unwrap();
    let heard = async {
        let mut heard = String::new();
        while !heard.contains(locator) {
            let piece = stream.chunk().await.unwrap().unwrap();
            heard.push_str(std::str::from_utf8(&piece).unwrap());
        }
    };
    tokio::time::timeout(soon, heard)
        .await
        .expect("an event of it");
    let large = json!({"username": "x".repeat(300_000), "password": "x"});
    let (status, problem) = client.answer("/v1/auth/login", &large).await;
    assert_eq!(status, 413);
    assert!(problem.contains("payload_too_large"), "{problem}");
    for path in ["/healthz", "/openapi.json", "/.well-known/jwks.json"] {
        assert_eq!(client.get(path).await.0, 200, "{path}");
    }
}

/// Which key signed a token.
fn kid(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// A key that is added to a running `auth` is shown, then signs, and nobody is refused meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn keys_change_without_a_refused_token_and_are_kept_without_auth() {
    let auth = Place::on(Store::Postgres, 1, 9)
        .await
        .with("AIRSIDE_ROLES", "auth");
    let server = auth.start().await;
    let keys = format!("http://{}/.well-known/jwks.json", server.address);
    let bookings = auth
        .beside()
        .with("AIRSIDE_ROLES", "bookings")
        .with("AIRSIDE_AUTH_JWKS_URL", &keys);
    let verifier = bookings.start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let login = async || {
        let body = json!({"username": "ada", "password": PASSWORD});
        let url = format!("http://{}/v1/auth/login", server.address);
        let answer = http.post(url).json(&body).send().await.unwrap();
        let tokens: Value = answer.json().await.unwrap();
        tokens["access_token"].as_str().unwrap().to_owned()
    };
    let accepted = async |token: &str| {
        let url = format!("http://{}/v1/bookings", verifier.address);
        let answer = http.get(url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    };
    let old = login().await;
    accepted(&old).await;
    let shown = async || -> usize {
        let set: Value = http.get(&keys).send().await.unwrap().json().await.unwrap();
        set["keys"].as_array().unwrap().len()
    };
    assert_eq!(shown().await, 1);

    // Longer than `auth` takes to look into the folder, and than others rest between two looks for unknown keys.
    let rotated = auth.run(&["keys", "rotate", "--after", "15s"], "").await;
    assert!(rotated.status.success(), "{rotated:?}");
    let changed = async {
        let mut seen_waiting = false;
        loop {
            let token = login().await;
            accepted(&token).await;
            accepted(&old).await;
            if kid(&token) != kid(&old) {
                assert!(seen_waiting, "it is shown before it signs");
                return token;
            }
            seen_waiting |= shown().await == 2;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let new = tokio::time::timeout(Duration::from_mins(1), changed).await;
    let new = new.expect("the new key signs");
    server.kill().await;
    accepted(&old).await;
    accepted(&new).await;
}
