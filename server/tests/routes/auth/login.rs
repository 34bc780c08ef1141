//! `POST /v1/auth/login`

use airside_common::user::Role;
use poem::http::Method;
use serde_json::json;

use crate::app::{PASSWORD, TestAnswer, TestApp};

async fn try_login(app: &TestApp, name: &str, password: &str) -> TestAnswer {
    let body = json!({"username": name, "password": password});
    app.anonymous()
        .post("/v1/auth/login", &[], Some(&body))
        .await
}

#[tokio::test]
async fn the_token_says_who_it_is() {
    let app = TestApp::new().await;
    let user = app.enrol("ada", Role::Agent).await;
    let tokens = app.login("Ada").await;
    assert_eq!(
        (tokens.token_type.as_str(), tokens.expires_in),
        ("Bearer", 900)
    );
    let me = app
        .bearer(&tokens.access_token.0)
        .get("/v1/auth/me")
        .await
        .json();
    let expected =
        json!({"id": user.id, "username": "ada", "role": "agent", "office": "NYC1A0001"});
    assert_eq!(me, expected);
    assert_eq!(serde_json::to_value(&tokens.user).unwrap(), expected);
}

#[tokio::test]
async fn nobody_learns_whether_it_was_the_name_or_the_password() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    let mut answers = Vec::new();
    for (name, password) in [
        ("ada", "wrong"),
        ("eve", PASSWORD),
        ("\u{1b}[31m", PASSWORD),
    ] {
        let mut problem = try_login(&app, name, password).await.json();
        problem["instance"].take();
        answers.push(problem);
    }
    assert_eq!(answers[0]["code"], "unauthenticated");
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

/// What a login costs is the hash; whoever measures it learns nothing where each costs one.
#[tokio::test]
async fn every_login_hashes_one_password_whoever_tries() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    let disabled = app.enrol("bob", Role::Agent).await;
    let admin = app.admin().await;
    let path = format!("/v1/admin/users/{}", disabled.id);
    let change = json!({"disabled": true});
    admin.send(Method::PATCH, &path, &[], Some(&change)).await;
    let hashes = async || -> u32 {
        let figures = app.anonymous().get("/metrics").await.text;
        let line = figures
            .lines()
            .find_map(|line| line.strip_prefix("airside_password_hashes_total "));
        line.unwrap().parse().unwrap()
    };
    let too_long = "x".repeat(200);
    for (name, password, verdict) in [
        ("ada", PASSWORD, "200"),
        ("ada", "wrong", "401 unauthenticated"),
        ("ada", "", "401 unauthenticated"),
        ("ada", &too_long, "401 unauthenticated"),
        ("bob", PASSWORD, "401 unauthenticated"),
        ("eve", PASSWORD, "401 unauthenticated"),
        ("eve", &too_long, "401 unauthenticated"),
        ("\u{1b}[31m", PASSWORD, "401 unauthenticated"),
    ] {
        let before = hashes().await;
        assert_eq!(try_login(&app, name, password).await.verdict(), verdict);
        assert_eq!(hashes().await - before, 1, "{name} {password}");
    }
}

#[tokio::test]
async fn the_sixth_failure_of_an_account_has_to_wait_and_others_have_not() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    app.enrol("bob", Role::Agent).await;
    for _ in 0..5 {
        assert_eq!(
            try_login(&app, "ada", "wrong").await.verdict(),
            "401 unauthenticated"
        );
    }
    // Even the right password waits, and says for how long.
    let refused = try_login(&app, "ada", PASSWORD).await;
    assert_eq!(refused.verdict(), "429 too_many_requests");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(try_login(&app, "bob", PASSWORD).await.verdict(), "200");
}

#[tokio::test]
async fn an_address_fails_twenty_times() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    for n in 0..20 {
        let verdict = try_login(&app, &format!("user{n}"), "wrong")
            .await
            .verdict();
        assert_eq!(verdict, "401 unauthenticated");
    }
    assert_eq!(
        try_login(&app, "ada", PASSWORD).await.verdict(),
        "429 too_many_requests"
    );
}

#[tokio::test]
async fn bodies_are_checked() {
    let app = TestApp::new().await;
    let anonymous = app.anonymous();
    let post = async |body| {
        anonymous
            .post("/v1/auth/login", &[], Some(&body))
            .await
            .verdict()
    };
    assert_eq!(post(json!({"username": "ada"})).await, "422 password");
    let body = json!({"username": "ada", "password": "x", "admin": true});
    assert_eq!(post(body).await, "422 admin");
    assert_eq!(
        post(json!({"username": 1, "password": "x"})).await,
        "422 username"
    );
    let body = json!({"username": "x".repeat(300_000), "password": "x"});
    assert_eq!(post(body).await, "413 payload_too_large");
    let compressed = [("Content-Encoding", "gzip")];
    let body = json!({"username": "ada", "password": "x"});
    let answer = anonymous
        .post("/v1/auth/login", &compressed, Some(&body))
        .await;
    assert_eq!(answer.verdict(), "415 unsupported_media_type");
    let plain = [("Content-Encoding", "identity")];
    let answer = anonymous.post("/v1/auth/login", &plain, Some(&body)).await;
    assert_eq!(answer.verdict(), "401 unauthenticated");
    let untyped = anonymous.post("/v1/auth/login", &[], None).await;
    assert_eq!(untyped.verdict(), "415 unsupported_media_type");
}
