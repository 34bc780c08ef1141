//! A user who makes too many requests, with Redis, without it, and with it again.

use std::time::{Duration, Instant};

use crate::process::{Client, Place, Store};
use crate::redis::PrivateRedis;
use crate::redis_pair::SOON;
use crate::waiting::until;

/// Requests a second, and at once after a rest.
const RATE: f64 = 2.0;
const BURST: f64 = 20.0;

/// How often a test is tried again in which Redis answers too late for a process, which then counts by itself.
const TRIES: usize = 5;

/// Two servers, and a user at both.
struct Pair([Client; 2]);

impl Pair {
    /// Rests, and asks both in turn until each refuses; answers how many requests were answered, and how many of them were
    /// none of the burst.
    async fn answered(&self) -> (f64, f64) {
        // Nothing else tells when: what is asked to find out counts, too.
        tokio::time::sleep(Duration::from_secs(10)).await;
        let since = Instant::now();
        let (mut answered, mut back) = (0.0, 0.0);
        let mut refused = 0;
        while refused < self.0.len() {
            assert!(answered <= 2.0 * (BURST + back), "there is no limit");
            refused = 0;
            for client in &self.0 {
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
            back = since.elapsed().as_secs_f64() * RATE + 1.0;
        }
        (answered, back)
    }

    /// What Redis has not answered in time.
    async fn errors(&self) -> u64 {
        let mut errors = 0;
        for client in &self.0 {
            let figure = client.figure("airside_redis_rates_errors_total").await;
            errors += figure.unwrap().parse::<u64>().unwrap();
        }
        errors
    }

    /// Fails where they do not answer as many requests together as one server by itself.
    async fn count_together(&self) {
        for _ in 0..TRIES {
            let before = self.errors().await;
            let (answered, back) = self.answered().await;
            if self.errors().await == before {
                assert!(answered >= BURST, "{answered} are too few");
                assert!(answered <= BURST + back, "{answered}, {back}");
                return;
            }
        }
        panic!("Redis answered too late {TRIES} times");
    }

    /// Fails where each does not answer as many requests as if it were alone.
    async fn count_alone(&self) {
        let (answered, back) = self.answered().await;
        assert!(answered >= 2.0 * BURST, "{answered} are too few");
        assert!(answered <= 2.0 * (BURST + back), "{answered}, {back}");
    }

    async fn redis_is(&self, said: &str) {
        for client in &self.0 {
            until(SOON, &format!("Redis is {said}"), async || {
                client.get("/readyz").await.1["redis"] == said
            })
            .await;
        }
    }
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
    let pair = Pair([ada.clone(), ada.at(&second)]);

    pair.redis_is("ok").await;
    pair.count_together().await;
    let (status, me) = eve.get("/v1/auth/me").await;
    assert_eq!(status, 200, "another user is not meant: {me}");

    redis.kill();
    pair.redis_is("does not answer").await;
    pair.count_alone().await;

    redis.again().await;
    pair.redis_is("ok").await;
    pair.count_together().await;
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
