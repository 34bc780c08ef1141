use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn the_map_has_a_seat_for_each_that_can_be_sold_and_marks_the_taken() {
    let app = TestApp::new().await;
    app.flight(1, 1545, 14).await;
    let agent = app.agent().await;
    let body = json!({
        "segments": [{"flight_id": "1", "cabin": "economy"}],
        "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
        "contact": {"phone": "212-5550100"},
        "seats": [{"segment": 1, "passenger": 1, "seat": "2C"}],
    });
    assert_eq!(agent.book("key", &body).await.status, 201);
    let map = agent.get("/v1/flights/1/seats").await.json();
    let rows = map["rows"].as_array().unwrap();
    let seats: Vec<_> = rows
        .iter()
        .flat_map(|row| row["seats"].as_array().unwrap())
        .collect();
    assert_eq!((rows.len(), seats.len()), (3, 14));
    assert_eq!(rows[0]["layout"], "ABC-DEF");
    let taken: Vec<_> = seats
        .iter()
        .filter(|seat| seat["state"] == "taken")
        .collect();
    let ada = json!({"number": "2C", "cabin": "economy", "state": "taken", "window": false, "aisle": true});
    assert_eq!(taken, [&&ada]);
    assert_eq!(
        agent.get("/v1/flights/2/seats").await.verdict(),
        "404 not_found"
    );
}
