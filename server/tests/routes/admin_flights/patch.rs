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
async fn bookings_keep_what_they_were_made_on() {
    let app = TestApp::new().await;
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    let agent = app.agent().await;
    let made = admin.post("/v1/admin/flights", &[], Some(&plan(7))).await;
    let path = made.header("location");
    let booked = agent.book("key", &one_adult(&made.json()["id"])).await;
    assert_eq!(booked.status, 201, "{}", booked.text);

    let refused = "409 flight_has_bookings";
    for change in [
        json!({"departure": "2099-12-01T09:00"}),
        json!({"aircraft": "320"}),
    ] {
        assert_eq!(admin.patch(path, "\"1\"", &change).await.verdict(), refused);
    }
    let fare = json!({"cabins": [
        {"cabin": "economy", "capacity": 150, "fare": {"amount": "120.00", "currency": "USD"}},
    ]});
    let dearer = admin.patch(path, "\"1\"", &fare).await;
    assert_eq!(dearer.json()["cabins"][1]["fare"]["amount"], "120.00");
    assert_eq!(dearer.json()["cabins"][1]["sold"], 1);
    let cancel = format!("{path}/cancel");
    let kept = admin.post(&cancel, &[("If-Match", "\"2\"")], None).await;
    assert_eq!(kept.verdict(), refused);

    let locator = booked.json()["locator"].as_str().unwrap().to_owned();
    assert_eq!(agent.cancel("gone", &locator, 1).await.status, 200);
    let gone = admin.post(&cancel, &[("If-Match", "\"2\"")], None).await;
    assert_eq!(gone.json()["status"], "cancelled");
    app.check().await;
}
