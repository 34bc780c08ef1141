//! Clients that book, and cancel every second booking, at a measured pace, whatever becomes of what they talk to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::process::Client;
use crate::waiting::until;

const PATIENCE: Duration = Duration::from_mins(1);
const CLIENTS: usize = 4;

/// How long each pauses between two bookings.
const PAUSE: Duration = Duration::from_millis(20);

/// A booking, and the version that it has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Booked {
    pub(crate) locator: String,
    pub(crate) version: u64,
}

pub(crate) struct Bookers {
    clients: JoinSet<Vec<Booked>>,
    made: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Bookers {
    pub(crate) fn of(client: &Client) -> Self {
        let mut bookers = Self {
            clients: JoinSet::new(),
            made: Arc::default(),
            refused: Arc::default(),
            over: Arc::default(),
        };
        for name in 0..CLIENTS {
            let (made, refused) = (Arc::clone(&bookers.made), Arc::clone(&bookers.refused));
            let (over, client) = (Arc::clone(&bookers.over), client.clone());
            bookers.clients.spawn(async move {
                let mut booked = Vec::new();
                for n in 0.. {
                    let key = format!("{name}-{n}");
                    let new = client.body(n);
                    let made_one = write(&client, "/v1/bookings", &key, None, &new, &refused).await;
                    let locator = made_one["locator"].as_str().unwrap().to_owned();
                    let mut version = 1;
                    if n % 2 == 0 {
                        let path = format!("/v1/bookings/{locator}/cancel");
                        let key = format!("{key}-cancel");
                        let gone =
                            write(&client, &path, &key, Some(1), &Value::Null, &refused).await;
                        version = gone["version"].as_u64().unwrap();
                        assert_eq!(version, 2);
                    }
                    booked.push(Booked { locator, version });
                    made.fetch_add(1, Ordering::Relaxed);
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                booked
            });
        }
        bookers
    }

    /// Waits until so many more bookings are made.
    pub(crate) async fn make(&self, count: usize) {
        let wanted = self.made.load(Ordering::Relaxed) + count;
        until(PATIENCE, &format!("{count} more bookings"), async || {
            self.made.load(Ordering::Relaxed) >= wanted
        })
        .await;
    }

    /// How many requests were not answered 2xx.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// What they have made, once they have ended.
    pub(crate) async fn end(mut self) -> Vec<Booked> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(booked) = timeout(PATIENCE, self.clients.join_next()).await.unwrap() {
            all.extend(booked.unwrap());
        }
        all
    }
}

/// A write, again until it is answered 2xx.
async fn write(
    client: &Client,
    path: &str,
    key: &str,
    version: Option<u64>,
    body: &Value,
    refused: &AtomicUsize,
) -> Value {
    loop {
        let mut request = client
            .http
            .request(Method::POST, format!("{}{path}", client.base))
            .bearer_auth(&client.token)
            .header("Idempotency-Key", key);
        if let Some(version) = version {
            request = request.header("If-Match", format!("\"{version}\""));
        }
        if !body.is_null() {
            request = request.json(body);
        }
        if let Ok(answer) = request.send().await {
            match answer.status().as_u16() {
                200 | 201 => return answer.json().await.unwrap(),
                409 | 503 => {}
                other => panic!("{path}: {other}: {}", answer.text().await.unwrap()),
            }
        }
        refused.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}
