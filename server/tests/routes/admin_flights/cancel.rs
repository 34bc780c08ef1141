use airside_common::user::Role;

use super::{one_adult, plan};
use crate::app::TestApp;

#[tokio::test]
async fn a_cancelled_flight_is_neither_found_nor_booked() {
    let app = TestApp::new().await;
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    let agent = app.agent().await;
    let made = admin.post("/v1/admin/flights", &[], Some(&plan(7))).await;
    let cancel = format!("{}/cancel", made.header("location"));
    let cancelled = admin.post(&cancel, &[("If-Match", "\"1\"")], None).await;
    assert_eq!(cancelled.json()["status"], "cancelled");
    let again = admin.post(&cancel, &[("If-Match", "\"2\"")], None).await;
    assert_eq!(
        (again.status.as_u16(), again.header("etag")),
        (200, "\"2\"")
    );

    app.search.load().await.unwrap();
    let found = agent
        .get("/v1/itineraries?origin=JFK&destination=LAX&date=2099-12-01")
        .await;
    assert_eq!(found.json()["items"].as_array().unwrap().len(), 0);
    let booked = agent.book("key", &one_adult(&made.json()["id"])).await;
    assert_eq!(booked.verdict(), "409 flight_not_bookable");
}

#[tokio::test]
async fn bookings_of_a_cancelled_flight_are_told_and_give_their_seats_back() {
    let app = TestApp::new().await;
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    let agent = app.agent().await;
    let made = admin.post("/v1/admin/flights", &[], Some(&plan(7))).await;
    let path = made.header("location");
    let booked = agent.book("key", &one_adult(&made.json()["id"])).await;
    let cancel = format!("{path}/cancel");
    let cancelled = admin.post(&cancel, &[("If-Match", "\"1\"")], None).await;
    assert_eq!(cancelled.json()["status"], "cancelled");
    // Nobody books it any more, also before its bookings are told.
    let late = agent.book("late", &one_adult(&made.json()["id"])).await;
    assert_eq!(late.verdict(), "409 flight_not_bookable");
    app.catch_up().await;
    let seen = agent.get(booked.header("location")).await.json();
    assert_eq!(seen["segments"][0]["status"], "UN");
    assert_eq!(
        (&seen["status"], &seen["version"]),
        (&"confirmed".into(), &2.into())
    );
    let flight = admin.get(path).await.json();
    assert_eq!(flight["cabins"][1]["sold"], 0, "{flight}");
    app.check().await;
}
