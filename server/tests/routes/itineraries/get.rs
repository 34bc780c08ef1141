use airside_common::flight::FlightId;
use rstest::rstest;

use crate::app::TestApp;

const PATH: &str = "/v1/itineraries?origin=JFK&destination=ORD&date=2099-12-01";

#[tokio::test]
async fn an_answer_says_what_can_be_flown_and_how_old_it_is() {
    let app = TestApp::new().await;
    app.flight(1, 1545, 10).await;
    app.search.load().await.unwrap();
    let agent = app.agent().await;
    let found = agent.get(&format!("{PATH}&passengers=2")).await;
    found.header("age").parse::<u64>().unwrap();
    let mut body = found.json();
    body["availability_as_of"] = "[instant]".into();
    insta::assert_json_snapshot!(body, @r#"
    {
      "availability_as_of": "[instant]",
      "items": [
        {
          "duration_minutes": 120,
          "segments": [
            {
              "aircraft": "738",
              "arrival": "2099-12-01T09:00:00-06:00",
              "cabins": [
                {
                  "available": 10,
                  "cabin": "economy",
                  "fare": {
                    "amount": "100.00",
                    "currency": "USD"
                  }
                }
              ],
              "carrier": "UA",
              "departure": "2099-12-01T08:00:00-05:00",
              "destination": "ORD",
              "flight_id": "1",
              "number": 1545,
              "origin": "JFK",
              "status": "scheduled"
            }
          ],
          "stops": 0,
          "total": {
            "amount": "200.00",
            "currency": "USD"
          }
        }
      ],
      "next_cursor": null
    }
    "#);
}

#[tokio::test]
async fn what_was_answered_is_answered_again_to_callers_alone_until_it_changes() {
    let app = TestApp::new().await;
    app.flight(1, 1545, 10).await;
    app.search.load().await.unwrap();
    let agent = app.agent().await;
    let first = agent.get(PATH).await;
    let again = agent.get(PATH).await;
    assert_eq!(again.text, first.text);
    for header in ["content-type", "cache-control"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    again.header("age").parse::<u64>().unwrap();

    let refused = app.anonymous().get(PATH).await;
    assert_eq!(refused.verdict(), "401 unauthenticated");
    let refused = app.bearer("no token").get(PATH).await;
    assert_eq!(refused.verdict(), "401 unauthenticated");
    // The same text with more behind it is another query.
    let refused = agent.get(&format!("{PATH}&roof=1")).await;
    assert_eq!(refused.verdict(), "422 roof");

    sqlx::query("UPDATE inventory SET sold = 3 WHERE flight_id = 1")
        .execute(&app.database)
        .await
        .unwrap();
    app.search.seats_changed(&[FlightId::from_raw(1)]).await;
    let changed = agent.get(PATH).await.json();
    let left = &changed["items"][0]["segments"][0]["cabins"][0]["available"];
    assert_eq!(*left, 7);
}

#[rstest]
#[case("origin=QQQ&destination=ORD&date=2099-12-01", "origin")]
#[case(
    "origin=JFK&destination=ORD&date=2099-12-01&passengers=10",
    "passengers"
)]
#[case(
    "origin=JFK&destination=ORD&date=2099-12-01&passengers=300",
    "passengers"
)]
#[case("origin=JFK&destination=ORD&date=2099-12-01&max_stops=3", "max_stops")]
#[case("origin=JFK&destination=ORD&date=2099-12-01&limit=0", "limit")]
#[case(
    "origin=JFK&destination=ORD&date=2099-12-01&earliest=25:00",
    "earliest"
)]
#[case("origin=JFK&destination=ORD&date=2099-12-01&cursor=abc", "cursor")]
#[case("origin=JFK&destination=ORD&date=2099-12-01&origin=LAX", "origin")]
#[tokio::test]
async fn a_wrong_parameter_is_named(#[case] query: &str, #[case] field: &str) {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let refused = agent.get(&format!("/v1/itineraries?{query}")).await;
    assert_eq!(refused.verdict(), format!("422 {field}"));
}
