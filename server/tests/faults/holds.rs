//! Holds that end, and seats that become free for those who wait, where several processes look for it and one is killed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::process::{Client, PASSWORD, Place, Store};

/// How long what is due may take, on a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// Books one adult with more in the body; answers the booking.
async fn made(client: &Client, key: &str, with: &Value) -> Value {
    let mut body = client.body(0);
    for (field, value) in with.as_object().unwrap() {
        body[field] = value.clone();
    }
    let (status, booking) = client.book(key, &body).await.unwrap();
    assert_eq!(status, 201, "{booking}");
    booking
}

/// Confirms or cancels a booking, whatever its version is.
async fn act(client: &Client, booking: &Value, what: &str) -> (StatusCode, Value) {
    let locator = booking["locator"].as_str().unwrap();
    let answer = client
        .http
        .post(format!("{}/v1/bookings/{locator}/{what}", client.base))
        .bearer_auth(&client.token)
        .header("Idempotency-Key", format!("{what}-{locator}"))
        .header("If-Match", "*")
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn now(client: &Client, booking: &Value) -> Value {
    let locator = booking["locator"].as_str().unwrap();
    let (status, found) = client.get(&format!("/v1/bookings/{locator}")).await;
    assert_eq!(status, 200, "{found}");
    found
}

/// Waits until bookings have a status and a version.
async fn until(client: &Client, bookings: &[Value], status: &str, version: u64) {
    let all = async {
        for booking in bookings {
            loop {
                let found = now(client, booking).await;
                if found["status"] == status {
                    assert_eq!(found["version"], version, "{found}");
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .unwrap_or_else(|_| panic!("they are not {status}"));
}

async fn actions(client: &Client, booking: &Value) -> Vec<String> {
    let locator = booking["locator"].as_str().unwrap();
    let (status, history) = client.get(&format!("/v1/bookings/{locator}/history")).await;
    assert_eq!(status, 200, "{history}");
    let entries = history["items"].as_array().unwrap();
    let words = |entry: &Value| {
        let word = |field: &str| entry[field].as_str().unwrap().to_owned();
        format!("{} by {}", word("action"), word("by"))
    };
    entries.iter().map(words).collect()
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn holds_end_once_and_those_who_wait_get_the_seats_though_a_process_is_killed(
    #[case] store: Store,
) {
    const CONFIRMED: usize = 5;
    let place = Place::on(store, 1, 30).await;
    let first = place.start().await;
    let second = place.beside().start().await;
    let here = first.login("ada").await;
    let there = here.at(&second);

    for n in 0..10 {
        made(&here, &format!("plain-{n}"), &json!({})).await;
    }
    let limit = Timestamp::now() + SignedDuration::from_secs(6);
    let hold = json!({"hold": true, "time_limit": limit.to_string()});
    let mut held = Vec::new();
    for n in 0..20 {
        let client = [&here, &there][n % 2];
        held.push(made(client, &format!("held-{n}"), &hold).await);
    }
    let mut waiting = Vec::new();
    for n in 0..8 {
        let client = [&there, &here][n % 2];
        let wait = json!({"waitlist": true});
        waiting.push(made(client, &format!("waits-{n}"), &wait).await);
    }
    assert!(held.iter().all(|booking| booking["status"] == "held"));
    assert!(
        waiting
            .iter()
            .all(|booking| booking["status"] == "waitlisted")
    );
    let ending = held.split_off(CONFIRMED);
    for booking in &held {
        let (status, answer) = act(&there, booking, "confirm").await;
        assert_eq!(status, 200, "{answer}");
    }
    assert!(
        Timestamp::now() < limit,
        "the machine is too slow for this test"
    );

    // Both look every second: one of them is killed in the second in which the time limit passes.
    let left = limit.duration_since(Timestamp::now()).unsigned_abs();
    tokio::time::sleep(left + Duration::from_millis(300)).await;
    first.kill().await;
    until(&there, &ending, "cancelled", 2).await;
    until(&there, &waiting, "confirmed", 2).await;
    let (status, late) = act(&there, &ending[0], "confirm").await;
    assert_eq!((status.as_u16(), &late["code"]), (409, &json!("conflict")));
    for booking in &held {
        assert_eq!(now(&there, booking).await["status"], "confirmed");
    }
    for booking in &ending {
        let expected = ["booking.created by ada", "booking.expired by system"];
        assert_eq!(actions(&there, booking).await, expected);
    }
    for booking in &waiting {
        let expected = ["booking.created by ada", "waitlist.cleared by system"];
        assert_eq!(actions(&there, booking).await, expected);
    }
    // 10 plain, 5 confirmed, 8 from the waitlist.
    for n in 0..7 {
        made(&there, &format!("rest-{n}"), &json!({})).await;
    }
    let (status, answer) = there.book("one-more", &there.body(0)).await.unwrap();
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (409, &json!("sold_out"))
    );
    second.stop().await;
    place.check().await;
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn an_import_and_a_changed_flight_clear_the_waitlist_and_a_cancelled_one_ends_it(
    #[case] store: Store,
) {
    let place = Place::on(store, 1, 2).await;
    let add = [
        "user",
        "add",
        "root",
        "--role",
        "admin",
        "--office",
        "NYC1A0001",
    ];
    let added = place.run(&add, &format!("{PASSWORD}\n")).await;
    assert!(added.status.success(), "{added:?}");
    let server = place.start().await;
    let client = server.login("ada").await;
    let root = server.login("root").await;
    let wait = json!({"waitlist": true});
    let mut pair = wait.clone();
    pair["passengers"] = vec![client.body(0)["passengers"][0].clone(); 2].into();
    let mut seated = vec![made(&client, "one", &json!({})).await];
    let pair = [made(&client, "pair", &pair).await];
    seated.push(made(&client, "two", &json!({})).await);
    let waiting = [
        made(&client, "third", &wait).await,
        made(&client, "fourth", &wait).await,
    ];
    for waits in waiting.iter().chain(&pair) {
        assert_eq!(waits["status"], "waitlisted");
    }

    // Each is heard of long before all waitlists are looked at.
    place.import(1, 3).await;
    until(&client, &waiting[..1], "confirmed", 2).await;
    let flight = Flight::of(&root, &client.flights[0]);
    flight.resize(4).await;
    until(&client, &waiting[1..], "confirmed", 2).await;
    assert_eq!(now(&client, &pair[0]).await["status"], "waitlisted");

    // There is never more than one seat for the two who wait; then nobody is left but them.
    seated.extend(waiting);
    for (left, booking) in seated
        .iter()
        .enumerate()
        .map(|(n, booking)| (3 - n, booking))
    {
        let (status, answer) = act(&client, booking, "cancel").await;
        assert_eq!(status, 200, "{answer}");
        if left > 0 {
            flight.resize(left).await;
        }
    }
    let cancel = format!("{}/cancel", flight.path);
    let version = flight.read().await["version"].as_u64().unwrap();
    let (status, gone) = root
        .change(Method::POST, &cancel, version, &Value::Null)
        .await;
    assert_eq!(status, 200, "{gone}");
    until(&client, &pair, "cancelled", 2).await;
    server.stop().await;
    place.check().await;
}

/// A flight as an admin changes it.
struct Flight<'a> {
    root: &'a Client,
    path: String,
}

impl<'a> Flight<'a> {
    fn of(root: &'a Client, id: &str) -> Self {
        Self {
            root,
            path: format!("/v1/admin/flights/{id}"),
        }
    }

    async fn read(&self) -> Value {
        let (status, flight) = self.root.get(&self.path).await;
        assert_eq!(status, 200, "{flight}");
        flight
    }

    /// So many seats in economy from now on.
    async fn resize(&self, seats: usize) {
        let flight = self.read().await;
        let fare = &flight["cabins"][0]["fare"];
        let change = json!({"cabins": [{"cabin": "economy", "capacity": seats, "fare": fare}]});
        let version = flight["version"].as_u64().unwrap();
        let (status, changed) = self
            .root
            .change(Method::PATCH, &self.path, version, &change)
            .await;
        assert_eq!(status, 200, "{changed}");
    }
}
