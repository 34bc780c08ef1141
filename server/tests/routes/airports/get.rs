use crate::app::TestApp;

#[tokio::test]
async fn airports_are_found_best_first_and_paged() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let found = agent
        .get("/v1/airports?query=z%C3%BCrich&limit=1")
        .await
        .json();
    insta::assert_json_snapshot!(found, @r#"
    {
      "items": [
        {
          "city": "Zurich",
          "code": "ZRH",
          "country": "CH",
          "name": "Zurich Airport",
          "time_zone": "Europe/Zurich"
        }
      ],
      "next_cursor": null
    }
    "#);
    let first = agent
        .get("/v1/airports?query=new%20york&limit=2")
        .await
        .json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = agent
        .get(&format!(
            "/v1/airports?query=new%20york&limit=2&cursor={cursor}"
        ))
        .await;
    assert_ne!(rest.json()["items"][0], first["items"][0]);
    assert_eq!(
        agent.get("/v1/airports?limit=0").await.verdict(),
        "422 limit"
    );
    assert_eq!(
        agent.get("/v1/airports?cursor=%21").await.verdict(),
        "422 cursor"
    );
}
