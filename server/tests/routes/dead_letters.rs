//! `/v1/admin/dead-letters`

use std::time::Duration;

use airside_common::user::Role;
use airside_server::messages::store::{MessageStore, Queued};
use poem::http::{Method, StatusCode};

use crate::app::TestApp;

const EVENT: &str = r#"{"specversion":"1.0","id":"7","source":"/airside","type":"booking.created","subject":"K7QW2M",
    "time":"2026-11-24T10:00:00Z","datacontenttype":"application/json","aggregateversion":1,
    "data":{"locator":"K7QW2M","office":"NYC1A0001","operation":null,"version":1}}"#;

async fn bury(app: &TestApp, consumer: &str, message: i64, payload: &str) {
    let letter = Queued {
        consumer,
        message,
        payload,
    };
    let store = &app.app.database;
    store
        .note_failure(consumer, message, "no such airport")
        .await
        .unwrap();
    store.bury(&letter, 4).await.unwrap();
}

#[tokio::test]
async fn an_admin_reads_them_sends_one_again_and_drops_another() {
    let app = TestApp::new().await;
    bury(&app, "analytics", 7, EVENT).await;
    bury(&app, "nobody", 8, "{}").await;
    let admin = app.admin().await;
    let list = admin.get("/v1/admin/dead-letters").await.json();
    insta::assert_json_snapshot!(list, {".items[].died_at" => "…"}, @r#"
    {
      "items": [
        {
          "consumer": "nobody",
          "deliveries": 4,
          "died_at": "…",
          "error": "no such airport",
          "event": "8",
          "id": "2",
          "subject": null,
          "type": null
        },
        {
          "consumer": "analytics",
          "deliveries": 4,
          "died_at": "…",
          "error": "no such airport",
          "event": "7",
          "id": "1",
          "subject": "K7QW2M",
          "type": "booking.created"
        }
      ],
      "next_cursor": null
    }
    "#);
    let page = admin.get("/v1/admin/dead-letters?limit=1").await.json();
    let next = format!(
        "/v1/admin/dead-letters?limit=1&cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    assert_eq!(admin.get(&next).await.json()["items"][0]["id"], "1");
    let of = admin
        .get("/v1/admin/dead-letters?consumer=analytics")
        .await
        .json();
    assert_eq!(of["items"].as_array().unwrap().len(), 1);
    let one = admin.get("/v1/admin/dead-letters/1").await.json();
    assert_eq!(one["message"], EVENT);
    assert_eq!(one["letter"], list["items"][1]);

    let retry = admin
        .post("/v1/admin/dead-letters/1/retry", &[], None)
        .await;
    assert_eq!(retry.status, StatusCode::NO_CONTENT);
    let claimed = MessageStore::claim(&*app.app.database, "analytics", 10, Duration::ZERO);
    let again = claimed.await.unwrap();
    assert_eq!(
        (again.len(), again[0].id, again[0].body.as_str()),
        (1, 7, EVENT)
    );
    assert_eq!(
        admin.get("/v1/admin/dead-letters/1").await.verdict(),
        "404 not_found"
    );
    let nobody = admin
        .post("/v1/admin/dead-letters/2/retry", &[], None)
        .await;
    assert_eq!(nobody.verdict(), "409 conflict");
    let dropped = admin
        .send(Method::DELETE, "/v1/admin/dead-letters/2", &[], None)
        .await;
    assert_eq!(dropped.status, StatusCode::NO_CONTENT);
    let gone = admin
        .send(Method::DELETE, "/v1/admin/dead-letters/2", &[], None)
        .await;
    assert_eq!(gone.verdict(), "404 not_found");
    let log = admin.get("/v1/admin/audit").await.json();
    let acts: Vec<&str> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(acts[..2], ["dead_letter.dropped", "dead_letter.retried"]);
    assert_eq!(log["items"][1]["target"], "analytics 7");
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (path, verdict) in [
        ("/v1/admin/dead-letters/1", "404 not_found"),
        ("/v1/admin/dead-letters/x", "404 not_found"),
        ("/v1/admin/dead-letters?limit=0", "422 limit"),
        ("/v1/admin/dead-letters?cursor=x", "422 cursor"),
    ] {
        assert_eq!(admin.get(path).await.verdict(), verdict, "{path}");
    }
    let agent = app.user("ada", Role::Agent, "NYC1A0001").await;
    let refused = agent.get("/v1/admin/dead-letters").await;
    assert_eq!(refused.verdict(), "403 forbidden");
}
