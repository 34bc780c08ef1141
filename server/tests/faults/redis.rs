//! Redis that is shared by servers, killed, frozen and started again without anything in it.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use rstest::rstest;
use serde_json::json;
use tempfile::NamedTempFile;

use crate::process::{Client, Place, Server, Store};
use crate::started::Started;
use crate::waiting::until;

/// By when an event has arrived; seats are looked up anew only after 30 seconds.
const SOON: Duration = Duration::from_secs(15);

/// A Redis of this test's own.
struct PrivateRedis {
    started: Started,
    url: String,
}

impl PrivateRedis {
    async fn start() -> Self {
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
        let client = ::redis::Client::open(&*self.url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let save = ::redis::cmd("SAVE");
        save.exec_async(&mut connection).await.unwrap();
    }

    /// Starts it on the port that it had, with what was saved.
    async fn again(&self) {
        self.started.again("redis").await;
    }
}

/// Two servers on one database and one Redis, with a client of each.
struct Pair {
    place: Place,
    beside: Place,
    servers: [Server; 2],
    clients: [Client; 2],
    booked: u64,
    /// What the first server says on its standard error.
    log: NamedTempFile,
}

/// Seats of each flight.
const SEATS: u64 = 100;

impl Pair {
    async fn start(redis: &str) -> Self {
        let place = Place::on(Store::Postgres, 2, u32::try_from(SEATS).unwrap()).await;
        let place = place.with("AIRSIDE_REDIS_URL", redis);
        // It makes the key that the other takes over.
        let log = NamedTempFile::new().unwrap();
        let to_log = format!("exec \"$0\" \"$@\" 2>>'{}'", log.path().display());
        let first = place.start_through(&["sh", "-c", &to_log]).await;
        let beside = place.beside();
        let servers = [first, beside.start().await];
        let one = servers[0].login("ada").await;
        let other = one.at(&servers[1]);
        Self {
            place,
            beside,
            servers,
            clients: [one, other],
            booked: 0,
            log,
        }
    }

    fn search(&self) -> String {
        format!(
            "/v1/itineraries?origin=JFK&destination=ORD&date={}&max_stops=0&limit=100",
            self.place.date
        )
    }

    async fn seats(&self, client: &Client) -> u64 {
        let (status, found) = client.get(&self.search()).await;
        assert_eq!(status, 200, "{found}");
        let items = found["items"].as_array().unwrap();
        let mut segments = items.iter().map(|item| &item["segments"][0]);
        let segment = segments.find(|segment| segment["number"] == 1).unwrap();
        segment["cabins"][0]["available"].as_u64().unwrap()
    }

    /// Sells a seat through each server, and waits until both show it.
    async fn sell(&mut self) {
        for client in &self.clients {
            self.booked += 1;
            let key = format!("key-{}", self.booked);
            let (status, booking) = client.book(&key, &client.body(0)).await.unwrap();
            assert_eq!(status, 201, "{booking}");
            let left = SEATS - self.booked;
            for (n, client) in self.clients.iter().enumerate() {
                until(
                    SOON,
                    &format!("server {n} shows {left} seats"),
                    async || self.seats(client).await == left,
                )
                .await;
            }
        }
    }

    /// What each says of Redis; all are ready.
    async fn redis_is(&self, said: &str) {
        for client in &self.clients {
            until(SOON, &format!("Redis is {said}"), async || {
                let (status, ready) = client.get("/readyz").await;
                assert_eq!(status, 200, "{ready}");
                ready["redis"] == said
            })
            .await;
        }
    }

    /// A login with a wrong password; whether it was looked at.
    async fn fails(&self, server: usize, name: &str) -> bool {
        let body = json!({"username": name, "password": "not the right one"});
        match self.clients[server]
            .post("/v1/auth/login", &body)
            .await
            .as_u16()
        {
            401 => true,
            429 => false,
            other => panic!("{other}"),
        }
    }

    /// Fails at the servers in turn until each refuses; how often it was let through.
    async fn failures(&self, name: &str) -> usize {
        let mut passed = 0;
        loop {
            let first = self.fails(0, name).await;
            let second = self.fails(1, name).await;
            passed += usize::from(first) + usize::from(second);
            if !first && !second {
                return passed;
            }
            assert!(passed < 50, "never refused");
        }
    }

    async fn figure(&self, name: &str) -> i64 {
        let mut sum = 0;
        for client in &self.clients {
            sum += client.figure(name).await.unwrap().parse::<i64>().unwrap();
        }
        sum
    }

    /// How often the first server has logged something.
    fn logged(&self, what: &str) -> usize {
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        log.matches(what).count()
    }

    async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
        self.place.check().await;
        drop(self.beside);
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

/// How Redis goes.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed,
    Frozen,
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
