//! Clients that book without end, each key until it is answered 201.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::process::Client;

const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Default)]
struct Counters {
    made: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicBool,
}

/// A storm of bookings.
pub(crate) struct Storm {
    counters: Arc<Counters>,
    /// Each answers its keys with their locators.
    clients: JoinSet<Vec<(String, String)>>,
}

async fn book(counters: Arc<Counters>, client: Client, name: usize) -> Vec<(String, String)> {
    let mut made = Vec::new();
    for n in 0.. {
        let key = format!("{name}-{n}");
        loop {
            let answer = client.send_booking(&key, &client.body(n)).await.unwrap();
            match answer.status().as_u16() {
                201 => {
                    let booking: serde_json::Value = answer.json().await.unwrap();
                    made.push((key, booking["locator"].as_str().unwrap().to_owned()));
                    counters.made.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                503 => {
                    assert!(answer.headers().contains_key("retry-after"));
                    counters.refused.fetch_add(1, Ordering::Relaxed);
                }
                // Held by the transaction that the server was ending.
                409 => {
                    let problem: serde_json::Value = answer.json().await.unwrap();
                    assert_eq!(problem["code"], "idempotency_in_progress");
                }
                other => panic!("{other}: {}", answer.text().await.unwrap()),
            }
        }
        if counters.over.load(Ordering::Relaxed) {
            break;
        }
    }
    made
}

/// Waits until a counter has grown by so much.
async fn grows(counter: &AtomicUsize, by: usize, patience: Duration) {
    let wanted = counter.load(Ordering::Relaxed) + by;
    let grown = async {
        while counter.load(Ordering::Relaxed) < wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(patience, grown).await.expect("the storm goes on");
}

impl Storm {
    /// Breaks loose, with 16 copies of a client.
    pub(crate) fn of(client: &Client) -> Self {
        let counters = Arc::new(Counters::default());
        let mut clients = JoinSet::new();
        for name in 0..16 {
            clients.spawn(book(Arc::clone(&counters), client.clone(), name));
        }
        Self { counters, clients }
    }

    /// Waits until so many more bookings are made.
    pub(crate) async fn makes(&self, count: usize) {
        grows(&self.counters.made, count, PATIENCE).await;
    }

    /// Fails where no booking is made soon.
    pub(crate) async fn recovers_within(&self, soon: Duration) {
        grows(&self.counters.made, 1, soon).await;
    }

    /// Waits until so many more requests are answered 503.
    pub(crate) async fn is_refused(&self, count: usize) {
        grows(&self.counters.refused, count, PATIENCE).await;
    }

    /// Calms down, and looks for every booking that was answered 201; each key has one. Answers how many there are.
    pub(crate) async fn ends_with_nothing_lost(mut self, client: &Client) -> usize {
        self.counters.over.store(true, Ordering::Relaxed);
        let mut locators = Vec::new();
        while let Some(made) = self.clients.join_next().await {
            for (key, locator) in made.unwrap() {
                let (status, booking) = client.get(&format!("/v1/bookings/{locator}")).await;
                assert_eq!(status, 200, "{key} was answered 201 and is lost");
                assert_eq!(booking["operation"], key.as_str());
                locators.push(locator);
            }
        }
        let made = self.counters.made.load(Ordering::Relaxed);
        assert_eq!(locators.len(), made);
        locators.sort();
        locators.dedup();
        assert_eq!(locators.len(), made, "a booking for each key");
        made
    }
}
