//! `POST /v1/auth/refresh`

use airside_common::api::auth::Tokens;
use airside_common::user::Role;
use serde_json::json;

use crate::app::{TestAnswer, TestApp};

async fn refresh(app: &TestApp, token: &str) -> TestAnswer {
    let body = json!({"refresh_token": token});
    app.anonymous()
        .post("/v1/auth/refresh", &[], Some(&body))
        .await
}

#[tokio::test]
async fn each_token_works_once_and_reuse_ends_the_session() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    let first = app.login("ada").await;
    let other = app.login("ada").await;
    let second: Tokens =
        serde_json::from_value(refresh(&app, &first.refresh_token.0).await.json()).unwrap();
    let me = async |access: &str| app.bearer(access).get("/v1/auth/me").await.verdict();
    assert_eq!(me(&second.access_token.0).await, "200");

    let reused = refresh(&app, &first.refresh_token.0).await;
    assert_eq!(reused.verdict(), "401 unauthenticated");
    assert_eq!(me(&first.access_token.0).await, "401 unauthenticated");
    assert_eq!(me(&second.access_token.0).await, "401 unauthenticated");
    let dead = refresh(&app, &second.refresh_token.0).await;
    assert_eq!(dead.verdict(), "401 unauthenticated");
    // Another login of the same user goes on.
    assert_eq!(me(&other.access_token.0).await, "200");
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let app = TestApp::new().await;
    for token in ["", "x", &"A".repeat(43), &"x".repeat(10_000)] {
        assert_eq!(refresh(&app, token).await.verdict(), "401 unauthenticated");
    }
}

#[tokio::test]
async fn the_database_holds_no_token() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    let token = app.login("ada").await.refresh_token.0;
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("SELECT token_hash FROM refresh_tokens")
        .fetch_all(&app.database)
        .await
        .unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].len(), 32);
    assert!(
        !token
            .as_bytes()
            .windows(4)
            .any(|part| stored[0].starts_with(part))
    );
}
