//! PostgreSQL that is stopped and started again in a storm of bookings.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::process::{Client, Place};

/// How soon it works again.
const SOON: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_mins(1);

/// A PostgreSQL of this test's own.
struct PrivateServer {
    folder: PathBuf,
    url: String,
}

impl PrivateServer {
    async fn start() -> Self {
        let mut command = Command::new(services());
        // Nothing of what it prints may keep this from reading to the end.
        let output = timeout(PATIENCE, command.arg("start").output());
        let output = output.await.unwrap().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let value = |name: &str| -> String {
            let prefix = format!("export {name}=");
            let line = said.lines().find_map(|line| line.strip_prefix(&prefix));
            line.unwrap().to_owned()
        };
        Self {
            folder: value("AIRSIDE_SERVICES").into(),
            url: value("AIRSIDE_TEST_POSTGRES"),
        }
    }

    /// Sends a signal to the server, and waits until it has ended.
    async fn end(&self, signal: Signal) {
        let pid = std::fs::read_to_string(self.folder.join("pids")).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap());
        kill(pid, signal).unwrap();
        let file = self.folder.join("postgres/postmaster.pid");
        let ended = async {
            while file.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, ended).await.unwrap();
    }

    async fn again(&self) {
        let mut command = Command::new(services());
        let output = timeout(PATIENCE, command.arg("again").arg(&self.folder).output());
        let output = output.await.unwrap().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        let stopped = std::process::Command::new(services())
            .arg("stop")
            .arg(&self.folder)
            .status();
        assert!(stopped.is_ok_and(|status| status.success()));
    }
}

fn services() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services")
}

#[derive(Default)]
struct Storm {
    made: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicBool,
}

impl Storm {
    /// Waits until a counter has grown by so much.
    async fn grows(&self, counter: &AtomicUsize, by: usize) {
        let wanted = counter.load(Ordering::Relaxed) + by;
        while counter.load(Ordering::Relaxed) < wanted {
            tokio::task::yield_now().await;
        }
    }

    /// Books, each key until it is answered 201; answers the keys with their locators.
    async fn book(&self, client: Client, name: usize) -> Vec<(String, String)> {
        let mut made = Vec::new();
        for n in 0.. {
            let key = format!("{name}-{n}");
            loop {
                let answer = client.send_booking(&key, &client.body(n)).await.unwrap();
                match answer.status().as_u16() {
                    201 => {
                        let booking: serde_json::Value = answer.json().await.unwrap();
                        made.push((key, booking["locator"].as_str().unwrap().to_owned()));
                        self.made.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    503 => {
                        assert!(answer.headers().contains_key("retry-after"));
                        self.refused.fetch_add(1, Ordering::Relaxed);
                    }
                    // Held by the transaction that the server was ending.
                    409 => {
                        let problem: serde_json::Value = answer.json().await.unwrap();
                        assert_eq!(problem["code"], "idempotency_in_progress");
                    }
                    other => panic!("{other}: {}", answer.text().await.unwrap()),
                }
            }
            if self.over.load(Ordering::Relaxed) {
                break;
            }
        }
        made
    }
}

#[rstest]
#[case::ends_all_connections(Signal::SIGINT)]
#[case::crashes(Signal::SIGQUIT)]
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_load_loses_nothing_and_needs_no_help(#[case] signal: Signal) {
    let postgres = PrivateServer::start().await;
    let place = Place::on_server(postgres.url.clone(), 20, 900).await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let storm = Arc::new(Storm::default());
    let mut storms = JoinSet::new();
    for name in 0..16 {
        let (storm, client) = (Arc::clone(&storm), client.clone());
        storms.spawn(async move { storm.book(client, name).await });
    }
    timeout(PATIENCE, storm.grows(&storm.made, 100))
        .await
        .unwrap();

    postgres.end(signal).await;
    timeout(PATIENCE, storm.grows(&storm.refused, 16))
        .await
        .unwrap();
    let (status, problem) = client.get("/v1/bookings").await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (503, &"unavailable".into())
    );
    let (status, _) = client.get("/healthz").await;
    assert_eq!(status, 200, "the process itself is well");

    postgres.again().await;
    let recovery = timeout(SOON, storm.grows(&storm.made, 1)).await;
    recovery.expect("bookings are made again soon");
    timeout(PATIENCE, storm.grows(&storm.made, 100))
        .await
        .unwrap();
    storm.over.store(true, Ordering::Relaxed);
    let mut locators = Vec::new();
    while let Some(made) = storms.join_next().await {
        for (key, locator) in made.unwrap() {
            let (status, booking) = client.get(&format!("/v1/bookings/{locator}")).await;
            assert_eq!(status, 200, "{key} was answered 201 and is lost");
            assert_eq!(booking["operation"], key.as_str());
            locators.push(locator);
        }
    }
    assert_eq!(locators.len(), storm.made.load(Ordering::Relaxed));
    locators.sort();
    locators.dedup();
    assert_eq!(
        locators.len(),
        storm.made.load(Ordering::Relaxed),
        "a booking for each key"
    );
    server.stop().await;
    place.check().await;
}
