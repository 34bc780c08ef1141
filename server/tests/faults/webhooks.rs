//! Webhooks of a real server, which is killed between.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use parking_lot::Mutex;
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, Request};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::process::{Client, PASSWORD, Place, Store};
use crate::waiting::until;

const PATIENCE: Duration = Duration::from_mins(1);

/// A program that is called.
#[derive(Clone)]
struct Receiver(Arc<Mutex<State>>);

struct State {
    told: Vec<Value>,
    /// What it answers now.
    status: StatusCode,
    /// How long it thinks about that.
    thinks: Duration,
}

impl Endpoint for Receiver {
    type Output = StatusCode;

    async fn call(&self, mut request: Request) -> poem::Result<StatusCode> {
        let told = request.take_body().into_json().await?;
        let (status, thinks) = {
            let mut state = self.0.lock();
            state.told.push(told);
            (state.status, state.thinks)
        };
        tokio::time::sleep(thinks).await;
        Ok(status)
    }
}

impl Receiver {
    async fn listen() -> (Self, String) {
        let receiver = Self(Arc::new(Mutex::new(State {
            told: Vec::new(),
            status: StatusCode::OK,
            thinks: Duration::ZERO,
        })));
        let acceptor = TcpListener::bind("127.0.0.1:0")
            .into_acceptor()
            .await
            .unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
        tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(receiver.clone()));
        (receiver, format!("http://{address}/"))
    }

    fn answer(&self, status: StatusCode) {
        self.0.lock().status = status;
    }

    fn thinks_for(&self, time: Duration) {
        self.0.lock().thinks = time;
    }

    fn told(&self) -> Vec<Value> {
        self.0.lock().told.clone()
    }
}

async fn place(store: Store, allow_private: &str) -> Place {
    let place = Place::on(store, 2, 60).await;
    let arguments = [
        "user",
        "add",
        "root",
        "--role",
        "admin",
        "--office",
        "HDQ1A0001",
    ];
    let output = place.run(&arguments, &format!("{PASSWORD}\n")).await;
    assert!(output.status.success(), "{output:?}");
    place
        .with("AIRSIDE_WEBHOOKS_ALLOW_PRIVATE", allow_private)
        .with(
            "AIRSIDE_WEBHOOKS_RETRIES",
            "100ms,100ms,1s,1s,1s,1s,1s,1s,1s,1s",
        )
}

