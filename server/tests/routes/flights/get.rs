use airside_common::user::Role;

use crate::app::TestApp;

#[tokio::test]
async fn admins_see_capacity_and_sold_agents_what_is_left() {
    let app = TestApp::new().await;
    app.flight(1, 1545, 10).await;
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    let agent = app.agent().await;
    let seen = admin.get("/v1/flights/1").await.json();
    insta::assert_json_snapshot!(seen["cabins"], @r#"
    [
      {
        "available": 10,
        "cabin": "economy",
        "capacity": 10,
        "fare": {
          "amount": "100.00",
          "currency": "USD"
        },
        "sold": 0
      }
    ]
    "#);
    let seen = agent.get("/v1/flights/1").await;
    assert_eq!(seen.header("etag"), "\"1\"");
    let cabin = &seen.json()["cabins"][0];
    assert_eq!((cabin.get("capacity"), cabin.get("sold")), (None, None));
    assert_eq!(agent.get("/v1/flights/2").await.verdict(), "404 not_found");
}
