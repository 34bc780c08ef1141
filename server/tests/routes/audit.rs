//! `/v1/admin/audit`

use airside_common::user::Role;
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
async fn nothing_of_it_can_be_changed_or_deleted() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    for statement in ["UPDATE audit SET user = 'eve'", "DELETE FROM audit"] {
        let refused = sqlx::query(statement).execute(&app.database).await;
        assert!(refused.unwrap_err().to_string().contains("append-only"));
    }
}
