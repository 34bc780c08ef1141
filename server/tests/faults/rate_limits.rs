//! A user who makes too many requests, with Redis, without it, and with it again.

use std::time::Instant;

use crate::process::{Client, Place, Store};
use crate::redis::PrivateRedis;
use crate::redis_pair::SOON;
use crate::waiting::until;

/// Requests a second, and at once after a rest.
const RATE: f64 = 2.0;
const BURST: f64 = 20.0;

/// Asks servers in turn until each refuses, and says when to come again; fails where they do not answer as many requests
/// together as so many limits allow.
async fn answer(clients: &[Client; 2], limits: f64) {
    let since = Instant::now();
    let mut answered = 0.0;
    loop {
        let mut refused = 0;
        for client in clients {
            let address = format!("{}/v1/auth/me", client.base);
            let asked = client.http.get(address).bearer_auth(&client.token);
            let answer = asked.send().await.unwrap();
            match answer.status().as_u16() {
                200 => answered += 1.0,
                429 => {
                    assert_eq!(answer.headers()["retry-after"], "1");
                    refused += 1;
                }
                other => panic!("{other}"),
            }
        }
        let back = since.elapsed().as_secs_f64() * RATE + 1.0;
        assert!(answered <= (BURST + back) * limits, "{answered}, {back}");
        if refused == clients.len() {
            break;
        }
    }
    assert!(answered >= BURST * limits, "{answered} are too few");
}

/// A user's clients at both servers, who have rested.
async fn rested(one: &Client, other: &Client) -> [Client; 2] {
    // Nothing else tells when: what is asked to find out counts, too.
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    [one.clone(), other.clone()]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_makes_no_more_requests_than_may_be_however_redis_goes() {
    let redis = PrivateRedis::start().await;
    let place = Place::on(Store::Postgres, 1, 9).await;
    let place = place
        .with("AIRSIDE_REDIS_URL", &redis.url)
        .with("AIRSIDE_HTTP_USER_REQUESTS_PER_SECOND", "2");
    let first = place.start().await;
    let beside = place.beside();
    let second = beside.start().await;
    let (ada, eve) = (first.login("ada").await, first.login("eve").await);
    let there = ada.at(&second);
    let redis_is = async |said: &str| {
        for client in [&ada, &there] {
            until(SOON, &format!("Redis is {said}"), async || {
                client.get("/readyz").await.1["redis"] == said
            })
            .await;
        }
    };

    redis_is("ok").await;
    answer(&rested(&ada, &there).await, 1.0).await;
    let (status, me) = eve.get("/v1/auth/me").await;
    assert_eq!(status, 200, "another user is not meant: {me}");

    redis.kill();
    redis_is("does not answer").await;
    answer(&rested(&ada, &there).await, 2.0).await;

    redis.again().await;
    redis_is("ok").await;
    answer(&rested(&ada, &there).await, 1.0).await;
    assert!(
        ada.figure("airside_requests_over_rate_total")
            .await
            .unwrap()
            != "0"
    );
    first.stop().await;
    second.stop().await;
    place.check().await;
}
