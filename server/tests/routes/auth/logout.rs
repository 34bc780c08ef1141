//! `POST /v1/auth/logout`

use airside_common::user::Role;
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
