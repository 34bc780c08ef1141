//! `/v1/queues`

use airside_common::user::Role;
use serde_json::{Value, json};

use crate::app::{TestAnswer, TestApp, TestUser};

fn one_adult(flight: i64) -> Value {
    json!({
        "segments": [{"flight_id": flight.to_string(), "cabin": "economy"}],
        "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
        "contact": {"phone": "212-5550100"},
    })
}

/// So many bookings of the flight 1, which has other times then; their locators.
async fn moved(app: &TestApp, agent: &TestUser<'_>, count: usize) -> Vec<String> {
    app.flight(1, 1545, 9).await;
    let mut locators = Vec::new();
    for n in 0..count {
        let made = agent.book(&format!("key-{n}"), &one_adult(1)).await.json();
        locators.push(made["locator"].as_str().unwrap().to_owned());
    }
    let admin = app.user("admin", Role::Admin, "PAR1A0001").await;
    let later = json!({"departure": "2099-12-01T08:30"});
    let changed = admin.patch("/v1/admin/flights/1", "\"1\"", &later).await;
    assert_eq!(changed.verdict(), "200", "{}", changed.text);
    app.catch_up().await;
    locators
}

/// Waiting, in hand and put off, of a queue.
async fn totals(agent: &TestUser<'_>, number: u64) -> [u64; 3] {
    let totals = agent.get("/v1/queues").await.json();
    let items = totals["items"].as_array().unwrap();
    let total = items
        .iter()
        .find(|total| total["number"] == number)
        .unwrap();
    ["waiting", "in_hand", "delayed"].map(|count| total[count].as_u64().unwrap())
}

async fn take(agent: &TestUser<'_>, number: u64) -> TestAnswer {
    agent
        .post(&format!("/v1/queues/{number}/take"), &[], None)
        .await
}

fn path(item: &Value, act: &str) -> String {
    format!(
        "/v1/queues/{}/items/{}/{act}",
        item["queue"],
        item["id"].as_str().unwrap()
    )
}

