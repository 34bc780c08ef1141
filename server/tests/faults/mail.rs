//! Mail to passengers, by a real mail server that is away, refuses or is slow, and a notifier that is killed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::process::{Client, PASSWORD, Place, Server, Store};
use crate::started::Started;
use crate::waiting::until;

const PATIENCE: Duration = Duration::from_mins(1);

/// A mail server of a test's own.
pub(crate) struct MailServer(Started);

impl MailServer {
    pub(crate) async fn start() -> Self {
        Self(Started::start(&["smtp"]).await)
    }

    pub(crate) fn url(&self) -> &str {
        self.0.value("AIRSIDE_TEST_SMTP").unwrap()
    }

    /// All mails that it was given.
    pub(crate) fn mails(&self) -> Vec<String> {
        let folder: PathBuf = self.0.value("AIRSIDE_TEST_MAILDIR").unwrap().into();
        let folder = Path::new(&folder).join("new");
        let Ok(found) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        found
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    }

    fn count(&self) -> usize {
        self.mails().len()
    }
}

/// A place whose passengers get mail, tried again soon.
async fn place(store: Store, mail: &MailServer) -> Place {
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
        .with("AIRSIDE_MAIL_URL", mail.url())
        .with("AIRSIDE_MAIL_FROM", "Airside <no-reply@airside.example>")
        .with("AIRSIDE_MAIL_TIMEOUT", "2s")
        .with("AIRSIDE_MAIL_RETRY_AFTER", "200ms")
}

/// A booking with a contact address.
async fn book(client: &Client, key: &str, email: &str) -> Value {
    let mut body = client.body(0);
    body["contact"] = json!({"email": email});
    let (status, booking) = client.book(key, &body).await.unwrap();
    assert_eq!(status, 201, "{booking}");
    booking
}

