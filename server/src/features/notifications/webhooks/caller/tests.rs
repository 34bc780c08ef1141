//! Against a server that listens.

use std::collections::VecDeque;
use std::net::SocketAddr;

use poem::http::HeaderMap;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, Request, Response};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::SystemClock;
use crate::features::notifications::outgoing;
use crate::features::notifications::webhooks::store::contract::{made, message};
use crate::store::contract::Fixture;
use crate::store::sqlite::tests::OnDisk;
use airside_common::api::webhooks::{Delivery, DeliveryState};

/// A program that is called, and what it was told.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    calls: Vec<(String, HeaderMap, String)>,
    /// Status and, for a redirect, where to; afterwards 200.
    answers: VecDeque<(u16, Option<String>)>,
}

impl Endpoint for Receiver {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let body = request.take_body().into_string().await?;
        let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
        let mut told = self.0.lock();
        told.calls.push((path, headers, body));
        let (status, location) = told.answers.pop_front().unwrap_or((200, None));
        let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
        if let Some(location) = location {
            response = response.header("Location", location);
        }
        Ok(response.body("é\u{1b}[31m".repeat(4_000)))
    }
}

impl Receiver {
    async fn listen(answers: &[u16]) -> (Self, SocketAddr) {
        let receiver = Self::default();
        let answers = answers.iter().map(|status| (*status, None));
        receiver.0.lock().answers.extend(answers);
        let acceptor = TcpListener::bind("127.0.0.1:0")
            .into_acceptor()
            .await
            .unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
        let server = poem::Server::new_with_acceptor(acceptor);
        tokio::spawn(server.run(receiver.clone()));
        (receiver, address)
    }

    fn calls(&self) -> Vec<(String, HeaderMap, String)> {
        self.0.lock().calls.clone()
    }
}

const SHORT: Duration = Duration::from_millis(10);

/// Tells a webhook of one event until that has ended; answers what is logged.
async fn tell(url: &str, reach: Reach, retries: &[Duration]) -> (OnDisk, i64, Delivery) {
    let fixture = OnDisk::new().await;
    let store = fixture.database();
    let id = made(store, url, &["flight.created"]).await;
    store.queue_deliveries(&[message(42)]).await.unwrap();
    let caller = Caller::new(
        Arc::new(store.clone()),
        reach,
        retries.to_vec(),
        Arc::new(SystemClock),
        Figures::default(),
    );
    let stop = CancellationToken::new();
    let (queued, caller) = (Arc::new(Notify::new()), Arc::new(caller.unwrap()));
    let running = tokio::spawn(outgoing::run(caller, queued, stop.clone()));
    let patience = Duration::from_mins(1);
    let ended = tokio::time::timeout(patience, async {
        loop {
            let mut log = store.deliveries(id, None, 9).await.unwrap();
            if log[0].ended_at.is_some() {
                return log.remove(0);
            }
            tokio::time::sleep(SHORT).await;
        }
    });
    let ended = ended.await.unwrap();
    stop.cancel();
    running.await.unwrap();
    (fixture, id, ended)
}

/// As a receiver does it, with nothing of what signs.
fn verifies(headers: &HeaderMap, body: &str) -> bool {
    let header = |name| headers[name].to_str().unwrap();
    let signed = format!(
        "{}.{}.{body}",
        header("webhook-id"),
        header("webhook-timestamp")
    );
    let key = padded(b"secret");
    let tag = base64::Engine::decode(
        &base64::prelude::BASE64_STANDARD,
        header("webhook-signature").strip_prefix("v1,").unwrap(),
    );
    hmac_sha256(&key, signed.as_bytes()) == tag.unwrap()
}

/// A key as HMAC pads it (RFC 2104).
fn padded(key: &[u8]) -> [u8; 64] {
    let mut padded = [0; 64];
    padded[..key.len()].copy_from_slice(key);
    padded
}

/// HMAC by its definition (RFC 2104).
fn hmac_sha256(key: &[u8; 64], text: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let with = |pad: u8| key.map(|byte| byte ^ pad);
    let inner = Sha256::new()
        .chain_update(with(0x36))
        .chain_update(text)
        .finalize();
    let outer = Sha256::new()
        .chain_update(with(0x5c))
        .chain_update(inner)
        .finalize();
    outer.to_vec()
}

#[tokio::test]
async fn who_fails_is_called_again_with_the_same_name() {
    let (receiver, address) = Receiver::listen(&[500, 503]).await;
    let url = format!("http://{address}/hook?x=1");
    let (_fixture, _, ended) = tell(&url, Reach::Anywhere, &[SHORT, SHORT]).await;
    assert_eq!(ended.state, DeliveryState::Delivered);
    let statuses: Vec<_> = ended
        .attempts
        .iter()
        .map(|one| one.status.unwrap())
        .collect();
    assert_eq!(statuses, [500, 503, 200]);
    let answer = &ended.attempts[0].answer;
    assert!(answer.starts_with("é[31mé"), "{answer}");
    assert!(answer.len() <= LONGEST_ANSWER + 2, "{}", answer.len());
    let calls = receiver.calls();
    assert_eq!(calls.len(), 3);
    for (path, headers, body) in &calls {
        assert_eq!(path, "/hook");
        assert_eq!(headers["webhook-id"], "evt_42");
        assert_eq!(headers["content-type"], cloud_event::CONTENT_TYPE);
        assert_eq!(body, "{\"id\":\"42\"}");
        assert!(verifies(headers, body), "{headers:?}");
        assert!(!verifies(headers, "{\"id\":\"43\"}"));
    }
}