#[tokio::test]
async fn a_schedule_change_from_the_queue_to_its_end() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let bob = app.user("bob", Role::Agent, "NYC1A0001").await;
    let locators = moved(&app, &agent, 2).await;
    let all = agent.get("/v1/queues").await.json();
    let named: Vec<_> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|q| (&q["number"], &q["name"]))
        .collect();
    insta::assert_json_snapshot!(named, @r#"
    [
      [
        0,
        "general"
      ],
      [
        1,
        "flights cancelled"
      ],
      [
        2,
        "waitlists cleared"
      ],
      [
        7,
        "schedule changes"
      ],
      [
        8,
        "time limits"
      ]
    ]
    "#);
    assert_eq!(totals(&agent, 7).await, [2, 0, 0]);
    let taken = take(&agent, 7).await;
    assert_eq!(taken.verdict(), "200", "{}", taken.text);
    let taken = taken.json();
    let item = &taken["item"];
    assert_eq!(item["locator"], locators[0].as_str());
    assert_eq!(item["reason"], "schedule_changed");
    assert_eq!(
        (&item["state"], &item["taken_by"]),
        (&json!("in_hand"), &json!("demo"))
    );
    assert_eq!(item["placed_by"], "system");
    let segment = &taken["booking"]["segments"][0];
    assert_eq!(segment["previous_departure"], "2099-12-01T08:00:00-05:00");
    assert_eq!(segment["departure"], "2099-12-01T08:30:00-05:00");
    // Another agent gets another one, and then there is none.
    let other = take(&bob, 7).await.json();
    assert_eq!(other["item"]["locator"], locators[1].as_str());
    assert_eq!(take(&bob, 7).await.status.as_u16(), 204);
    assert_eq!(totals(&agent, 7).await, [0, 2, 0]);
    assert_eq!(
        bob.post(&path(item, "done"), &[], None).await.verdict(),
        "409 conflict"
    );
    // What is accepted is done by itself.
    let rebook = format!("/v1/bookings/{}/rebook", locators[0]);
    let headers = [("Idempotency-Key", "accept"), ("If-Match", "\"2\"")];
    let body = json!({"segments": [{"segment": 1}]});
    let accepted = agent.post(&rebook, &headers, Some(&body)).await;
    assert_eq!(
        accepted.json()["segments"][0]["status"],
        "HK",
        "{}",
        accepted.text
    );
    app.catch_up().await;
    assert_eq!(totals(&agent, 7).await, [0, 1, 0]);
    let delayed = bob
        .post(
            &path(&other["item"], "delay"),
            &[],
            Some(&json!({"minutes": 30})),
        )
        .await;
    assert_eq!(delayed.json()["state"], "delayed", "{}", delayed.text);
    assert_eq!(totals(&agent, 7).await, [0, 0, 1]);
    let done = agent.post(&path(&other["item"], "done"), &[], None).await;
    assert_eq!(done.json()["state"], "done");
    assert_eq!(totals(&agent, 7).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_booking_that_changes_in_hand_stays_on_its_queue() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    moved(&app, &agent, 1).await;
    let admin = app.admin().await;
    let week = json!({"minutes": 7 * 24 * 60});
    for (act, body, version) in [("done", None, 2), ("delay", Some(&week), 3)] {
        let taken = take(&agent, 7).await.json();
        let departure = format!("2099-12-01T08:4{version}");
        let change = json!({"departure": departure});
        let changed = admin
            .patch("/v1/admin/flights/1", &format!("\"{version}\""), &change)
            .await;
        assert_eq!(changed.verdict(), "200", "{}", changed.text);
        app.catch_up().await;
        let stays = agent.post(&path(&taken["item"], act), &[], body).await;
        assert_eq!(stays.verdict(), "200", "{}", stays.text);
        let stays = stays.json();
        assert_eq!(
            (&stays["state"], &stays["taken_by"]),
            (&json!("waiting"), &Value::Null)
        );
        assert_eq!(totals(&agent, 7).await, [1, 0, 0]);
    }
    // Who takes it again sees what is new, and can be done with it.
    let taken = take(&agent, 7).await.json();
    let segment = &taken["booking"]["segments"][0];
    assert_eq!(segment["departure"], "2099-12-01T08:43:00-05:00");
    let done = agent.post(&path(&taken["item"], "done"), &[], None).await;
    assert_eq!(done.json()["state"], "done", "{}", done.text);
    assert_eq!(totals(&agent, 7).await, [0, 0, 0]);
    let audit = admin.get("/v1/admin/audit?action=queue.done").await.json();
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_booking_is_placed_by_hand() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let locators = moved(&app, &agent, 3).await;
    let place = async |user: &TestUser<'_>, number: u64, body: Value| {
        user.post(&format!("/v1/queues/{number}/items"), &[], Some(&body))
            .await
    };
    let mut ids = Vec::new();
    for locator in &locators {
        let placed = place(
            &agent,
            0,
            json!({"locator": locator, "remark": "CALL BACK"}),
        )
        .await;
        assert_eq!(placed.verdict(), "201", "{}", placed.text);
        let placed = placed.json();
        assert_eq!(
            (&placed["reason"], &placed["placed_by"]),
            (&json!("placed"), &json!("demo"))
        );
        ids.push(placed["id"].clone());
    }
    let again = place(
        &agent,
        0,
        json!({"locator": locators[0], "remark": "CALLED"}),
    )
    .await
    .json();
    assert_eq!(
        (&again["id"], &again["remark"]),
        (&ids[0], &json!("CALLED"))
    );
    let page = agent.get("/v1/queues/0/items?limit=2").await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let next = format!(
        "/v1/queues/0/items?cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    let rest = agent.get(&next).await.json();
    assert_eq!(rest["items"][0]["id"], ids[2]);
    assert_eq!(rest["next_cursor"], Value::Null);
    for (body, verdict) in [
        (json!({"locator": "222222"}), "404 not_found"),
        (json!({"locator": locators[0], "remark": ""}), "422 remark"),
        (json!({"locator": locators[0], "note": "x"}), "422 note"),
    ] {
        assert_eq!(
            place(&agent, 0, body.clone()).await.verdict(),
            verdict,
            "{body}"
        );
    }
    let admin = app.admin().await;
    let audit = admin
        .get("/v1/admin/audit?action=queue.placed")
        .await
        .json();
    assert_eq!(audit["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn other_offices_and_queues_are_not_there() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    let locators = moved(&app, &agent, 1).await;
    let eve = app.user("eve", Role::Agent, "LON1A0001").await;
    assert_eq!(totals(&eve, 7).await, [0, 0, 0]);
    assert_eq!(take(&eve, 7).await.status.as_u16(), 204);
    let item = agent.get("/v1/queues/7/items").await.json()["items"][0].clone();
    let body = json!({"minutes": 5});
    for (act, body) in [("done", None), ("delay", Some(&body))] {
        let refused = eve.post(&path(&item, act), &[], body).await;
        assert_eq!(refused.verdict(), "404 not_found");
    }
    let place = json!({"locator": locators[0]});
    let refused = eve.post("/v1/queues/0/items", &[], Some(&place)).await;
    assert_eq!(refused.verdict(), "404 not_found");
    for number in [3, 9, 255] {
        assert_eq!(take(&agent, number).await.verdict(), "404 not_found");
        let items = agent.get(&format!("/v1/queues/{number}/items")).await;
        assert_eq!(items.verdict(), "404 not_found");
        let refused = agent
            .post(&format!("/v1/queues/{number}/items"), &[], Some(&place))
            .await;
        assert_eq!(refused.verdict(), "404 not_found");
        for (act, body) in [("done", None), ("delay", Some(&body))] {
            let path = format!("/v1/queues/{number}/items/1/{act}");
            assert_eq!(
                agent.post(&path, &[], body).await.verdict(),
                "404 not_found"
            );
        }
    }
    assert_eq!(
        agent.get("/v1/queues/7/items?cursor=x").await.verdict(),
        "422 cursor"
    );
    for (body, field) in [
        (json!({}), "minutes"),
        (json!({"minutes": 0}), "minutes"),
        (json!({"minutes": 600_000}), "minutes"),
        (
            json!({"minutes": 5, "until": "2099-01-01T00:00:00Z"}),
            "minutes",
        ),
        (json!({"until": "2020-01-01T00:00:00Z"}), "until"),
        (json!({"until": "2199-01-01T00:00:00Z"}), "until"),
    ] {
        let refused = agent.post(&path(&item, "delay"), &[], Some(&body)).await;
        assert_eq!(refused.verdict(), format!("422 {field}"), "{body}");
    }
    let done = agent.post(&path(&item, "done"), &[], None).await;
    assert_eq!(done.verdict(), "200");
    let refused = agent
        .post(&path(&item, "delay"), &[], Some(&json!({"minutes": 5})))
        .await;
    assert_eq!(refused.verdict(), "409 conflict", "it is done with");
}
