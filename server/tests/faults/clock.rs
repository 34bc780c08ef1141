//! Servers on one database whose clocks differ.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

use crate::preload;
use crate::process::{Place, Server, Store};
use crate::waiting::until;

/// By when a hold has ended, on a machine that does other things.
const SOON: Duration = Duration::from_mins(1);

/// A server whose clock goes so many seconds ahead, or behind; the folder is for what makes it do so.
async fn start_with_clock(place: &Place, seconds: i64, folder: &TempDir) -> Server {
    preload::build("other_clock", folder.path()).await;
    let preload = format!("LD_PRELOAD={}/other_clock.so", folder.path().display());
    let clock = format!("OTHER_CLOCK={seconds}");
    place.start_through(&["env", &preload, &clock]).await
}

#[rstest]
#[case::a_minute_behind(-60, None)]
#[case::a_minute_ahead(60, None)]
#[case::an_hour_behind(-3600, Some("unauthenticated"))]
#[case::an_hour_ahead(3600, Some("token_expired"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_token_is_good_within_a_minute_and_refused_cleanly_beyond(
    #[case] seconds: i64,
    #[case] refusal: Option<&str>,
    #[values(Store::Sqlite, Store::Postgres)] store: Store,
) {
    let folder = TempDir::new().unwrap();
    let place = Place::on(store, 1, 10).await;
    let server = place.start().await;
    let beside = place.beside();
    let other = start_with_clock(&beside, seconds, &folder).await;
    let (here, there) = (server.login("ada").await, other.login("ada").await);

    let (status, body) = here.at(&other).get("/v1/auth/me").await;
    assert_eq!(status, if refusal.is_some() { 401 } else { 200 }, "{body}");
    assert_eq!(body["code"].as_str(), refusal, "{body}");
    // Each works for who logged in there.
    for (number, client) in [&here, &there].into_iter().enumerate() {
        assert_eq!(client.get("/v1/auth/me").await.0, 200);
        let key = format!("key-{number}");
        let (status, body) = client.book(&key, &client.body(number)).await.unwrap();
        assert_eq!(status, 201, "{body}");
        let path = format!("/v1/bookings/{}", body["locator"].as_str().unwrap());
        assert_eq!(client.get(&path).await.0, 200);
    }
    other.stop().await;
    server.stop().await;
    place.check().await;
}

/// On SQLite the database's time is that of the server's machine.
#[rstest]
#[case::a_minute_behind(-60)]
#[case::an_hour_behind(-3600)]
#[case::an_hour_ahead(3600)]
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_ends_by_the_clock_of_the_database(#[case] seconds: i64) {
    let folder = TempDir::new().unwrap();
    let place = Place::on(Store::Postgres, 1, 10).await;
    let server = start_with_clock(&place, seconds, &folder).await;
    let client = server.login("ada").await;
    let hold = async |key: &str, limit: SignedDuration| {
        let mut body = client.body(0);
        body["hold"] = json!(true);
        body["time_limit"] = json!((Timestamp::now() + limit).to_string());
        let (status, booking) = client.book(key, &body).await.unwrap();
        assert_eq!(status, 201, "{booking}");
        format!("/v1/bookings/{}", booking["locator"].as_str().unwrap())
    };
    let long = hold("long", SignedDuration::from_mins(30)).await;
    let short = hold("short", SignedDuration::from_secs(15)).await;
    let status = async |path: &str| client.get(path).await.1["status"].clone();
    until(SOON, "the short hold has ended", async || {
        status(&short).await == "cancelled"
    })
    .await;
    assert_eq!(status(&long).await, "held");
    server.stop().await;
    place.check().await;
}
