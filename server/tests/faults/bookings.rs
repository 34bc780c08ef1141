//! Storms of bookings: a killed server, the last seats, one seat.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;
use tokio::task::JoinSet;

use crate::process::{Client, Place, Store};

/// Books with new keys until the server is gone; answers each key with its locator, `None` without an answer.
async fn storm(
    client: Client,
    name: String,
    made: Arc<AtomicUsize>,
) -> HashMap<String, Option<String>> {
    let mut keys = HashMap::new();
    for n in 0..100_000 {
        let key = format!("{name}-{n}");
        let Some((status, booking)) = client.book(&key, &client.body(n)).await else {
            keys.insert(key, None);
            return keys;
        };
        assert_eq!(status, 201, "{booking}");
        made.fetch_add(1, Ordering::Relaxed);
        keys.insert(key, Some(booking["locator"].as_str().unwrap().to_owned()));
    }
    keys
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_a_storm_loses_no_booking_and_doubles_none(#[case] store: Store) {
    let place = Place::on(store, 20, 900).await;
    let mut all: HashMap<String, Option<String>> = HashMap::new();
    for round in 0..3 {
        let server = place.start().await;
        let client = server.login("ada").await;
        let made = Arc::new(AtomicUsize::new(0));
        let mut storms = JoinSet::new();
        for n in 0..24 {
            storms.spawn(storm(
                client.clone(),
                format!("{round}-{n}"),
                Arc::clone(&made),
            ));
        }
        while made.load(Ordering::Relaxed) < 200 {
            tokio::task::yield_now().await;
        }
        server.kill().await;
        while let Some(keys) = storms.join_next().await {
            all.extend(keys.unwrap());
        }

        let server = place.start().await;
        let client = server.login("ada").await;
        for (key, locator) in &mut all {
            if let Some(locator) = locator {
                let (status, booking) = client.get(&format!("/v1/bookings/{locator}")).await;
                assert_eq!(status, 200, "{key} was answered 201 and is lost");
                assert_eq!(booking["operation"], key.as_str());
            }
            let n: usize = key.rsplit('-').next().unwrap().parse().unwrap();
            let body = client.body(n);
            let (first, second) = tokio::join!(client.book(key, &body), client.book(key, &body));
            let (first, second) = (first.unwrap(), second.unwrap());
            assert_eq!(first, second, "one outcome a key");
            assert_eq!(first.0, 201);
            let again = first.1["locator"].as_str().unwrap().to_owned();
            assert_eq!(*locator.get_or_insert(again.clone()), again);
        }
        server.stop().await;
        place.check().await;
    }
    let mut locators: Vec<_> = all.values().collect();
    locators.sort();
    locators.dedup();
    assert_eq!(locators.len(), all.len(), "a booking for each key");
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_buyers_get_exactly_what_there_is(#[case] store: Store) {
    const SEATS: usize = 137;
    let place = Place::on(store, 1, 137).await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let body = client.body(0);
    let keys: Vec<String> = (0..1_000).map(|n| format!("buyer-{n}")).collect();
    let answers = join_all(keys.iter().map(|key| client.book(key, &body))).await;
    let mut counts: HashMap<(u16, String), usize> = HashMap::new();
    for (status, body) in answers.into_iter().map(Option::unwrap) {
        let code = body["code"].as_str().unwrap_or("made").to_owned();
        *counts.entry((status.as_u16(), code)).or_default() += 1;
    }
    let expected = HashMap::from([
        ((201, "made".to_owned()), SEATS),
        ((409, "sold_out".to_owned()), 1_000 - SEATS),
    ]);
    assert_eq!(counts, expected);
    server.stop().await;
    place.check().await;
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_clients_one_gets_the_seat(#[case] store: Store) {
    let place = Place::on(store, 1, 60).await;
    let server = place.start().await;
    let (ada, eve) = (server.login("ada").await, server.login("eve").await);
    for row in 1..=10 {
        let mut body = ada.body(0);
        body["seats"] = json!([{"segment": 1, "passenger": 1, "seat": format!("{row}A")}]);
        let key = format!("row-{row}");
        let (first, second) = tokio::join!(ada.book(&key, &body), eve.book(&key, &body));
        let (first, second) = (first.unwrap(), second.unwrap());
        let (won, lost) = if first.0 == 201 {
            (first, second)
        } else {
            (second, first)
        };
        assert_eq!((won.0.as_u16(), lost.0.as_u16()), (201, 409));
        assert_eq!(lost.1["code"], "seat_taken");
    }
    server.stop().await;
    place.check().await;
}
