//! `/v1/admin/audit`

use airside_common::user::Role;
use poem::http::Method;
use serde_json::json;

use crate::app::{PASSWORD, TestApp};

#[tokio::test]
async fn who_did_what_is_on_record_without_secrets() {
    let app = TestApp::new().await;
    app.enrol("root", Role::Admin).await;
    let wrong = json!({"username": "root", "password": "a wrong secret"});
    let anonymous = app.anonymous();
    let headers = [("X-Request-Id", "try-1")];
    anonymous
        .post("/v1/auth/login", &headers, Some(&wrong))
        .await;
    let tokens = app.login("root").await;
    let admin = app.bearer(&tokens.access_token.0);
    let body =
        json!({"username": "ada", "password": PASSWORD, "role": "agent", "office": "NYC1A0001"});
    admin
        .post(
            "/v1/admin/users",
            &[("X-Request-Id", "make-1")],
            Some(&body),
        )
        .await;

    let answer = admin.get("/v1/admin/audit").await;
    assert!(!answer.text.contains("secret") && !answer.text.contains(PASSWORD));
    let log = answer.json();
    let rows: Vec<String> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            format!(
                "{} {} {} {}",
                e["user"], e["action"], e["target"], e["outcome"]
            )
            .replace('"', "")
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @"
    root user.created ada ok
    root login 127.0.0.1 ok
    root login.refused 127.0.0.1 unauthenticated
    - user.created root ok
    ");
    assert_eq!(log["items"][0]["request_id"], "make-1");
    let refused = admin
        .get("/v1/admin/audit?action=login.refused")
        .await
        .json();
    assert_eq!(refused["items"].as_array().unwrap().len(), 1);
    assert_eq!(refused["items"][0]["request_id"], "try-1");
    let page = admin.get("/v1/admin/audit?limit=3").await.json();
    let next = format!(
        "/v1/admin/audit?cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    assert_eq!(
        admin.get(&next).await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn every_act_of_an_admin_and_every_end_of_a_session_is_there() {
    let app = TestApp::new().await;
    app.enrol("root", Role::Admin).await;
    let ada = app.enrol("ada", Role::Agent).await;
    let tokens = app.login("root").await;
    let admin = app.bearer(&tokens.access_token.0);
    let user = format!("/v1/admin/users/{}", ada.id);
    let lost = app.login("ada").await.refresh_token;
    let body = json!({"refresh_token": lost});
    let anonymous = app.anonymous();
    for _ in 0..2 {
        anonymous.post("/v1/auth/refresh", &[], Some(&body)).await;
    }
    let left = json!({"refresh_token": app.login("ada").await.refresh_token});
    anonymous.post("/v1/auth/logout", &[], Some(&left)).await;
    for change in [
        json!({"role": "admin"}),
        json!({"office": "LON1A0001"}),
        json!({"password": "another lengthy sentence"}),
        json!({"disabled": true}),
        json!({"disabled": false}),
    ] {
        let answer = admin.send(Method::PATCH, &user, &[], Some(&change)).await;
        assert_eq!(answer.verdict(), "200", "{change}");
    }
    let flight = json!({
        "carrier": "UA", "number": 9001, "origin": "JFK", "destination": "LAX",
        "departure": "2099-12-20T08:00", "arrival": "2099-12-20T11:00", "aircraft": "738",
        "cabins": [{"cabin": "economy", "capacity": 100, "fare": {"amount": "99.50", "currency": "USD"}}],
    });
    let made = admin.post("/v1/admin/flights", &[], Some(&flight)).await;
    let path = made.header("location").to_owned();
    let other = json!({"aircraft": "739"});
    admin.patch(&path, "\"1\"", &other).await;
    let headers = [("If-Match", "\"2\"")];
    admin.post(&format!("{path}/cancel"), &headers, None).await;

    let log = admin.get("/v1/admin/audit?limit=100").await;
    assert!(!log.text.contains("sentence"), "{}", log.text);
    let log = log.json();
    let mut actions: Vec<&str> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    actions.reverse();
    assert_eq!(
        actions[3..],
        [
            "login",
            "session.reused",
            "login",
            "logout",
            "user.role_changed",
            "user.office_changed",
            "user.password_changed",
            "user.disabled",
            "user.enabled",
            "flight.created",
            "flight.changed",
            "flight.cancelled",
        ]
    );
}

#[tokio::test]
async fn nothing_of_it_can_be_changed_or_deleted() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    for statement in ["UPDATE audit SET user = 'eve'", "DELETE FROM audit"] {
        let refused = sqlx::query(statement).execute(&app.database).await;
        assert!(refused.unwrap_err().to_string().contains("append-only"));
    }
}
