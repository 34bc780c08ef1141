use airside_common::user::Role;

use super::plan;
use crate::app::TestApp;

#[tokio::test]
async fn flights_are_listed_by_filter_and_page() {
    let app = TestApp::new().await;
    let admin = app.user("admin", Role::Admin, "NYC1A0001").await;
    for number in 1..=5 {
        admin
            .post("/v1/admin/flights", &[], Some(&plan(number)))
            .await;
    }
    let mut path = "/v1/admin/flights?limit=2".to_owned();
    let mut numbers = Vec::new();
    for _ in 0..4 {
        let page = admin.get(&path).await.json();
        numbers.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|f| f["number"].clone()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/admin/flights?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let filtered = "/v1/admin/flights?origin=JFK&destination=LAX&date=2099-12-01&carrier=UA&number=3&status=scheduled";
    let page = admin.get(filtered).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let wrong = admin.get("/v1/admin/flights?cursor=x").await;
    assert_eq!(wrong.verdict(), "422 cursor");
    let wrong = admin.get("/v1/admin/flights?limit=101").await;
    assert_eq!(wrong.verdict(), "422 limit");
}
