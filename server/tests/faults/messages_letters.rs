//! Messages that come too often, and messages that cannot be done.

use std::sync::Arc;
use std::time::Duration;

use airside_common::event::{BookingEvent, Event};
use airside_server::bus::Envelope;
use airside_server::clock::SystemClock;
use airside_server::features::audit::entry::Author;
use airside_server::features::dead_letters::service::DeadLetters;
use airside_server::messages::cloud_event;
use airside_server::messages::queues::Published;
use airside_server::store::postgres::Postgres;
use rstest::rstest;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::clerk::{CLERK, Office, Work};
use crate::process::{Client, PASSWORD, Place, Store};
use crate::waiting::until;

const SOON: Duration = Duration::from_mins(1);

async fn with_an_admin(place: Place) -> Place {
    let add = [
        "user",
        "add",
        "root",
        "--role",
        "admin",
        "--office",
        "NYC1A0001",
    ];
    let output = place.run(&add, &format!("{PASSWORD}\n")).await;
    assert!(output.status.success(), "{output:?}");
    place
}

/// Books; answers the locator.
async fn book(client: &Client, key: &str) -> String {
    let (status, booking) = client.book(key, &client.body(0)).await.unwrap();
    assert_eq!(status, 201, "{booking}");
    booking["locator"].as_str().unwrap().to_owned()
}

async fn letters(admin: &Client) -> Vec<Value> {
    let (status, page) = admin.get("/v1/admin/dead-letters").await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

/// Five bookings, of which the clerk hates one: answers it with what the admin sees of it.
async fn hated(
    office: &Office,
    clerk: &crate::clerk::Clerk,
    ada: &Client,
    root: &Client,
) -> (String, Value) {
    let bad = book(ada, "bad").await;
    clerk.hates(Some(&bad));
    let mut good = Vec::new();
    for n in 0..4 {
        good.push((book(ada, &format!("good-{n}")).await, 1));
    }
    good.sort();
    // It may be dead before the last of the others has come.
    until(SOON, "a dead letter, and the others went on", async || {
        let mut done = office.done().await;
        done.sort();
        done == good && !letters(root).await.is_empty()
    })
    .await;
    let found = letters(root).await;
    assert_eq!(found.len(), 1);
    let letter = found[0].clone();
    assert_eq!(
        (
            &letter["consumer"],
            &letter["subject"],
            &letter["deliveries"]
        ),
        (&json!(CLERK.0), &json!(bad), &json!(4))
    );
    assert_eq!(letter["error"], "the clerk does not like it");
    assert_eq!(clerk.failed(), 4, "delivered so often, and never again");
    (bad, letter)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisonous_message_of_the_broker_is_seen_and_sent_again() {
    let broker = Broker::start().await;
    let place = with_an_admin(Place::on(Store::Postgres, 1, 60).await).await;
    let place = place.with("AIRSIDE_AMQP_URL", broker.url());
    let server = place.start().await;
    let (ada, root) = (server.login("ada").await, server.login("root").await);
    let office = Office::open(&place, Some(broker.url())).await;
    let clerk = office.clerk_that_waits().await;
    let (bad, letter) = hated(&office, &clerk.clerk, &ada, &root).await;
    let figure = async || root.figure("airside_dead_letters").await.unwrap();
    until(SOON, "it is counted", async || figure().await == "1").await;

    let retry = format!(
        "/v1/admin/dead-letters/{}/retry",
        letter["id"].as_str().unwrap()
    );
    // Still hated, it is dead again, with what was tried before.
    let sent = root.answer(&retry, &json!({})).await;
    assert!(sent.0.is_success(), "{sent:?}");
    until(SOON, "it is dead again", async || {
        clerk.clerk.failed() == 8 && letters(&root).await.len() == 1
    })
    .await;
    let again = letters(&root).await[0]["id"].as_str().unwrap().to_owned();
    clerk.clerk.hates(None);
    let retry = format!("/v1/admin/dead-letters/{again}/retry");
    let sent = root.answer(&retry, &json!({})).await;
    assert!(sent.0.is_success(), "{sent:?}");
    until(SOON, "it is done", async || {
        office.done().await.contains(&(bad.clone(), 1))
    })
    .await;
    assert!(letters(&root).await.is_empty());
    until(SOON, "none is counted", async || figure().await == "0").await;
    assert_eq!(office.done().await.len(), 5);
    clerk.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisonous_message_of_the_database_is_seen_and_sent_again() {
    let place = with_an_admin(Place::on(Store::Postgres, 1, 60).await).await;
    let place = place.with("AIRSIDE_ROLES", "auth,search,bookings,admin");
    let server = place.start().await;
    let (ada, root) = (server.login("ada").await, server.login("root").await);
    let office = Office::open(&place, None).await;
    let relay = office.start(Work::Relay);
    let clerk = office.clerk_that_waits().await;
    let (bad, letter) = hated(&office, &clerk.clerk, &ada, &root).await;
    clerk.clerk.hates(None);
    // The server is of a release that has no clerk.
    let id = letter["id"].as_str().unwrap();
    let retry = format!("/v1/admin/dead-letters/{id}/retry");
    let (status, problem) = root.answer(&retry, &json!({})).await;
    assert!(
        status.is_client_error() && problem.contains("clerk"),
        "{status}: {problem}"
    );
    assert_eq!(letters(&root).await.len(), 1, "it is still there");

    let store = Arc::new(Postgres::open(&place.database()).await.unwrap());
    let service = DeadLetters::new(store, office.queues().await, Arc::new(SystemClock));
    let author = Author::command_line();
    service.retry(&author, id.parse().unwrap()).await.unwrap();
    until(SOON, "it is done", async || {
        office.done().await.contains(&(bad.clone(), 1))
    })
    .await;
    assert!(letters(&root).await.is_empty());
    assert_eq!(office.done().await.len(), 5);
    clerk.stop().await;
    assert!(relay.stop(SOON).await.success());
    server.stop().await;
}

#[rstest]
#[case::of_the_database(false)]
#[case::of_the_broker(true)]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_ten_times_has_one_effect(#[case] has_broker: bool) {
    let broker = if has_broker {
        Some(Broker::start().await)
    } else {
        None
    };
    let place = Place::on(Store::Postgres, 1, 1).await;
    let office = Office::open(&place, broker.as_ref().map(Broker::url)).await;
    let (queues, clerk) = (office.queues().await, office.clerk().await);
    let event = BookingEvent {
        locator: "K7QW2M".parse().unwrap(),
        version: 1,
        office: "NYC1A0001".parse().unwrap(),
        operation: None,
        sent_by: None,
    };
    let body = cloud_event::encode(&Envelope {
        id: 1,
        at: jiff::Timestamp::now(),
        event: Event::BookingCreated(event),
    });
    let body = body.unwrap();
    for times in 1..=10 {
        let sent = queues.send_to(CLERK.0, 1, &body).await.unwrap();
        assert_eq!(sent, Published::Kept);
        until(SOON, "it comes", async || clerk.clerk.given() == times).await;
        until(SOON, "it is done with", async || {
            let depths = queues.depths().await.unwrap();
            depths.contains(&(CLERK, 0))
        })
        .await;
    }
    clerk.stop().await;
    assert_eq!(office.done().await, [("K7QW2M".to_owned(), 1)]);
}
