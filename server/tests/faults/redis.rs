//! Redis that is shared by servers, killed, frozen and started again without anything in it.

use nix::sys::signal::{Signal, kill};
use rstest::rstest;

use crate::process::{Place, Store};
use crate::redis_pair::{Pair, SEATS, SOON};
use crate::redis_process::{Fault, ask, connections};
use crate::started::Started;
use crate::waiting::until;

/// A Redis of this test's own.
pub(crate) struct PrivateRedis {
    started: Started,
    pub(crate) url: String,
}

impl PrivateRedis {
    pub(crate) async fn start() -> Self {
        let started = Started::start(&["redis"]).await;
        Self {
            url: started.value("AIRSIDE_TEST_REDIS").unwrap().to_owned(),
            started,
        }
    }

    fn signal(&self, signal: Signal) {
        kill(self.started.pid("redis"), signal).unwrap();
    }

    /// Has it write all that it holds to the disk, from where it starts again.
    async fn save(&self) {
        ask::<()>(self.url.as_str(), &["SAVE"]).await.unwrap();
    }

    /// Waits until it has connections of these names, and no other.
    pub(crate) async fn is_connected(&self, names: &[&str]) {
        until(SOON, &format!("connections are {names:?}"), async || {
            connections(self.url.as_str()).await == names
        })
        .await;
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Starts it on the port that it had, with what was saved.
    pub(crate) async fn again(&self) {
        self.started.again("redis").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_share_what_they_read_and_count_failures_together() {
    let redis = PrivateRedis::start().await;
    let mut pair = Pair::start(&redis.url).await;
    pair.redis_is("ok").await;
    let hits = pair.figure("airside_redis_cache_hits_total").await;
    assert_eq!(pair.seats(&pair.clients[0]).await, SEATS);
    assert_eq!(pair.seats(&pair.clients[1]).await, SEATS);
    let found = pair.figure("airside_redis_cache_hits_total").await;
    assert!(found > hits, "one found what the other had read");
    assert!(pair.figure("airside_redis_cache_misses_total").await > 0);
    assert_eq!(pair.figure("airside_redis_cache_errors_total").await, 0);
    for _ in 0..3 {
        pair.sell().await;
    }
    assert_eq!(pair.failures("nobody").await, 5);
    pair.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn without_redis_all_goes_on_and_with_it_again(
    #[values(Fault::Killed, Fault::Frozen)] fault: Fault,
) {
    let redis = PrivateRedis::start().await;
    let mut pair = Pair::start(&redis.url).await;
    pair.redis_is("ok").await;
    pair.sell().await;

    redis.signal(match fault {
        Fault::Killed => Signal::SIGKILL,
        Fault::Frozen => Signal::SIGSTOP,
    });
    // Some of it before the servers have noticed.
    pair.sell().await;
    // Each process lets five through, and never more.
    assert_eq!(pair.failures("nobody").await, 10);
    pair.redis_is("does not answer").await;
    pair.sell().await;
    assert!(pair.figure("airside_redis_cache_errors_total").await > 0);
    pair.servers[0].login("eve").await;

    match fault {
        Fault::Killed => redis.again().await,
        Fault::Frozen => redis.signal(Signal::SIGCONT),
    }
    pair.redis_is("ok").await;
    for said in [
        "looks up seats without it",
        "counts failed logins by itself",
    ] {
        assert_eq!(pair.logged(said), 1, "{said}");
    }
    assert_eq!(pair.logged("Redis answers again"), 2);
    // Nothing of before is found.
    for (n, client) in pair.clients.iter().enumerate() {
        assert_eq!(pair.seats(client).await, SEATS - pair.booked, "server {n}");
    }
    pair.sell().await;
    assert_eq!(pair.failures("somebody").await, 5);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forgotten_stays_so_when_redis_starts_from_old_data() {
    let redis = PrivateRedis::start().await;
    let mut pair = Pair::start(&redis.url).await;
    pair.redis_is("ok").await;
    // One that looks for nothing until the end, and so asks Redis first then.
    let third = pair.place.beside();
    let server = third.start().await;
    let client = server.login("ada").await;
    assert_eq!(pair.seats(&pair.clients[0]).await, SEATS);
    redis.save().await;
    pair.sell().await;
    redis.signal(Signal::SIGKILL);
    pair.redis_is("does not answer").await;
    redis.again().await;
    pair.redis_is("ok").await;
    until(SOON, "the third finds Redis", async || {
        client.get("/readyz").await.1["redis"] == "ok"
    })
    .await;
    assert_eq!(pair.seats(&client).await, SEATS - pair.booked);
    server.stop().await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_without_redis_and_finds_it_later() {
    let redis = PrivateRedis::start().await;
    redis.signal(Signal::SIGSTOP);
    let mut pair = Pair::start(&redis.url).await;
    pair.redis_is("does not answer").await;
    pair.sell().await;
    redis.signal(Signal::SIGCONT);
    pair.redis_is("ok").await;
    pair.sell().await;
    assert_eq!(pair.failures("nobody").await, 5);
    pair.stop().await;
}

/// A process of one service connects for that one alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_has_the_connections_that_it_needs() {
    let redis = PrivateRedis::start().await;
    let place = Place::on(Store::Postgres, 1, 1).await;
    let place = place
        .with("AIRSIDE_REDIS_URL", &redis.url)
        .with("AIRSIDE_REDIS_PREFIX", "west");
    let auth = place.with("AIRSIDE_ROLES", "auth");
    let first = auth.start().await;
    redis.is_connected(&["west-logins"]).await;
    let keys = format!("http://{}/.well-known/jwks.json", first.address);
    let others = auth.beside().with("AIRSIDE_AUTH_JWKS_URL", keys);
    let bookings = others.with("AIRSIDE_ROLES", "bookings");
    let second = bookings.start().await;
    redis.is_connected(&["west-logins"]).await;
    let search = bookings.beside().with("AIRSIDE_ROLES", "search");
    let third = search.start().await;
    redis.is_connected(&["west-cache", "west-logins"]).await;
    for server in [first, second, third] {
        server.stop().await;
    }
}
