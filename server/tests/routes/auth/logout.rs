//! `POST /v1/auth/logout`

use std::sync::Arc;

use airside_common::user::Role;
use airside_server::app::App;
use airside_server::clock::SystemClock;
use airside_server::config::Settings;
use airside_server::data_folder::DataFolder;
use airside_server::roles::Running;
use poem::test::TestClient;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn the_session_ends_at_once_with_its_access_token() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    let tokens = app.login("ada").await;
    let caller = app.bearer(&tokens.access_token.0);
    assert_eq!(caller.get("/v1/auth/me").await.verdict(), "200");
    let body = json!({"refresh_token": tokens.refresh_token});
    for _ in 0..2 {
        let answer = app
            .anonymous()
            .post("/v1/auth/logout", &[], Some(&body))
            .await;
        assert_eq!(
            (answer.verdict().as_str(), answer.text.as_str()),
            ("204", "")
        );
    }
    assert_eq!(
        caller.get("/v1/auth/me").await.verdict(),
        "401 unauthenticated"
    );
    let refresh = app
        .anonymous()
        .post("/v1/auth/refresh", &[], Some(&body))
        .await;
    assert_eq!(refresh.verdict(), "401 unauthenticated");
}

#[tokio::test]
async fn a_session_that_ended_stays_ended_for_the_next_process() {
    let app = TestApp::new().await;
    app.enrol("ada", Role::Agent).await;
    let (ended, lives) = (app.login("ada").await, app.login("ada").await);
    let body = json!({"refresh_token": ended.refresh_token});
    let anonymous = app.anonymous();
    let logout = anonymous.post("/v1/auth/logout", &[], Some(&body)).await;
    assert_eq!(logout.status, 204);
    // Longer ago than running processes look back.
    sqlx::query("UPDATE revoked_sessions SET revoked_at = revoked_at - 600 * 1000000")
        .execute(&app.database)
        .await
        .unwrap();
    let folder = DataFolder::open(Some(app.folder())).unwrap();
    let next = App::build(&Settings::default(), &folder, Arc::new(SystemClock))
        .await
        .unwrap();
    let next = Running::start(next).await.unwrap();
    let client = TestClient::new(Arc::clone(&next.app().http));
    for (tokens, status) in [(ended, 401), (lives, 200)] {
        let bearer = format!("Bearer {}", tokens.access_token.0);
        let me = client.get("/v1/auth/me").header("Authorization", bearer);
        assert_eq!(me.send().await.0.status(), status);
    }
    drop(client);
    next.end().await;
}
