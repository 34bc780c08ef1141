//! Two servers that share Redis, and what must hold of them whatever becomes of it.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::NamedTempFile;

use crate::process::{Client, Place, Server, Store};
use crate::waiting::until;

/// By when an event has arrived; seats are looked up anew only after 30 seconds.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// Two servers on one database and one Redis, with a client of each.
pub(crate) struct Pair {
    pub(crate) place: Place,
    beside: Place,
    pub(crate) servers: [Server; 2],
    pub(crate) clients: [Client; 2],
    pub(crate) booked: u64,
    /// What the first server says on its standard error.
    log: NamedTempFile,
}

/// Seats of each flight.
pub(crate) const SEATS: u64 = 100;

impl Pair {
    pub(crate) async fn start(redis: &str) -> Self {
        Self::trusting(redis, Path::new("")).await
    }

    /// The same where a file has the certificates by which Redis is verified.
    pub(crate) async fn trusting(redis: &str, authorities: &Path) -> Self {
        let place = Place::on(Store::Postgres, 2, u32::try_from(SEATS).unwrap()).await;
        let place = place
            .with("AIRSIDE_REDIS_URL", redis)
            .with("AIRSIDE_REDIS_CA_FILE", authorities.to_str().unwrap());
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

    pub(crate) async fn seats(&self, client: &Client) -> u64 {
        let (status, found) = client.get(&self.search()).await;
        assert_eq!(status, 200, "{found}");
        let items = found["items"].as_array().unwrap();
        let mut segments = items.iter().map(|item| &item["segments"][0]);
        let segment = segments.find(|segment| segment["number"] == 1).unwrap();
        segment["cabins"][0]["available"].as_u64().unwrap()
    }

    /// Sells a seat through each server, and waits until both show it.
    pub(crate) async fn sell(&mut self) {
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

    /// Sells until one server has found in Redis what the other had read.
    pub(crate) async fn share(&mut self) {
        let hits = self.figure("airside_redis_cache_hits_total").await;
        while self.figure("airside_redis_cache_hits_total").await == hits {
            assert!(self.booked < SEATS, "nothing was found");
            self.sell().await;
        }
    }

    /// What each says of Redis; all are ready.
    pub(crate) async fn redis_is(&self, said: &str) {
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
    pub(crate) async fn failures(&self, name: &str) -> usize {
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

    pub(crate) async fn figure(&self, name: &str) -> i64 {
        let mut sum = 0;
        for client in &self.clients {
            sum += client.figure(name).await.unwrap().parse::<i64>().unwrap();
        }
        sum
    }

    /// How often the first server has logged something.
    pub(crate) fn logged(&self, what: &str) -> usize {
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        log.matches(what).count()
    }

    pub(crate) async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
        self.place.check().await;
        drop(self.beside);
    }
}
