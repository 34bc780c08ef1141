use airside_common::user::Role;
use serde_json::Value;

use super::{one_adult, steady};
use crate::app::TestApp;

#[tokio::test]
async fn a_booking_is_read_by_its_office_and_by_admins_alone() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let colleague = app.user("colleague", Role::Agent, "NYC1A0001").await;
    let stranger = app.user("stranger", Role::Agent, "LON1A0001").await;
    let admin = app.user("admin", Role::Admin, "LON1A0001").await;
    app.flight(1, 1545, 10).await;
    let made = agent.book("key", &one_adult(1)).await;
    let path = made.header("location").to_owned();

    let own = agent.get(&path).await;
    assert_eq!(own.json(), made.json());
    assert_eq!(own.header("etag"), "\"1\"");
    for other in [&colleague, &admin] {
        let seen = other.get(&path).await;
        assert_eq!(seen.status, 200);
        assert_eq!(seen.json().get("operation"), None, "the key is its maker's");
    }
    assert_eq!(stranger.get(&path).await.verdict(), "404 not_found");
    assert_eq!(
        stranger.get(&format!("{path}/history")).await.verdict(),
        "404 not_found"
    );
    assert_eq!(
        agent.get("/v1/bookings/222222").await.verdict(),
        "404 not_found"
    );
}

#[tokio::test]
async fn a_history_tells_who_did_what() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let admin = app.user("admin", Role::Admin, "LON1A0001").await;
    app.flight(1, 1545, 10).await;
    let made = agent.book("key", &one_adult(1)).await.json();
    let locator = made["locator"].as_str().unwrap();
    assert_eq!(admin.cancel("end", locator, 1).await.verdict(), "200");
    let mut history = agent
        .get(&format!("/v1/bookings/{locator}/history"))
        .await
        .json();
    for entry in history["items"].as_array_mut().unwrap() {
        entry["at"] = Value::from("[at]");
    }
    insta::assert_json_snapshot!(steady(history), @r#"
    {
      "items": [
        {
          "action": "booking.created",
          "at": "[at]",
          "by": "demo",
          "detail": "1 passenger on UA1545 2099-12-01 JFKORD economy, 100.00 USD",
          "version": 1
        },
        {
          "action": "booking.cancelled",
          "at": "[at]",
          "by": "admin",
          "detail": "1 passenger off UA1545 2099-12-01 JFKORD economy",
          "version": 2
        }
      ],
      "next_cursor": null
    }
    "#);
}
