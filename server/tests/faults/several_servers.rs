//! Several servers on one PostgreSQL: what one does the others know at once, and they share what is to be relayed.
//!
//! Deadlines are shorter than the looks into the database that mend a lost event: 30 s for seats, 45 s for sessions, a
//! minute for the schedule, all counted from the server's start.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::process::{Client, PASSWORD, Place, Server, Store};
use crate::waiting::until;

/// By when an event has arrived: far later than it does, and before anything else could have told.
const SOON: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_mins(1);

/// Servers on one database, with an admin `root`.
struct Fleet {
    places: Vec<Place>,
    servers: Vec<Server>,
}

impl Fleet {
    async fn start(place: Place, servers: usize) -> Self {
        let add = [
            "user",
            "add",
            "root",
            "--role",
            "admin",
            "--office",
            "NYC1A0001",
        ];
        let output = place.run(&add, &format!("{PASSWORD}\n")).await;
        assert!(output.status.success(), "{output:?}");
        let mut fleet = Self {
            servers: vec![place.start().await],
            places: vec![place],
        };
        while fleet.servers.len() < servers {
            let place = fleet.places[0].beside();
            fleet.servers.push(place.start().await);
            fleet.places.push(place);
        }
        fleet
    }

    /// A user who logs in at the first server, at each of them.
    async fn login(&self, name: &str) -> Vec<Client> {
        let client = self.servers[0].login(name).await;
        let servers = self.servers.iter();
        servers.map(|server| client.at(server)).collect()
    }

    async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
        self.places[0].check().await;
    }

    async fn database(&self) -> PgConnection {
        PgConnection::connect(&self.places[0].database())
            .await
            .unwrap()
    }

    /// Waits until the outbox holds nothing.
    async fn pruned(&self) {
        let mut database = self.database().await;
        let pruned = async {
            loop {
                let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox")
                    .fetch_one(&mut database)
                    .await
                    .unwrap();
                if rows == 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, pruned).await.expect("pruned");
    }

    /// Path of the search that finds all flights.
    fn search(&self) -> String {
        format!(
            "/v1/itineraries?origin=JFK&destination=ORD&date={}&max_stops=0&limit=100",
            self.places[0].date
        )
    }

    /// The flight of a number, as a server's search shows it.
    async fn flight(&self, client: &Client, number: u16) -> Option<Shown> {
        let (status, found) = client.get(&self.search()).await;
        assert_eq!(status, 200, "{found}");
        let items = found["items"].as_array().unwrap();
        let mut segments = items.iter().map(|item| &item["segments"][0]);
        let segment = segments.find(|segment| segment["number"] == number)?;
        Some(Shown {
            departure: segment["departure"].as_str().unwrap()[11..16].to_owned(),
            available: segment["cabins"][0]["available"].as_u64().unwrap(),
        })
    }

    /// Waits until every server's search shows the same.
    async fn all_show(&self, clients: &[Client], number: u16, shown: Option<(&str, u64)>) {
        let shown = shown.map(|(departure, available)| Shown {
            departure: departure.to_owned(),
            available,
        });
        for (n, client) in clients.iter().enumerate() {
            let what = format!("server {n} shows flight {number} as {shown:?}");
            until(SOON, &what, async || {
                self.flight(client, number).await == shown
            })
            .await;
        }
    }

    /// Makes a flight of ten seats at noon; its path.
    async fn create(&self, admin: &Client, number: u16) -> String {
        let date = self.places[0].date;
        let plan = json!({
            "carrier": "UA", "number": number, "origin": "JFK", "destination": "ORD",
            "departure": format!("{date}T12:00"), "arrival": format!("{date}T14:00"), "aircraft": "738",
            "cabins": [{"cabin": "economy", "capacity": 10, "fare": {"amount": "100.00", "currency": "USD"}}],
        });
        let (status, made) = admin.answer("/v1/admin/flights", &plan).await;
        assert_eq!(status, 201, "{made}");
        let made: Value = serde_json::from_str(&made).unwrap();
        format!("/v1/admin/flights/{}", made["id"].as_str().unwrap())
    }
}

/// What a search shows of a flight.
#[derive(Debug, PartialEq)]
struct Shown {
    departure: String,
    available: u64,
}

async fn book(client: &Client, key: &str, flight: usize) {
    let (status, booking) = client.book(key, &client.body(flight)).await.unwrap();
    assert_eq!(status, 201, "{booking}");
}

