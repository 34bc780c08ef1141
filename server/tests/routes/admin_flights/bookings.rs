use airside_common::user::Role;

use super::{one_adult, plan};
use crate::app::TestApp;

#[tokio::test]
async fn a_flights_bookings_are_listed_for_admins() {
    let app = TestApp::new().await;
    let admin = app.user("admin", Role::Admin, "LON1A0001").await;
    let agent = app.agent().await;
    let made = admin.post("/v1/admin/flights", &[], Some(&plan(7))).await;
    let booked = agent.book("key", &one_adult(&made.json()["id"])).await;
    let path = format!("{}/bookings", made.header("location"));
    let listed = admin.get(&path).await.json();
    assert_eq!(listed["items"][0]["locator"], booked.json()["locator"]);
    assert_eq!(agent.get(&path).await.verdict(), "403 forbidden");
}