/// The log of a webhook.
async fn log(admin: &Client, id: &str) -> Vec<Value> {
    let (status, page) = admin
        .get(&format!("/v1/admin/webhooks/{id}/deliveries"))
        .await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn programs_are_told_what_happened_also_after_a_kill(#[case] store: Store) {
    let (receiver, url) = Receiver::listen().await;
    let place = place(store, "true").await;
    let server = place.start().await;
    let admin = server.login("root").await;
    let body = json!({"url": url, "events": ["booking.created"]});
    let (status, made) = admin.answer("/v1/admin/webhooks", &body).await;
    assert_eq!(status, 201, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    let id = made["webhook"]["id"].as_str().unwrap();

    let test = format!("/v1/admin/webhooks/{id}/test");
    assert_eq!(admin.answer(&test, &Value::Null).await.0, 202);
    until(PATIENCE, "the test", async || receiver.told().len() == 1).await;
    assert_eq!(receiver.told()[0]["type"], "webhook.test");

    receiver.answer(StatusCode::INTERNAL_SERVER_ERROR);
    let ada = server.login("ada").await;
    let (status, booking) = ada.book("one", &ada.body(0)).await.unwrap();
    assert_eq!(status, 201, "{booking}");
    until(PATIENCE, "an attempt", async || receiver.told().len() > 1).await;
    server.kill().await;
    receiver.answer(StatusCode::NO_CONTENT);
    let server = place.start().await;
    let admin = server.login("root").await;
    until(PATIENCE, "it is delivered", async || {
        log(&admin, id).await[0]["state"] == "delivered"
    })
    .await;
    let told = receiver.told();
    let last = told.last().unwrap();
    assert_eq!(last["type"], "booking.created");
    assert_eq!(last["subject"], booking["locator"]);
    assert_eq!(last["aggregateversion"], 1);
    let delivered = &log(&admin, id).await[0];
    let attempts = delivered["attempts"].as_array().unwrap();
    assert_eq!(attempts.last().unwrap()["status"], 204, "{delivered}");

    receiver.answer(StatusCode::GONE);
    let (status, _) = ada.at(&server).book("two", &ada.body(0)).await.unwrap();
    assert_eq!(status, 201);
    until(PATIENCE, "it is disabled", async || {
        let (_, webhook) = admin.get(&format!("/v1/admin/webhooks/{id}")).await;
        webhook["enabled"] == false && webhook["disabled_reason"] == "it answered 410"
    })
    .await;
    server.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_ends_behind_the_call_that_it_makes(
    #[values(Store::Sqlite, Store::Postgres)] store: Store,
) {
    let (receiver, url) = Receiver::listen().await;
    let place = place(store, "true").await;
    let mut server = place.start().await;
    let admin = server.login("root").await;
    let body = json!({"url": url, "events": ["booking.created"]});
    let (status, made) = admin.answer("/v1/admin/webhooks", &body).await;
    assert_eq!(status, 201, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    let id = made["webhook"]["id"].as_str().unwrap();

    receiver.thinks_for(Duration::from_secs(3));
    let ada = server.login("ada").await;
    let (_, one) = ada.book("one", &ada.body(0)).await.unwrap();
    until(PATIENCE, "a call", async || receiver.told().len() == 1).await;
    kill(server.pid(), Signal::SIGTERM).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), server.ended()).await;
    let status = ended.expect("within 30 seconds");
    assert!(status.success(), "{status}");

    receiver.thinks_for(Duration::ZERO);
    let server = place.start().await;
    let admin = server.login("root").await;
    let delivered = &log(&admin, id).await[0];
    assert_eq!(delivered["state"], "delivered", "{delivered}");
    let (_, two) = ada.at(&server).book("two", &ada.body(1)).await.unwrap();
    until(PATIENCE, "another call", async || receiver.told().len() > 1).await;
    let told = receiver.told();
    let subjects: Vec<_> = told.iter().map(|told| &told["subject"]).collect();
    assert_eq!(subjects, [&one["locator"], &two["locator"]], "each once");
    server.stop().await;
}

/// What was allowed once is not for ever: where it is called from now on is looked at anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_not_called_where_it_is_not_allowed() {
    let (receiver, url) = Receiver::listen().await;
    let allowing = place(Store::Sqlite, "true").await;
    let server = allowing.start().await;
    let admin = server.login("root").await;
    let body = json!({"url": url, "events": ["booking.created"]});
    let (status, _) = admin.answer("/v1/admin/webhooks", &body).await;
    assert_eq!(status, 201);
    server.stop().await;
    let strict = allowing.with("AIRSIDE_WEBHOOKS_ALLOW_PRIVATE", "false");
    let server = strict.start().await;
    let admin = server.login("root").await;
    let (status, refused) = admin.answer("/v1/admin/webhooks", &body).await;
    assert_eq!(status, 422, "{refused}");
    assert_eq!(
        admin
            .answer("/v1/admin/webhooks/1/test", &Value::Null)
            .await
            .0,
        202
    );
    until(PATIENCE, "the test has ended", async || {
        log(&admin, "1").await[0]["state"] == "failed"
    })
    .await;
    assert!(receiver.told().is_empty());
    let patch = json!({"enabled": false});
    let (status, _) = admin
        .change(Method::PATCH, "/v1/admin/webhooks/1", 1, &patch)
        .await;
    assert_eq!(status, 200);
    server.stop().await;
}
