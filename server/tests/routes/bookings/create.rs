use airside_common::user::Role;
use rstest::rstest;
use serde_json::{Value, json};

use super::{one_adult, steady, with};
use crate::app::TestApp;

#[tokio::test]
async fn a_booking_is_made() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 10).await;
    let answer = agent
        .book(
            "key-1",
            &with(
                1,
                &json!({
                    "passengers": [
                        {"given_name": "Ada", "surname": "Byron", "title": "mrs", "type": "adult"},
                        {"given_name": "Eve", "surname": "Byron", "type": "infant", "date_of_birth": "2026-01-01"},
                    ],
                    "seats": [{"segment": 1, "passenger": 1, "seat": "1a"}],
                }),
            ),
        )
        .await;
    // The infant of the body is older than two years in 2099.
    assert_eq!(answer.verdict(), "422 passengers[1].date_of_birth");
    let answer = agent
        .book(
            "key-1",
            &with(
                1,
                &json!({"seats": [{"segment": 1, "passenger": 1, "seat": "1a"}]}),
            ),
        )
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("content-type"), "application/json");
    let booking = answer.json();
    let locator = booking["locator"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/bookings/{locator}"));
    insta::assert_json_snapshot!(steady(booking), @r#"
    {
      "contact": {
        "phone": "212-5550100"
      },
      "created_at": "[created_at]",
      "created_by": "demo",
      "locator": "[locator]",
      "office": "NYC1A0001",
      "operation": "key-1",
      "passengers": [
        {
          "given_name": "Ada",
          "surname": "Byron",
          "type": "adult"
        }
      ],
      "seats": [
        {
          "passenger": 1,
          "seat": "1A",
          "segment": 1
        }
      ],
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
      "status": "confirmed",
      "time_limit": null,
      "total": {
        "amount": "100.00",
        "currency": "USD"
      },
      "updated_at": "[updated_at]",
      "version": 1
    }
    "#);
    app.check().await;
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 1).await;
    let first = agent.book("key-1", &one_adult(1)).await;
    let second = agent.book("key-1", &one_adult(1)).await;
    assert_eq!((second.status.as_u16(), &second.text), (201, &first.text));
    assert_eq!(second.header("etag"), first.header("etag"));
    assert_eq!(second.header("location"), first.header("location"));
    let other = with(1, &json!({"contact": {"phone": "99999"}}));
    insta::assert_json_snapshot!(agent.book("key-1", &other).await.json(), @r#"
    {
      "code": "idempotency_mismatch",
      "detail": "this key was sent with another request before; take a new one",
      "instance": "test",
      "status": 422,
      "title": "The idempotency key was used for another request",
      "type": "/problems/idempotency_mismatch"
    }
    "#);
    app.check().await;
}

#[tokio::test]
async fn a_refusal_that_is_kept_is_given_again_to_the_byte() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 1).await;
    agent.book("key-1", &one_adult(1)).await;
    let send = async |request: &str| {
        let headers = [("Idempotency-Key", "key-2"), ("X-Request-Id", request)];
        agent
            .post("/v1/bookings", &headers, Some(&one_adult(1)))
            .await
    };
    let first = send("first").await;
    assert_eq!(first.verdict(), "409 sold_out");
    assert_eq!(first.json()["instance"], "first");
    let again = send("second").await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("content-type"), "application/problem+json");
    assert_eq!(again.header("x-request-id"), "second");
    // What is not kept names the request that it answers.
    let mismatch = with(1, &json!({"contact": {"phone": "99999"}}));
    let headers = [("Idempotency-Key", "key-2"), ("X-Request-Id", "third")];
    let other = agent.post("/v1/bookings", &headers, Some(&mismatch)).await;
    assert_eq!(other.json()["instance"], "third");
}

#[tokio::test]
async fn a_key_is_1_to_255_printable_characters_and_the_users_own() {
    let app = TestApp::new().await;
    let (agent, other) = (
        app.agent().await,
        app.user("other", Role::Agent, "NYC1A0001").await,
    );
    app.flight(1, 1545, 10).await;
    let longest = "k".repeat(255);
    for (key, verdict) in [
        ("", "422 Idempotency-Key"),
        ("k k", "201"),
        ("k\tk", "422 Idempotency-Key"),
        (&longest, "201"),
        (&format!("{longest}k"), "422 Idempotency-Key"),
    ] {
        let answer = agent.book(key, &one_adult(1)).await;
        assert_eq!(answer.verdict(), verdict, "{key:?}");
    }
    let mine = agent.book(&longest, &one_adult(1)).await.json();
    let theirs = other.book(&longest, &one_adult(1)).await.json();
    assert_ne!(mine["locator"], theirs["locator"]);
    app.check().await;
}

