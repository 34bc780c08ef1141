use airside_common::user::Role;
use serde_json::{Value, json};

use super::one_adult;
use crate::app::{TestAnswer, TestApp, TestUser};

async fn rebook(agent: &TestUser<'_>, key: &str, booking: &Value, body: &Value) -> TestAnswer {
    let path = format!(
        "/v1/bookings/{}/rebook",
        booking["locator"].as_str().unwrap()
    );
    let version = format!("\"{}\"", booking["version"]);
    let headers = [("Idempotency-Key", key), ("If-Match", &version)];
    agent.post(&path, &headers, Some(body)).await
}

fn onto(flight: i64) -> Value {
    json!({"segments": [{"segment": 1, "replacement": {"flight_id": flight.to_string(), "cabin": "economy"}}]})
}

async fn ground(app: &TestApp, flight: i64) {
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    let cancel = format!("/v1/admin/flights/{flight}/cancel");
    let done = admin.post(&cancel, &[("If-Match", "*")], None).await;
    let done = match done.status.as_u16() {
        200 => done,
        _ => admin.post(&cancel, &[("If-Match", "\"1\"")], None).await,
    };
    assert_eq!(done.verdict(), "200", "{}", done.text);
    app.catch_up().await;
}

#[tokio::test]
async fn a_flight_that_does_not_operate_is_replaced() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 1).await;
    app.flight(2, 1546, 1).await;
    let made = agent.book("key", &one_adult(1)).await.json();
    ground(&app, 1).await;
    let path = format!("/v1/bookings/{}", made["locator"].as_str().unwrap());
    let told = agent.get(&path).await.json();
    let accept = json!({"segments": [{"segment": 1}]});
    let last = rebook(&agent, "last", &told, &accept).await;
    assert_eq!(last.verdict(), "422 segments", "{}", last.text);
    assert_eq!(
        rebook(&agent, "stale", &made, &onto(2)).await.verdict(),
        "412 stale_version"
    );
    let done = rebook(&agent, "rebook", &told, &onto(2)).await;
    assert_eq!(done.verdict(), "200", "{}", done.text);
    assert_eq!(done.header("etag"), "\"3\"");
    let booking = done.json();
    let segments = booking["segments"].as_array().unwrap();
    let statuses: Vec<_> = segments
        .iter()
        .map(|s| (&s["flight_id"], &s["status"]))
        .collect();
    let (one, two, xx, hk) = (json!("1"), json!("2"), json!("XX"), json!("HK"));
    assert_eq!(statuses, [(&one, &xx), (&two, &hk)]);
    assert_eq!(booking["status"], "confirmed");
    let again = rebook(&agent, "rebook", &told, &onto(2)).await;
    assert_eq!(again.text, done.text, "the key comes before the version");
    let mismatch = rebook(&agent, "rebook", &told, &accept).await;
    assert_eq!(mismatch.verdict(), "422 idempotency_mismatch");
    assert_eq!(agent.get(&path).await.json(), booking);
    let history = agent.get(&format!("{path}/history")).await.json();
    let actions: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["action"])
        .collect();
    assert_eq!(
        actions,
        ["booking.created", "booking.changed", "booking.changed"]
    );
    assert_eq!(history["items"][1]["by"], "system");
    assert_eq!(history["items"][2]["by"], "demo");
    app.check().await;
}

#[tokio::test]
async fn refusals_take_nothing() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    for flight in 1..=3 {
        app.flight(flight, 1544 + u16::try_from(flight).unwrap(), 1)
            .await;
    }
    let made = agent.book("key", &one_adult(1)).await.json();
    agent.book("full", &one_adult(2)).await;
    let verdict = async |key: &str, body: Value| rebook(&agent, key, &made, &body).await.verdict();
    assert_eq!(verdict("a", onto(2)).await, "409 sold_out");
    assert_eq!(
        verdict("b", onto(9)).await,
        "422 segments[0].replacement.flight_id"
    );
    let mut dearer = onto(3);
    dearer["expected_total"] = json!({"amount": "1.00", "currency": "USD"});
    assert_eq!(verdict("c", dearer).await, "409 fare_changed");
    assert_eq!(
        verdict("d", json!({"segments": [{"segment": 1}]})).await,
        "422 segments[0].segment"
    );
    assert_eq!(verdict("e", json!({"segments": []})).await, "422 segments");
    let twice = json!({"segments": [{"segment": 1}, {"segment": 1}]});
    assert_eq!(verdict("f", twice).await, "422 segments[1].segment");
    let unknown = json!({"segments": [{"segment": 1, "keep": true}]});
    assert!(verdict("g", unknown).await.starts_with("422"));
    ground(&app, 3).await;
    assert_eq!(verdict("h", onto(3)).await, "409 flight_not_bookable");
    // A 409 is kept with its key, and nothing else is.
    assert_eq!(verdict("a", onto(2)).await, "409 sold_out");
    let path = format!("/v1/bookings/{}/rebook", made["locator"].as_str().unwrap());
    let body = onto(2);
    let none = agent
        .post(&path, &[("Idempotency-Key", "k")], Some(&body))
        .await;
    assert_eq!(none.verdict(), "428 precondition_required");
    let keyless = agent.post(&path, &[("If-Match", "*")], Some(&body)).await;
    assert_eq!(keyless.verdict(), "422 Idempotency-Key");
    let stranger = app.user("eve", Role::Agent, "LON1A0001").await;
    assert_eq!(
        rebook(&stranger, "k", &made, &body).await.verdict(),
        "404 not_found"
    );
    let now = agent
        .get(path.strip_suffix("/rebook").unwrap())
        .await
        .json();
    assert_eq!(now, made);
    app.check().await;
}
