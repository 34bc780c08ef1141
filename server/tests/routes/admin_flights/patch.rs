use airside_common::user::Role;
use serde_json::json;

use super::{one_adult, plan};
use crate::app::TestApp;

#[tokio::test]
async fn a_change_needs_the_version_that_was_seen() {
    let app = TestApp::new().await;
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    let made = admin.post("/v1/admin/flights", &[], Some(&plan(7))).await;
    let path = made.header("location");
    let later = json!({"departure": "2099-12-01T09:00"});
    let changed = admin.patch(path, "\"1\"", &later).await;
    assert_eq!(changed.header("etag"), "\"2\"");
    assert_eq!(changed.json()["departure"], "2099-12-01T09:00:00-05:00");
    assert_eq!(
        admin.patch(path, "\"1\"", &later).await.verdict(),
        "412 stale_version"
    );
    let unknown = admin.patch("/v1/admin/flights/1", "\"1\"", &later).await;
    assert_eq!(unknown.verdict(), "404 not_found");
    let cancel = admin.post(&format!("{path}/cancel"), &[], None).await;
    assert_eq!(cancel.verdict(), "428 precondition_required");
}

#[tokio::test]
async fn bookings_bind_what_may_change_and_are_told_of_new_times() {
    let app = TestApp::new().await;
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    let agent = app.agent().await;
    let made = admin.post("/v1/admin/flights", &[], Some(&plan(7))).await;
    let path = made.header("location");
    let booked = agent.book("key", &one_adult(&made.json()["id"])).await;
    assert_eq!(booked.status, 201, "{}", booked.text);

    let other = json!({"aircraft": "320"});
    let refused = admin.patch(path, "\"1\"", &other).await;
    assert_eq!(refused.verdict(), "409 aircraft");
    assert_eq!(refused.json()["code"], "flight_has_bookings");
    let fare = json!({"cabins": [
        {"cabin": "economy", "capacity": 150, "fare": {"amount": "120.00", "currency": "USD"}},
    ]});
    let dearer = admin.patch(path, "\"1\"", &fare).await;
    assert_eq!(dearer.json()["cabins"][1]["fare"]["amount"], "120.00");
    assert_eq!(dearer.json()["cabins"][1]["sold"], 1);
    let later = json!({"departure": "2099-12-01T09:00"});
    let moved = admin.patch(path, "\"2\"", &later).await;
    assert_eq!(moved.verdict(), "200", "{}", moved.text);
    app.catch_up().await;
    let seen = agent.get(booked.header("location")).await.json();
    let segment = &seen["segments"][0];
    assert_eq!(
        (&segment["status"], &seen["version"]),
        (&json!("TK"), &json!(2))
    );
    assert_eq!(segment["departure"], "2099-12-01T09:00:00-05:00");
    assert_eq!(
        segment["previous_departure"],
        booked.json()["segments"][0]["departure"]
    );
    assert_eq!(segment["previous_arrival"], segment["arrival"]);
    app.check().await;
}
