//! `/v1/admin/users`

use airside_common::user::Role;
use poem::http::Method;
use serde_json::json;

use crate::app::{PASSWORD, TestApp};

#[tokio::test]
async fn an_admin_makes_a_user_who_can_log_in() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let body =
        json!({"username": "ada", "password": PASSWORD, "role": "agent", "office": "LON1A0001"});
    let made = admin.post("/v1/admin/users", &[], Some(&body)).await;
    assert_eq!(made.verdict(), "201");
    assert!(!made.text.contains("password"), "{}", made.text);
    let read = admin.get(made.header("location")).await;
    assert_eq!(read.text, made.text);
    assert_eq!(app.login("ada").await.user.office.as_str(), "LON1A0001");
    let again = admin.post("/v1/admin/users", &[], Some(&body)).await;
    assert_eq!(again.verdict(), "409 already_exists");
    let list = admin.get("/v1/admin/users?limit=1").await.json();
    assert_eq!(list["items"][0]["username"], "ada");
    let next = format!(
        "/v1/admin/users?cursor={}",
        list["next_cursor"].as_str().unwrap()
    );
    let list = admin.get(&next).await.json();
    assert_eq!(list["items"][0]["username"], "root");
    assert_eq!(list["next_cursor"], json!(null));
}

#[tokio::test]
async fn weak_passwords_and_wrong_fields_are_refused() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (password, role, verdict) in [
        ("short", "agent", "422 password"),
        ("password", "agent", "422 password"),
        (PASSWORD, "king", "422 role"),
    ] {
        let body =
            json!({"username": "ada", "password": password, "role": role, "office": "NYC1A0001"});
        let answer = admin.post("/v1/admin/users", &[], Some(&body)).await;
        assert_eq!(answer.verdict(), verdict);
    }
}

#[tokio::test]
async fn nobody_is_called_as_what_nobody_asked_for() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let body =
        json!({"username": "system", "password": PASSWORD, "role": "agent", "office": "NYC1A0001"});
    let answer = admin.post("/v1/admin/users", &[], Some(&body)).await;
    assert_eq!(answer.verdict(), "422 username");
}

#[tokio::test]
async fn a_change_ends_the_sessions_at_once() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let user = app.enrol("ada", Role::Agent).await;
    let path = format!("/v1/admin/users/{}", user.id);
    for patch in [
        json!({"office": "LON1A0001"}),
        json!({"role": "admin"}),
        json!({"disabled": true}),
    ] {
        let tokens = app.login("ada").await;
        let answer = admin.send(Method::PATCH, &path, &[], Some(&patch)).await;
        assert_eq!(answer.verdict(), "200");
        let me = app.bearer(&tokens.access_token.0).get("/v1/auth/me").await;
        assert_eq!(me.verdict(), "401 unauthenticated", "{patch}");
        let body = json!({"refresh_token": tokens.refresh_token});
        let anonymous = app.anonymous();
        let refresh = anonymous.post("/v1/auth/refresh", &[], Some(&body)).await;
        assert_eq!(refresh.verdict(), "401 unauthenticated", "{patch}");
    }
    let body = json!({"username": "ada", "password": PASSWORD});
    let anonymous = app.anonymous();
    let login = anonymous.post("/v1/auth/login", &[], Some(&body)).await;
    assert_eq!(login.verdict(), "401 unauthenticated", "a disabled user");
    let nothing = admin
        .send(Method::PATCH, &path, &[], Some(&json!({})))
        .await;
    assert_eq!(nothing.verdict(), "422 body");
}

#[tokio::test]
async fn the_last_admin_stays() {
    let app = TestApp::new().await;
    let user = app.enrol("root", Role::Admin).await;
    let tokens = app.login("root").await;
    let admin = app.bearer(&tokens.access_token.0);
    let path = format!("/v1/admin/users/{}", user.id);
    for patch in [json!({"disabled": true}), json!({"role": "agent"})] {
        let answer = admin.send(Method::PATCH, &path, &[], Some(&patch)).await;
        assert_eq!(answer.verdict(), "409 conflict");
    }
    // What was refused ended nothing.
    assert_eq!(admin.get("/v1/auth/me").await.verdict(), "200");
}
