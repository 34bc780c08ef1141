//! `/v1/admin/webhooks`

use airside_common::user::Role;
use poem::http::Method;
use serde_json::{Value, json};

use crate::app::TestApp;

fn body() -> Value {
    json!({
        "url": "https://hooks.example.com/secret-path",
        "events": ["flight.created", "booking.created", "booking.created"],
        "description": "A partner",
    })
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let made = admin.post("/v1/admin/webhooks", &[], Some(&body())).await;
    assert_eq!(made.verdict(), "201");
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert!(
        secret.starts_with("whsec_") && secret.len() > 40,
        "{secret}"
    );
    let path = made.header("location").to_owned();
    let read = admin.get(&path).await;
    assert_eq!(read.json(), made.json()["webhook"]);
    let webhook = read.json();
    assert_eq!(
        webhook["events"],
        json!(["booking.created", "flight.created"])
    );
    assert_eq!(webhook["enabled"], true);
    let list = admin.get("/v1/admin/webhooks").await;
    assert_eq!(list.json()["items"], json!([webhook]));
    let change = json!({"enabled": false, "description": ""});
    let changed = admin.send(Method::PATCH, &path, &[], Some(&change)).await;
    assert_eq!(changed.verdict(), "200");
    assert_eq!(changed.json()["enabled"], false);
    for answer in [&read, &list, &changed] {
        assert!(!answer.text.contains("whsec_"), "{}", answer.text);
    }
    let test = admin.post(&format!("{path}/test"), &[], None).await;
    assert_eq!(test.verdict(), "409 conflict");
    let change = json!({"enabled": true});
    admin.send(Method::PATCH, &path, &[], Some(&change)).await;
    let test = admin.post(&format!("{path}/test"), &[], None).await;
    assert_eq!(test.verdict(), "202");
    let log = admin.get(test.header("location")).await.json();
    assert_eq!(log["items"][0]["event"], "webhook.test");
    assert_eq!(log["items"][0]["state"], "waiting");
    assert_eq!(log["items"][0]["attempts"], json!([]));
    let gone = admin.send(Method::DELETE, &path, &[], None).await;
    assert_eq!(gone.verdict(), "204");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::GET, format!("{path}/deliveries")),
        (Method::POST, format!("{path}/test")),
        (Method::GET, "/v1/admin/webhooks/first".to_owned()),
    ] {
        let answer = admin.send(method, &path, &[], None).await;
        assert_eq!(answer.verdict(), "404 not_found", "{path}");
    }
    // Who did what, and nothing that is a secret.
    let audit = admin.get("/v1/admin/audit").await;
    let entries = audit.json();
    let acts: Vec<&str> = entries["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    let expected = [
        "webhook.deleted",
        "webhook.tested",
        "webhook.enabled",
        "webhook.disabled",
        "webhook.created",
    ];
    assert_eq!(acts, expected);
    assert_eq!(entries["items"][4]["target"], "hooks.example.com");
    assert!(!audit.text.contains("secret-path"), "{}", audit.text);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let made = admin.post("/v1/admin/webhooks", &[], Some(&body())).await;
    let path = made.header("location").to_owned();
    for (field, value, verdict) in [
        ("url", json!("http://example.com/"), "422 url"),
        ("url", json!("https://127.0.0.1/"), "422 url"),
        ("url", json!("https://[::ffff:10.0.0.1]/"), "422 url"),
        ("url", json!("https://u:p@example.com/"), "422 url"),
        ("url", json!("example.com"), "422 url"),
        ("events", json!([]), "422 events"),
        (
            "events",
            json!(["flight.created", "user.disabled"]),
            "422 events[1]",
        ),
        ("description", json!("x".repeat(201)), "422 description"),
        ("description", json!("a\u{1b}b"), "422 description"),
        ("secret", json!("whsec_mine"), "422 secret"),
    ] {
        let mut new = body();
        new[field] = value.clone();
        let answer = admin.post("/v1/admin/webhooks", &[], Some(&new)).await;
        assert_eq!(answer.verdict(), verdict, "{value}");
        let change = json!({ field: value });
        let answer = admin.send(Method::PATCH, &path, &[], Some(&change)).await;
        assert_eq!(answer.verdict(), verdict, "{change}");
    }
    let answer = admin
        .send(Method::PATCH, &path, &[], Some(&json!({})))
        .await;
    assert_eq!(answer.verdict(), "422 body");
    assert_eq!(admin.get(&path).await.json(), made.json()["webhook"]);
    let cursor = admin.get("/v1/admin/webhooks?cursor=x").await;
    assert_eq!(cursor.verdict(), "422 cursor");
}

#[tokio::test]
async fn pages_go_on() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for _ in 0..3 {
        let made = admin.post("/v1/admin/webhooks", &[], Some(&body())).await;
        assert_eq!(made.verdict(), "201");
    }
    let mut seen = Vec::new();
    let mut path = "/v1/admin/webhooks?limit=2".to_owned();
    loop {
        let page = admin.get(&path).await.json();
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/admin/webhooks?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["3", "2", "1"]);
}

#[tokio::test]
async fn only_admins_see_and_make_them() {
    let app = TestApp::new().await;
    let agent = app.user("eve", Role::Agent, "NYC1A0001").await;
    for (method, path, body) in [
        (Method::GET, "/v1/admin/webhooks", None),
        (Method::POST, "/v1/admin/webhooks", Some(body())),
        (Method::GET, "/v1/admin/webhooks/1", None),
        (Method::POST, "/v1/admin/webhooks/1/test", None),
        (Method::GET, "/v1/admin/webhooks/1/deliveries", None),
        (Method::GET, "/v1/admin/mails", None),
    ] {
        let answer = agent.send(method, path, &[], body.as_ref()).await;
        assert_eq!(answer.verdict(), "403 forbidden", "{path}");
    }
}

#[tokio::test]
async fn mails_are_filtered() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mails = admin.get("/v1/admin/mails?locator=K7QW2M&state=sent").await;
    assert_eq!(mails.json(), json!({"items": [], "next_cursor": null}));
    for (query, verdict) in [
        ("locator=O0", "422 locator"),
        ("state=lost", "422 state"),
        ("cursor=x", "422 cursor"),
        ("limit=0", "422 limit"),
    ] {
        let answer = admin.get(&format!("/v1/admin/mails?{query}")).await;
        assert_eq!(answer.verdict(), verdict);
    }
}
