use airside_common::user::Role;

use super::{one_adult, steady};
use crate::app::TestApp;

#[tokio::test]
async fn a_cancelled_booking_gives_its_seats_back() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 1).await;
    let made = agent.book("key", &one_adult(1)).await.json();
    let locator = made["locator"].as_str().unwrap();
    assert_eq!(
        agent.book("late", &one_adult(1)).await.verdict(),
        "409 sold_out"
    );
    let gone = agent.cancel("end", locator, 1).await;
    assert_eq!(gone.header("etag"), "\"2\"");
    insta::assert_json_snapshot!(steady(gone.json()), @r#"
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
          "status": "XX"
        }
      ],
      "status": "cancelled",
      "time_limit": null,
      "total": {
        "amount": "100.00",
        "currency": "USD"
      },
      "updated_at": "[updated_at]",
      "version": 2
    }
    "#);
    assert_eq!(agent.book("next", &one_adult(1)).await.verdict(), "201");
    app.check().await;
}

#[tokio::test]
async fn the_key_comes_before_the_version() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 1).await;
    let made = agent.book("key", &one_adult(1)).await.json();
    let locator = made["locator"].as_str().unwrap();
    let first = agent.cancel("end", locator, 1).await;
    let retry = agent.cancel("end", locator, 1).await;
    assert_eq!((retry.status.as_u16(), &retry.text), (200, &first.text));
    assert_eq!(
        agent.cancel("other", locator, 1).await.verdict(),
        "412 stale_version"
    );
    assert_eq!(
        agent.cancel("other", locator, 2).await.verdict(),
        "409 conflict"
    );
    assert_eq!(
        agent.cancel("key", locator, 2).await.verdict(),
        "422 idempotency_mismatch",
        "the key made the booking"
    );
    app.check().await;
}

#[tokio::test]
async fn a_version_is_asked_for() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 1).await;
    let made = agent.book("key", &one_adult(1)).await.json();
    let path = format!("/v1/bookings/{}/cancel", made["locator"].as_str().unwrap());
    let key = ("Idempotency-Key", "end");
    let none = agent.post(&path, &[key], None).await;
    assert_eq!(none.verdict(), "428 precondition_required");
    let odd = agent
        .post(&path, &[key, ("If-Match", "W/\"1\"")], None)
        .await;
    assert_eq!(odd.verdict(), "412 stale_version");
    let any = agent.post(&path, &[key, ("If-Match", "*")], None).await;
    assert_eq!(any.verdict(), "200");
}

#[tokio::test]
async fn another_offices_booking_is_not_there() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let stranger = app.user("stranger", Role::Agent, "LON1A0001").await;
    app.flight(1, 1545, 1).await;
    let made = agent.book("key", &one_adult(1)).await.json();
    let locator = made["locator"].as_str().unwrap();
    assert_eq!(
        stranger.cancel("end", locator, 1).await.verdict(),
        "404 not_found"
    );
    assert_eq!(
        stranger.cancel("end", "222222", 1).await.verdict(),
        "404 not_found"
    );
}