/// The mails about a booking as an admin sees them.
async fn listed(server: &Server, booking: &Value) -> Vec<Value> {
    let admin = server.login("root").await;
    let locator = booking["locator"].as_str().unwrap();
    let (status, page) = admin
        .get(&format!("/v1/admin/mails?locator={locator}"))
        .await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

/// Waits until the only mail about a booking is in a state.
async fn ended(server: &Server, booking: &Value, state: &str) -> Value {
    until(PATIENCE, state, async || {
        let mails = listed(server, booking).await;
        mails.len() == 1 && mails[0]["state"] == state
    })
    .await;
    listed(server, booking).await.remove(0)
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn passengers_are_told_of_new_times_and_of_a_hold_that_is_about_to_end_once(
    #[case] store: Store,
) {
    let mail = MailServer::start().await;
    let place = place(store, &mail).await;
    let servers = [place.start().await, place.beside().start().await];
    let ada = servers[0].login("ada").await;
    let root = servers[1].login("root").await;
    let booking = book(&ada, "one", "ada@example.com").await;
    let mut body = ada.body(1);
    body["contact"] = json!({"email": "bob@example.com"});
    body["hold"] = json!(true);
    let limit = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(12);
    body["time_limit"] = json!(limit.to_string());
    let (status, held) = ada.book("held", &body).await.unwrap();
    assert_eq!(status, 201, "{held}");
    // Mails show a booking as it is when they are written.
    until(PATIENCE, "two mails", async || mail.count() == 2).await;
    let change = json!({"departure": format!("{}T08:20", place.date)});
    let path = format!("/v1/admin/flights/{}", ada.flights[0]);
    let (status, moved) = root.change(Method::PATCH, &path, 1, &change).await;
    assert_eq!(status, 200, "{moved}");
    // Confirmed and changed; held, about to end, and ended.
    until(PATIENCE, "all mails", async || mail.count() == 5).await;
    let events = async |booking: &Value| -> Vec<String> {
        let logged = listed(&servers[1], booking).await;
        let event = |mail: &Value| mail["event"].as_str().unwrap().to_owned();
        logged.iter().rev().map(event).collect()
    };
    assert_eq!(
        events(&booking).await,
        ["booking.created", "booking.changed"]
    );
    let expected = ["booking.created", "booking.expiring", "booking.expired"];
    assert_eq!(events(&held).await, expected);
    let mails: Vec<String> = mail
        .mails()
        .iter()
        .map(|mail| mail.replace("\r\n", "\n").replace("\n ", " "))
        .collect();
    let with = |part: &str| mails.iter().filter(|mail| mail.contains(part)).count();
    assert_eq!(with("Your flights have new times"), 1);
    assert_eq!(with("08:20"), 1);
    assert_eq!(with("is held only until"), 1);
    // The change waits for somebody; of the hold nothing is left to be done.
    until(PATIENCE, "the queues say so", async || {
        let totals = ada.get("/v1/queues").await.1;
        let waiting = |number: u64| {
            let queues = totals["items"].as_array().unwrap();
            let queue = queues.iter().find(|queue| queue["number"] == number);
            queue.unwrap()["waiting"].as_u64().unwrap()
        };
        (waiting(7), waiting(8)) == (1, 0)
    })
    .await;
    for server in servers {
        server.stop().await;
    }
    place.check().await;
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn passengers_are_told_of_a_booking_and_of_its_end(#[case] store: Store) {
    let mail = MailServer::start().await;
    let place = place(store, &mail).await;
    let server = place.start().await;
    let ada = server.login("ada").await;
    let booking = book(&ada, "one", "ada@example.com").await;
    let locator = booking["locator"].as_str().unwrap();
    until(PATIENCE, "a mail", async || mail.count() == 1).await;
    let path = format!("/v1/bookings/{locator}/cancel");
    let answer = ada
        .http
        .post(format!("{}{path}", ada.base))
        .bearer_auth(&ada.token)
        .header("Idempotency-Key", "two")
        .header("If-Match", "\"1\"")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    until(PATIENCE, "another mail", async || mail.count() == 2).await;
    let mut mails = mail.mails();
    mails.sort_by_key(|mail| mail.contains("is cancelled"));
    for (mail, word) in mails.iter().zip(["is confirmed", "is cancelled"]) {
        let subject = format!("Subject: Your booking {locator} {word}");
        for part in [
            &*subject,
            "From: Airside <no-reply@airside.example>",
            "To: ada@example.com",
            "Auto-Submitted: auto-generated",
            "text/calendar; charset=utf-8; method=PUBLISH",
        ] {
            let unfolded = mail.replace("\r\n", "\n").replace("\n ", " ");
            assert!(unfolded.contains(part), "{part}: {mail}");
        }
    }
    let logged = listed(&server, &booking).await;
    let events: Vec<&str> = logged
        .iter()
        .map(|mail| mail["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["booking.cancelled", "booking.created"]);
    // Who has no address gets nothing, and nothing fails.
    let (status, silent) = ada.book("three", &ada.body(0)).await.unwrap();
    assert_eq!(status, 201);
    let last = book(&ada, "four", "eve@example.com").await;
    ended(&server, &last, "sent").await;
    assert!(listed(&server, &silent).await.is_empty());
    server.stop().await;
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_delays_mail_and_nothing_else(#[case] store: Store) {
    let mail = MailServer::start().await;
    let place = place(store, &mail).await;
    let server = place.start().await;
    let ada = server.login("ada").await;
    let pid = mail.0.pid("smtp");
    kill(pid, Signal::SIGKILL).unwrap();
    let booking = book(&ada, "one", "ada@example.com").await;
    until(PATIENCE, "an attempt", async || {
        let mails = listed(&server, &booking).await;
        mails.len() == 1 && mails[0]["answer"].is_string()
    })
    .await;
    let waiting = server.login("root").await;
    let figure = waiting.figure("airside_notifications_waiting{channel=\"mail\"}");
    assert_eq!(figure.await.as_deref(), Some("1"));
    assert_eq!(listed(&server, &booking).await[0]["state"], "waiting");
    mail.0.again("smtp").await;
    let sent = ended(&server, &booking, "sent").await;
    assert!(sent["attempts"].as_u64().unwrap() > 1, "{sent}");
    assert_eq!(mail.count(), 1);
    server.stop().await;
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_recorded_and_a_delay_is_waited_for(#[case] store: Store) {
    let mail = MailServer::start().await;
    let place = place(store, &mail).await;
    let server = place.start().await;
    let ada = server.login("ada").await;
    let refused = book(&ada, "one", "nobody@example.com").await;
    let delayed = book(&ada, "two", "later@example.com").await;
    let refused = ended(&server, &refused, "failed").await;
    let answer = refused["answer"].as_str().unwrap();
    assert!(answer.contains("there is nobody of this name"), "{answer}");
    assert_eq!(refused["attempts"], 1, "{refused}");
    let delayed = ended(&server, &delayed, "sent").await;
    assert_eq!(delayed["attempts"], 2, "{delayed}");
    let mails = mail.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("To: later@example.com"));
    let admin = server.login("root").await;
    let figure = async |outcome: &str| {
        let name = format!("airside_notifications_total{{channel=\"mail\",outcome=\"{outcome}\"}}");
        admin.figure(&name).await
    };
    assert_eq!(figure("sent").await.as_deref(), Some("1"));
    assert_eq!(figure("retried").await.as_deref(), Some("1"));
    assert_eq!(figure("failed").await.as_deref(), Some("1"));
    server.stop().await;
}

/// The mail server is frozen while a mail is handed to it, and the notifier is killed meanwhile.
#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_notifier_that_is_killed_loses_no_mail(#[case] store: Store) {
    let mail = MailServer::start().await;
    let place = place(store, &mail).await;
    let server = place.start().await;
    let ada = server.login("ada").await;
    let pid = mail.0.pid("smtp");
    kill(pid, Signal::SIGSTOP).unwrap();
    let booking = book(&ada, "one", "ada@example.com").await;
    until(PATIENCE, "a mail in hand", async || {
        let mails = listed(&server, &booking).await;
        mails.len() == 1 && mails[0]["attempts"] != 0
    })
    .await;
    server.kill().await;
    kill(pid, Signal::SIGCONT).unwrap();
    let server = place.start().await;
    ended(&server, &booking, "sent").await;
    assert_eq!(mail.count(), 1);
    server.stop().await;
}

/// Without a server for it no mail is written, and none waits.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_nothing_waits() {
    let mail = MailServer::start().await;
    let place = place(Store::Sqlite, &mail)
        .await
        .with("AIRSIDE_MAIL_URL", "");
    let server = place.start().await;
    let ada = server.login("ada").await;
    let booking = book(&ada, "one", "ada@example.com").await;
    let figure = "airside_messages_handled_total{consumer=\"webhooks\",outcome=\"done\"}";
    until(PATIENCE, "the other consumer is done", async || {
        ada.figure(figure).await.is_some()
    })
    .await;
    assert!(listed(&server, &booking).await.is_empty());
    assert_eq!(
        ada.figure("airside_queue_depth{consumer=\"mail\"}").await,
        None
    );
    assert_eq!(mail.count(), 0);
    server.stop().await;
}