async fn is_in(client: &Client) -> bool {
    match client.get("/v1/auth/me").await.0 {
        StatusCode::OK => true,
        StatusCode::UNAUTHORIZED => false,
        other => panic!("{other}"),
    }
}

/// Waits until every server refuses a user's token.
async fn all_refuse(clients: &[Client], what: &str) {
    for (n, client) in clients.iter().enumerate() {
        let what = format!("server {n} refuses after {what}");
        until(SOON, &what, async || !is_in(client).await).await;
    }
}

async fn log_out(client: &Client) {
    let body = json!({"refresh_token": client.refresh_token});
    assert_eq!(client.post("/v1/auth/logout", &body).await, 204);
}

/// Changes a user, by name.
async fn patch(admin: &Client, name: &str, change: &Value) {
    let (status, users) = admin.get("/v1/admin/users?limit=100").await;
    assert_eq!(status, 200, "{users}");
    let users = users["items"].as_array().unwrap();
    let user = users.iter().find(|user| user["username"] == name).unwrap();
    let path = format!("/v1/admin/users/{}", user["id"].as_str().unwrap());
    let (status, changed) = admin.change(Method::PATCH, &path, 0, change).await;
    assert_eq!(status, 200, "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_through_one_is_found_by_all() {
    let fleet = Fleet::start(Place::on(Store::Postgres, 2, 10).await, 3).await;
    let root = fleet.login("root").await;
    let ada = fleet.login("ada").await;

    let made = fleet.create(&root[0], 77).await;
    fleet.all_show(&ada, 77, Some(("12:00", 10))).await;
    let date = fleet.places[0].date;
    let later = json!({"departure": format!("{date}T13:00"), "arrival": format!("{date}T15:00")});
    let (status, changed) = root[1].change(Method::PATCH, &made, 1, &later).await;
    assert_eq!(status, 200, "{changed}");
    fleet.all_show(&ada, 77, Some(("13:00", 10))).await;
    let cancel = format!("{made}/cancel");
    let (status, gone) = root[2].change(Method::POST, &cancel, 2, &Value::Null).await;
    assert_eq!(status, 200, "{gone}");
    fleet.all_show(&ada, 77, None).await;

    // By a fourth process: what is new, and what has more seats.
    fleet.places[0].import_numbers(2..=3, 20).await;
    fleet.all_show(&ada, 2, Some(("08:00", 20))).await;
    fleet.all_show(&ada, 3, Some(("08:00", 20))).await;

    for (n, client) in ada.iter().enumerate() {
        let left = 10 - n as u64;
        fleet.all_show(&ada, 1, Some(("08:00", left))).await;
        book(client, &format!("key-{n}"), 0).await;
        fleet.all_show(&ada, 1, Some(("08:00", left - 1))).await;
    }
    fleet.stop().await;
}

#[rstest]
#[case::on_sqlite(Store::Sqlite)]
#[case::on_postgresql(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_at_one_is_refused_by_all(#[case] store: Store) {
    let place = Place::on(store, 1, 10).await;
    for name in ["bob", "cyd", "dan"] {
        let add = [
            "user",
            "add",
            name,
            "--role",
            "agent",
            "--office",
            "NYC1A0001",
        ];
        let output = place.run(&add, &format!("{PASSWORD}\n")).await;
        assert!(output.status.success(), "{output:?}");
    }
    let fleet = Fleet::start(place, 3).await;
    let root = fleet.login("root").await;
    let stays = fleet.login("ada").await;
    let mut sessions = Vec::new();
    for name in ["ada", "eve", "bob", "cyd", "dan"] {
        let clients = fleet.login(name).await;
        for client in &clients {
            assert!(is_in(client).await);
        }
        sessions.push(clients);
    }
    let [ada, eve, bob, cyd, dan] = &sessions[..] else {
        panic!("five");
    };

    log_out(&ada[0]).await;
    all_refuse(ada, "a logout").await;

    let shown = json!({"refresh_token": eve[1].refresh_token});
    assert_eq!(eve[1].post("/v1/auth/refresh", &shown).await, 200);
    assert!(is_in(&eve[2]).await, "used once, it ends nothing");
    assert_eq!(eve[2].post("/v1/auth/refresh", &shown).await, 401);
    all_refuse(eve, "a refresh token was used twice").await;

    patch(&root[2], "bob", &json!({"disabled": true})).await;
    all_refuse(bob, "the user was disabled").await;
    patch(&root[1], "cyd", &json!({"role": "admin"})).await;
    all_refuse(cyd, "the role was changed").await;
    patch(
        &root[0],
        "dan",
        &json!({"password": "another lengthy sentence"}),
    )
    .await;
    all_refuse(dan, "the password was changed").await;

    for client in stays.iter().chain(&root) {
        assert!(is_in(client).await, "another session");
    }
    fleet.stop().await;
}

