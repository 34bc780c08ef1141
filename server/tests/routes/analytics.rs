//! `/v1/admin/analytics`

use std::sync::Arc;

use airside_common::user::Role;
use airside_server::features::analytics::service::Analytics;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn what_was_sold_is_summed_up() {
    let app = TestApp::new().await;
    app.flight(1, 1, 10).await;
    let agent = app.agent().await;
    let body = json!({
        "segments": [{"flight_id": "1", "cabin": "economy"}],
        "passengers": [
            {"given_name": "Ada", "surname": "Byron", "type": "adult"},
            {"given_name": "Eve", "surname": "Byron", "type": "adult"},
        ],
        "contact": {"phone": "212-5550100"},
    });
    let made = agent.book("key-1", &body).await;
    assert_eq!(made.verdict(), "201");
    Analytics::new(Arc::clone(&app.app.database) as _)
        .rebuild()
        .await
        .unwrap();
    let admin = app.admin().await;
    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    let asked = format!("/v1/admin/analytics/sales?from={today}&to={today}&group_by=route");
    let sales = admin.get(&asked).await.json();
    assert_eq!(sales["items"].as_array().unwrap().len(), 1, "{sales}");
    let sum = &sales["items"][0];
    assert_eq!(sum["key"], "JFK-ORD");
    assert_eq!((&sum["booked"], &sum["cancelled"]), (&json!(2), &json!(0)));
    assert_eq!(
        sum["revenue"],
        json!({"amount": "200.00", "currency": "USD"})
    );
    assert!(sum["lead_days"].as_f64().unwrap() > 20_000.0);
    let loads = admin
        .get("/v1/admin/analytics/load-factors?date=2099-12-01")
        .await
        .json();
    assert_eq!(loads["items"][0]["load_factor"], json!(0.2), "{loads}");
}

#[tokio::test]
async fn a_search_that_finds_no_seats_is_counted() {
    let app = TestApp::new().await;
    app.flight(1, 1, 1).await;
    app.search.load().await.unwrap();
    let agent = app.agent().await;
    for passengers in [1, 9, 9] {
        let asked = format!(
            "/v1/itineraries?origin=JFK&destination=ORD&date=2099-12-01&passengers={passengers}"
        );
        assert_eq!(agent.get(&asked).await.verdict(), "200");
    }
    app.search.report_unserved().await.unwrap();
    let events: Vec<String> = sqlx::query_scalar("SELECT payload FROM outbox")
        .fetch_all(&app.database)
        .await
        .unwrap();
    assert_eq!(events.len(), 1);
    let event: serde_json::Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(event["type"], "searches.unserved");
    let searches = json!([{"origin": "JFK", "destination": "ORD", "cabin": null, "count": 2}]);
    assert_eq!(event["searches"], searches);
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (path, verdict) in [
        ("sales?from=2026-12-02&to=2026-12-01", "422 to"),
        ("sales?from=2026-01-01&to=2027-12-01", "422 to"),
        ("sales?from=2026-01-01&to=2026-12-31", "200"),
        (
            "sales?from=2026-01-01&to=2026-01-02&group_by=office",
            "422 group_by",
        ),
        ("sales?from=2026-01-01&to=2026-01-02&cursor=x", "422 cursor"),
        ("sales?to=2026-01-02", "422 from"),
        ("load-factors?date=x", "422 date"),
        ("load-factors?date=2026-01-01&cursor=x", "422 cursor"),
        ("unserved-searches?from=2026-12-02&to=2026-12-01", "422 to"),
    ] {
        let path = format!("/v1/admin/analytics/{path}");
        assert_eq!(admin.get(&path).await.verdict(), verdict, "{path}");
    }
    let agent = app.user("ada", Role::Agent, "NYC1A0001").await;
    let path = "/v1/admin/analytics/sales?from=2026-01-01&to=2026-01-02";
    let refused = agent.get(path).await;
    assert_eq!(refused.verdict(), "403 forbidden");
}
