use airside_common::user::Role;
use serde_json::{Value, json};

use super::{one_adult, steady, with};
use crate::app::{TestAnswer, TestApp, TestUser};

/// A booking of the flight 1 that is held.
async fn held(app: &TestApp, agent: &TestUser<'_>) -> Value {
    app.flight(1, 1545, 1).await;
    let answer = agent.book("key", &with(1, &json!({"hold": true}))).await;
    assert_eq!(answer.verdict(), "201", "{}", answer.text);
    answer.json()
}

fn locator(booking: &Value) -> &str {
    booking["locator"].as_str().unwrap()
}

async fn confirm(agent: &TestUser<'_>, key: &str, booking: &Value, version: u64) -> TestAnswer {
    let path = format!("/v1/bookings/{}/confirm", locator(booking));
    let version = format!("\"{version}\"");
    let headers = [("Idempotency-Key", key), ("If-Match", &version)];
    agent.post(&path, &headers, None).await
}

#[tokio::test]
async fn a_held_booking_keeps_its_seat_and_is_confirmed() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let made = held(&app, &agent).await;
    assert!(made["time_limit"].as_str().unwrap().ends_with('Z'));
    let mut shown = made.clone();
    shown["time_limit"] = json!("[time_limit]");
    insta::assert_json_snapshot!(steady(shown), @r#"
    {
      "contact": {
        "phone": "212-5550100"
      },
      "created_at": "[created_at]",
      "created_by": "demo",
      "locator": "[locator]",
      "office": "NYC1A0001",
      "operation": "key",
      "passengers": [
        {
          "given_name": "Ada",
          "surname": "Byron",
          "type": "adult"
        }
      ],
      "seats": [],
      "segments": [
        {
          "aircraft": "738",
          "arrival": "2099-12-01T09:00:00-06:00",
          "cabin": "economy",
          "carrier": "UA",
          "departure": "2099-12-01T08:00:00-05:00",
          "destination": "ORD",
          "flight_id": "1",
          "number": 1545,
          "origin": "JFK",
          "status": "HK"
        }
      ],
      "status": "held",
      "time_limit": "[time_limit]",
      "total": {
        "amount": "100.00",
        "currency": "USD"
      },
      "updated_at": "[updated_at]",
      "version": 1
    }
    "#);
    assert_eq!(
        agent.book("late", &one_adult(1)).await.verdict(),
        "409 sold_out"
    );
    let confirmed = confirm(&agent, "confirm", &made, 1).await;
    assert_eq!(confirmed.verdict(), "200", "{}", confirmed.text);
    assert_eq!(confirmed.header("etag"), "\"2\"");
    let shown = confirmed.json();
    assert_eq!(
        (&shown["status"], &shown["time_limit"]),
        (&json!("confirmed"), &Value::Null)
    );
    let retried = confirm(&agent, "confirm", &made, 1).await;
    assert_eq!(
        retried.text, confirmed.text,
        "the key comes before the version"
    );
    assert_eq!(
        confirm(&agent, "stale", &made, 1).await.verdict(),
        "412 stale_version"
    );
    assert_eq!(
        confirm(&agent, "again", &made, 2).await.verdict(),
        "409 conflict"
    );
    let cancel = format!("/v1/bookings/{}/cancel", locator(&made));
    let headers = [("Idempotency-Key", "confirm"), ("If-Match", "*")];
    assert_eq!(
        agent.post(&cancel, &headers, None).await.verdict(),
        "422 idempotency_mismatch"
    );
    app.check().await;
}

#[tokio::test]
async fn a_version_and_a_key_are_asked_for() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let made = held(&app, &agent).await;
    let path = format!("/v1/bookings/{}/confirm", locator(&made));
    let key = ("Idempotency-Key", "confirm");
    let none = agent.post(&path, &[key], None).await;
    assert_eq!(none.verdict(), "428 precondition_required");
    let keyless = agent.post(&path, &[("If-Match", "*")], None).await;
    assert_eq!(keyless.verdict(), "422 Idempotency-Key");
    let odd = agent.post(&path, &[key, ("If-Match", "new")], None).await;
    assert_eq!(odd.verdict(), "412 stale_version");
    let any = agent.post(&path, &[key, ("If-Match", "*")], None).await;
    assert_eq!(any.verdict(), "200");
}

#[tokio::test]
async fn another_offices_hold_is_not_there() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let stranger = app.user("stranger", Role::Agent, "LON1A0001").await;
    let made = held(&app, &agent).await;
    let answer = confirm(&stranger, "confirm", &made, 1).await;
    assert_eq!(answer.verdict(), "404 not_found");
    let anonymous = confirm(&app.anonymous(), "confirm", &made, 1).await;
    assert_eq!(anonymous.verdict(), "401 unauthenticated");
}

#[tokio::test]
async fn after_the_time_limit_a_hold_is_not_confirmed() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let made = held(&app, &agent).await;
    sqlx::query("UPDATE bookings SET time_limit = 1")
        .execute(&app.database)
        .await
        .unwrap();
    let late = confirm(&agent, "confirm", &made, 1).await;
    assert_eq!(late.verdict(), "409 time_limit_passed");
    let again = confirm(&agent, "confirm", &made, 1).await;
    assert_eq!(again.text, late.text, "a refusal is kept with its key");
}

#[tokio::test]
async fn a_party_that_waits_gets_the_seat_that_is_given_back() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let made = held(&app, &agent).await;
    let waits = agent
        .book("waits", &with(1, &json!({"waitlist": true})))
        .await;
    assert_eq!(waits.verdict(), "201", "{}", waits.text);
    let waits = waits.json();
    assert_eq!(
        (
            &waits["status"],
            &waits["segments"][0]["status"],
            &waits["time_limit"]
        ),
        (&json!("waitlisted"), &json!("HL"), &Value::Null)
    );
    let early = confirm(&agent, "early", &waits, 1).await;
    assert_eq!(early.verdict(), "409 conflict");
    let listed = agent.get("/v1/bookings?status=waitlisted").await.json();
    assert_eq!(listed["items"][0]["locator"], waits["locator"]);
    agent.cancel("end", locator(&made), 1).await;
    let path = format!("/v1/bookings/{}", locator(&waits));
    let found = agent.get(&path).await;
    assert_eq!(found.header("etag"), "\"2\"");
    assert_eq!(
        (
            &found.json()["status"],
            &found.json()["segments"][0]["status"]
        ),
        (&json!("confirmed"), &json!("HK"))
    );
    let history = agent.get(&format!("{path}/history")).await.json();
    assert_eq!(history["items"][1]["by"], "system");
    assert_eq!(history["items"][1]["action"], "waitlist.cleared");
    app.check().await;
}