#[tokio::test]
async fn who_goes_on_to_fail_is_given_up() {
    let (receiver, address) = Receiver::listen(&[500; 9]).await;
    let url = format!("http://{address}/");
    let (_fixture, _, ended) = tell(&url, Reach::Anywhere, &[SHORT, SHORT]).await;
    assert_eq!(ended.state, DeliveryState::Failed);
    assert_eq!(receiver.calls().len(), 3);
}

#[tokio::test]
async fn who_is_gone_is_not_called_again() {
    let (receiver, address) = Receiver::listen(&[410]).await;
    let url = format!("http://{address}/");
    let (fixture, id, ended) = tell(&url, Reach::Anywhere, &[SHORT]).await;
    assert_eq!(ended.state, DeliveryState::Failed);
    assert_eq!(receiver.calls().len(), 1);
    let webhook = fixture.database().webhook(id).await.unwrap().unwrap();
    assert!(!webhook.enabled);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, other) = Receiver::listen(&[]).await;
    let (receiver, address) = Receiver::listen(&[]).await;
    let location = Some(format!("http://{other}/"));
    receiver.0.lock().answers.push_back((307, location));
    let url = format!("http://{address}/");
    let (_fixture, _, ended) = tell(&url, Reach::Anywhere, &[]).await;
    assert_eq!(ended.state, DeliveryState::Failed);
    assert_eq!(ended.attempts[0].status, Some(307));
    assert_eq!((receiver.calls().len(), elsewhere.calls().len()), (1, 0));
}

/// Names that lead into this machine, and the machine itself in other words.
#[tokio::test]
async fn nobody_is_called_in_a_private_net() {
    let (receiver, address) = Receiver::listen(&[]).await;
    let port = address.port();
    for (host, why) in [
        ("localhost", "not an address of the public net"),
        ("127.0.0.1", "not an address of the public net"),
        ("[::ffff:127.0.0.1]", "not an address of the public net"),
        ("2130706433", "not an address of the public net"),
    ] {
        let url = format!("https://{host}:{port}/");
        let (_fixture, _, ended) = tell(&url, Reach::Public, &[]).await;
        let attempt = &ended.attempts[0];
        assert_eq!((ended.state, attempt.status), (DeliveryState::Failed, None));
        assert!(attempt.answer.contains(why), "{host}: {}", attempt.answer);
    }
    let url = format!("http://localhost:{port}/");
    let (_fixture, _, ended) = tell(&url, Reach::Public, &[]).await;
    assert_eq!(ended.attempts[0].answer, "url: begins with https://");
    assert!(receiver.calls().is_empty());
}

#[tokio::test]
async fn who_does_not_listen_is_said_not_to() {
    let (_, address) = Receiver::listen(&[]).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    assert_ne!(port, address.port());
    let url = format!("http://127.0.0.1:{port}/secret-path");
    let (_fixture, _, ended) = tell(&url, Reach::Anywhere, &[]).await;
    let answer = &ended.attempts[0].answer;
    assert!(answer.contains("refused"), "{answer}");
    assert!(!answer.contains("secret-path"), "{answer}");
}

/// One that keeps its calls waiting is given a few, and the others are told meanwhile.
#[tokio::test]
async fn a_slow_webhook_does_not_hold_up_the_others() {
    let fixture = OnDisk::new().await;
    let store = fixture.database();
    // It takes connections, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = format!("http://{}/", silent.local_addr().unwrap());
    let slow = made(store, &slow, &["flight.created"]).await;
    let batch: Vec<_> = (1..=100).map(message).collect();
    store.queue_deliveries(&batch).await.unwrap();
    let (receiver, address) = Receiver::listen(&[]).await;
    made(store, &format!("http://{address}/"), &["flight.created"]).await;
    store.queue_deliveries(&[message(101)]).await.unwrap();
    let caller = Caller::new(
        Arc::new(store.clone()),
        Reach::Anywhere,
        Vec::new(),
        Arc::new(SystemClock),
        Figures::default(),
    );
    let (queued, caller) = (Arc::new(Notify::new()), Arc::new(caller.unwrap()));
    let stop = CancellationToken::new();
    let running = tokio::spawn(outgoing::run(caller.clone(), queued, stop));
    let told = async {
        while receiver.calls().is_empty() {
            tokio::time::sleep(SHORT).await;
        }
    };
    // Well before the slow one is given up.
    tokio::time::timeout(PATIENCE / 2, told).await.unwrap();
    let in_hand = caller.in_hand.lock()[&slow];
    assert!(in_hand < 2 * MOST_OF_ONE, "{in_hand}");
    running.abort();
}
