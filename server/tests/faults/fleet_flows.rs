//! What people do all day, through nginx at processes that are a service each: the console's screen, holds, queues,
//! rebookings; lists come from a replica.

use std::time::Duration;

use portable_pty::CommandBuilder;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::fleet::{Fleet, console};
use crate::process::{Client, PASSWORD};
use crate::pty::Terminal;
use crate::waiting::until;

/// By when an event has had its effect.
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn the_console_books_hears_of_others_and_cancels() {
    let fleet = Fleet::start(1, 9).await;
    let colleague = fleet.login("ada").await;
    let home = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(console());
    command.args(["--server", &format!("http://{}", fleet.proxy.address)]);
    let mut terminal = Terminal::run(home.path(), command, &[]);
    block_in_place(|| {
        terminal.waits_for("Password");
        terminal.types(&format!("ada<tab>{PASSWORD}<enter>"));
        terminal.waits_for("Where to?");
        terminal.types("jfk<tab>ord<tab><ctrl-u>+10<enter>");
        terminal.waits_for("1 found");
        terminal.types("<enter>");
        terminal.waits_for("New booking");
        terminal.types("john<tab>smith<tab><tab><tab>j@example.com");
        terminal.waits_for("j@example.com");
        terminal.types("<enter>");
        terminal.waits_for("confirmed");
        terminal.types("<f3>");
        terminal.waits_for("1 booking");
        terminal.waits_for("smith john");
    });
    let (status, booked) = colleague.book("live", &colleague.body(0)).await.unwrap();
    assert_eq!(status, 201, "{booked}");
    block_in_place(|| {
        terminal.waits_for("2 bookings");
        terminal.types("x");
        terminal.waits_for("Cancel");
        terminal.types("y");
        terminal.waits_for("cancelled");
    });
    until(SOON, "the server has cancelled one", async || {
        let bookings = fleet.bookings(&colleague).await;
        let cancelled = bookings.values().filter(|one| one["status"] == "cancelled");
        assert_eq!(bookings.len(), 2);
        cancelled.count() == 1
    })
    .await;
    block_in_place(|| {
        terminal.types("<ctrl-q>");
        assert!(terminal.ended().success());
    });
    fleet.places["auth"].check().await;
}

/// Changes a booking at the version that it has.
async fn change(client: &Client, booking: &Value, what: &str, body: &Value) -> Value {
    let path = format!(
        "/v1/bookings/{}/{what}",
        booking["locator"].as_str().unwrap()
    );
    let request = client
        .http
        .post(format!("{}{path}", client.base))
        .bearer_auth(&client.token)
        .header("Idempotency-Key", format!("{what}-{}", booking["version"]))
        .header("If-Match", format!("\"{}\"", booking["version"]));
    let request = match body {
        Value::Null => request,
        body => request.json(body),
    };
    let answer = request.send().await.unwrap();
    let (status, changed) = (answer.status(), answer.json().await.unwrap());
    assert_eq!(status, 200, "{changed}");
    changed
}

/// Takes the booking from a queue of its office once it is there; answers it as it is then.
async fn taken(client: &Client, queue: u8, locator: &Value) -> Value {
    let path = format!("/v1/queues/{queue}/take");
    let entry = async {
        loop {
            let request = client.http.post(format!("{}{path}", client.base));
            let answer = request.bearer_auth(&client.token).send().await.unwrap();
            if answer.status() == 204 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            assert_eq!(answer.status(), 200);
            return answer.json().await.unwrap();
        }
    };
    let taken: Value = tokio::time::timeout(SOON, entry)
        .await
        .unwrap_or_else(|_| panic!("it does not come on queue {queue}"));
    assert_eq!(taken["item"]["locator"], *locator, "{taken}");
    taken["booking"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_confirmed_and_what_changes_is_queued_and_rebooked() {
    let fleet = Fleet::start(2, 9).await;
    let (ada, root) = (fleet.login("ada").await, fleet.login("root").await);
    let mut body = ada.body(0);
    body["hold"] = json!(true);
    let (status, held) = ada.book("held", &body).await.unwrap();
    assert_eq!((status.as_u16(), &held["status"]), (201, &json!("held")));
    let locator = &held["locator"];
    let confirmed = change(&ada, &held, "confirm", &Value::Null).await;
    assert_eq!(confirmed["status"], "confirmed");

    // Another time: told, queued, accepted.
    let flight = format!("/v1/admin/flights/{}", ada.flights[0]);
    let departure = format!("{}T08:40", fleet.places["auth"].date);
    let later = json!({"departure": departure});
    let (status, moved) = root.change(Method::PATCH, &flight, 1, &later).await;
    assert_eq!(status, 200, "{moved}");
    let told = taken(&ada, 7, locator).await;
    assert_eq!(told["segments"][0]["status"], "TK", "{told}");
    let accept = json!({"segments": [{"segment": 1}]});
    let accepted = change(&ada, &told, "rebook", &accept).await;
    assert_eq!(accepted["segments"][0]["status"], "HK", "{accepted}");

    // No flight any more: another one is taken.
    let cancel = format!("{flight}/cancel");
    let (status, gone) = root.change(Method::POST, &cancel, 2, &Value::Null).await;
    assert_eq!(status, 200, "{gone}");
    let told = taken(&ada, 1, locator).await;
    assert_eq!(told["segments"][0]["status"], "UN", "{told}");
    let other = json!({"segments": [
        {"segment": 1, "replacement": {"flight_id": ada.flights[1], "cabin": "economy"}}
    ]});
    let rebooked = change(&ada, &told, "rebook", &other).await;
    assert_eq!(rebooked["segments"][1]["status"], "HK", "{rebooked}");

    // Whoever writes nothing is shown what the replica has, once it has all.
    until(SOON, "the replica shows it", async || {
        let (status, list) = ada.get("/v1/bookings").await;
        assert_eq!(status, 200, "{list}");
        list["items"][0]["version"] == rebooked["version"]
    })
    .await;
    let reads = "airside_database_reads_total{read=\"bookings\",source=\"replica\"}";
    let mut from_replica = 0;
    for name in ["bookings-1", "bookings-2"] {
        let figure = ada.at(&fleet.servers[name]).figure(reads).await;
        from_replica += figure.map_or(0, |figure| figure.parse::<u64>().unwrap());
    }
    assert!(from_replica > 0);
    fleet.places["auth"].check().await;
}