#[tokio::test]
async fn a_hundred_at_once_share_what_there_is() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 10).await;
    let body = one_adult(1);
    let keys: Vec<String> = (0..100).map(|n| format!("key-{}", n / 2)).collect();
    let answers =
        futures_util::future::join_all(keys.iter().map(|key| agent.book(key, &body))).await;
    for pair in answers.chunks(2) {
        assert_eq!(
            (pair[0].status, &pair[0].text),
            (pair[1].status, &pair[1].text),
            "one outcome a key"
        );
    }
    let made = answers.iter().filter(|a| a.status == 201).count();
    let refused = answers
        .iter()
        .filter(|a| a.verdict() == "409 sold_out")
        .count();
    assert_eq!((made, refused), (20, 80));
    app.check().await;
}

#[rstest]
#[case(json!({"hold": true}), "201")]
#[case(json!({"hold": true, "time_limit": "2000-01-01T00:00:00Z"}), "422 time_limit")]
#[case(json!({"hold": true, "time_limit": "2099-11-30T00:00:00Z"}), "422 time_limit")]
#[case(json!({"hold": true, "time_limit": "tomorrow"}), "422 time_limit")]
#[case(json!({"time_limit": "2099-11-30T00:00:00Z"}), "422 time_limit")]
#[case(json!({"waitlist": true}), "201")]
#[case(json!({"waitlist": true, "hold": true}), "422 waitlist")]
#[case(json!({"waitlist": true, "seats": [{"segment": 1, "passenger": 1, "seat": "1A"}]}), "422 seats")]
#[case(json!({"contact": {}}), "422 contact")]
#[case(json!({"contact": {"email": "nobody"}}), "422 contact.email")]
#[case(json!({"segments": []}), "422 segments")]
#[case(json!({"segments": [{"flight_id": "7", "cabin": "economy"}]}), "422 segments[0].flight_id")]
#[case(json!({"segments": [{"flight_id": "1", "cabin": "first"}]}), "422 segments[0].cabin")]
#[case(json!({"segments": [{"flight_id": "1", "cabin": "roof"}]}), "422 segments[0].cabin")]
#[case(json!({"passengers": []}), "422 passengers")]
#[case(json!({"passengers": [{"given_name": "A\u{1b}", "surname": "B", "type": "adult"}]}), "422 passengers[0].given_name")]
#[case(json!({"passengers": [{"given_name": "A", "surname": "B\u{202e}", "type": "adult"}]}), "422 passengers[0].surname")]
#[case(json!({"passengers": [{"given_name": "A", "surname": "B", "type": "child"}]}), "422 passengers[0].date_of_birth")]
#[case(json!({"seats": [{"segment": 1, "passenger": 1, "seat": "12"}]}), "422 seats[0].seat")]
#[case(json!({"seats": [{"segment": 1, "passenger": 1, "seat": "88A"}]}), "422 seats[0].seat")]
#[case(json!({"expected_total": {"amount": "1.00", "currency": "USD"}}), "409 fare_changed")]
#[case(json!({"expected_total": {"amount": "100.00", "currency": "USD"}}), "201")]
// The prototype took `seats: -50` for a number of seats, and added them.
#[case(json!({"seats": -50}), "422 seats")]
#[case(json!({"surprise": 1}), "422 surprise")]
#[tokio::test]
async fn what_is_wrong_is_named(#[case] changes: Value, #[case] expected: &str) {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 10).await;
    let answer = agent.book("key", &with(1, &changes)).await;
    assert_eq!(answer.verdict(), expected, "{}", answer.text);
    app.check().await;
}

#[tokio::test]
async fn a_seat_is_sold_once() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let other = app.user("other", Role::Agent, "LON1A0001").await;
    app.flight(1, 1545, 10).await;
    let body = with(
        1,
        &json!({"seats": [{"segment": 1, "passenger": 1, "seat": "1A"}]}),
    );
    assert_eq!(agent.book("key", &body).await.verdict(), "201");
    let late = other.book("key", &body).await;
    insta::assert_json_snapshot!(late.json(), @r#"
    {
      "code": "seat_taken",
      "detail": "seat 1A on UA1545 belongs to somebody else",
      "instance": "test",
      "status": 409,
      "title": "The seat is taken",
      "type": "/problems/seat_taken"
    }
    "#);
    app.check().await;
}

#[tokio::test]
async fn what_has_departed_or_is_cancelled_is_not_booked() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    app.flight(1, 1545, 10).await;
    app.flight(2, 1546, 10).await;
    sqlx::query("UPDATE flights SET departure = 1, arrival = 2 WHERE id = 1")
        .execute(&app.database)
        .await
        .unwrap();
    sqlx::query("UPDATE flights SET status = 'cancelled' WHERE id = 2")
        .execute(&app.database)
        .await
        .unwrap();
    for flight in [1, 2] {
        let answer = agent
            .book(&format!("key-{flight}"), &one_adult(flight))
            .await;
        assert_eq!(answer.verdict(), "409 flight_not_bookable");
    }
}
