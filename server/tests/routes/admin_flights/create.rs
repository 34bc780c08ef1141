use airside_common::user::Role;
use rstest::rstest;
use serde_json::{Value, json};

use super::plan;
use crate::app::TestApp;

#[tokio::test]
async fn a_flight_is_made_once() {
    let app = TestApp::new().await;
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    let made = admin.post("/v1/admin/flights", &[], Some(&plan(7))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("etag"), "\"1\"");
    let body = made.json();
    assert_eq!(
        body["departure"], "2099-12-01T08:00:00-05:00",
        "local times get the airport's offset"
    );
    assert_eq!(body["cabins"][0]["capacity"], 16);
    assert_eq!(body["cabins"][1]["sold"], 0);
    assert_eq!(admin.get(made.header("location")).await.json(), body);

    let again = admin.post("/v1/admin/flights", &[], Some(&plan(7))).await;
    assert_eq!(again.verdict(), "409 already_exists");
    let audited: (String, String, String) =
        sqlx::query_as("SELECT user, action, target FROM audit")
            .fetch_one(&app.database)
            .await
            .unwrap();
    let id = body["id"].as_str().unwrap().to_owned();
    assert_eq!(
        audited,
        ("admin".to_owned(), "flight.created".to_owned(), id)
    );
}

#[rstest]
#[case("origin", json!("QQQ"), "origin")]
#[case("destination", json!("JFK"), "destination")]
#[case("departure", json!("2026-03-08T02:30"), "departure")]
#[case("arrival", json!("2099-12-01T04:00"), "arrival")]
#[case("number", json!(10_000), "number")]
#[case("cabins", json!([]), "cabins")]
#[tokio::test]
async fn what_is_wrong_is_named(#[case] field: &str, #[case] value: Value, #[case] named: &str) {
    let app = TestApp::new().await;
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    let mut body = plan(7);
    body[field] = value;
    let refused = admin.post("/v1/admin/flights", &[], Some(&body)).await;
    assert_eq!(refused.verdict(), format!("422 {named}"));
}

#[tokio::test]
async fn agents_may_not() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let refused = agent.post("/v1/admin/flights", &[], Some(&plan(7))).await;
    assert_eq!(refused.verdict(), "403 forbidden");
}