/// Waits until servers have all lanes of the outbox between them, each some.
async fn all_relay(clients: &[Client]) {
    let waiting = async {
        loop {
            let mut lanes = Vec::new();
            for client in clients {
                let figure = client.figure("airside_outbox_lanes").await;
                lanes.push(figure.map_or(0, |figure| figure.parse::<u32>().unwrap()));
            }
            if lanes.iter().sum::<u32>() == 16 && lanes.iter().all(|lanes| *lanes > 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("all relay");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_relay_share_the_lanes_and_take_over_from_one_that_is_killed() {
    let place = Place::on(Store::Postgres, 1, 10).await;
    let place = place.with("AIRSIDE_EVENTS_RETENTION_SECONDS", "1");
    let mut fleet = Fleet::start(place, 3).await;
    let mut root = fleet.login("root").await;
    let mut number = 100;
    loop {
        all_relay(&root).await;
        number += 1;
        fleet.create(&root[0], number).await;
        fleet.all_show(&root, number, Some(("12:00", 10))).await;
        until(PATIENCE, "everything was relayed", async || {
            root[0].figure("airside_outbox_depth").await.as_deref() == Some("0")
        })
        .await;
        fleet.pruned().await;
        root.remove(0);
        fleet.servers.remove(0).kill().await;
        if root.is_empty() {
            break;
        }
    }
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_frozen_until_its_events_were_gone_comes_back_right() {
    let place = Place::on(Store::Postgres, 2, 10).await;
    let place = place.with("AIRSIDE_EVENTS_RETENTION_SECONDS", "1");
    let fleet = Fleet::start(place, 2).await;
    let root = fleet.login("root").await;
    let (ada, eve) = (fleet.login("ada").await, fleet.login("eve").await);
    let gone = fleet.create(&root[0], 50).await;
    fleet.all_show(&root, 50, Some(("12:00", 10))).await;
    fleet.all_show(&root, 1, Some(("08:00", 10))).await;
    all_relay(&root).await;
    let (frozen, awake) = (0, 1);

    kill(fleet.servers[frozen].pid(), Signal::SIGSTOP).unwrap();
    fleet.create(&root[awake], 51).await;
    let cancel = format!("{gone}/cancel");
    let (status, cancelled) = root[awake]
        .change(Method::POST, &cancel, 1, &Value::Null)
        .await;
    assert_eq!(status, 200, "{cancelled}");
    book(&ada[awake], "key", 0).await;
    log_out(&ada[awake]).await;
    patch(&root[awake], "eve", &json!({"disabled": true})).await;
    fleet.pruned().await;
    all_relay(&root[awake..=awake]).await;

    kill(fleet.servers[frozen].pid(), Signal::SIGCONT).unwrap();
    all_refuse(&ada, "a logout").await;
    all_refuse(&eve, "the user was disabled").await;
    fleet.all_show(&root, 51, Some(("12:00", 10))).await;
    fleet.all_show(&root, 50, None).await;
    fleet.all_show(&root, 1, Some(("08:00", 9))).await;
    all_relay(&root).await;
    // It hears what comes now.
    fleet.create(&root[awake], 52).await;
    fleet.all_show(&root, 52, Some(("12:00", 10))).await;
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_events_are_lost_all_is_right_within_a_minute() {
    let fleet = Fleet::start(Place::on(Store::Postgres, 2, 10).await, 2).await;
    let (root, ada) = (fleet.login("root").await, fleet.login("ada").await);
    fleet.all_show(&root, 1, Some(("08:00", 10))).await;
    let mut database = fleet.database().await;
    for statement in [
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER lose BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION lose()",
    ] {
        sqlx::query(statement).execute(&mut database).await.unwrap();
    }
    fleet.create(&root[0], 60).await;
    book(&ada[0], "key", 0).await;
    log_out(&ada[0]).await;
    let within = PATIENCE + SOON;
    tokio::join!(
        until(PATIENCE, "the end of a session", async || !is_in(&ada[1])
            .await),
        until(within, "a seat", async || {
            let shown = fleet.flight(&root[1], 1).await.unwrap();
            shown.available == 9
        }),
        until(within, "a flight", async || {
            fleet.flight(&root[1], 60).await.is_some()
        }),
    );
    fleet.stop().await;
}
