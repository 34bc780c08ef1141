//! `POST /v1/admin/uploads/{id}/cancel`

use serde_json::json;

use super::{UPLOADS, file, queued, send};
use crate::app::TestApp;

#[tokio::test]
async fn one_that_waits_is_stopped_at_once_and_once() {
    let mut app = TestApp::new().await;
    let token = app.admin().await.token();
    let id = queued(&send(&app.bearer(&token), "", &file(1..=3)).await);
    let path = format!("{UPLOADS}/{id}/cancel");
    let admin = app.bearer(&token);
    let stopped = admin.post(&path, &[], None).await;
    assert_eq!(stopped.status, 200, "{}", stopped.text);
    assert_eq!(stopped.json()["status"], "cancelled");
    assert_eq!(stopped.json()["error"], "stopped before its first row");
    let again = admin.post(&path, &[], None).await;
    assert_eq!(again.json(), stopped.json());
    let log = admin
        .get("/v1/admin/audit?action=upload.cancelled")
        .await
        .json();
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
    // The worker takes the next one, and not this.
    let next = queued(&send(&admin, "", &file(4..=6)).await);
    app.work_off(&token, &next).await;
    let admin = app.bearer(&token);
    let flights = admin.get("/v1/admin/flights").await.json();
    assert_eq!(flights["items"].as_array().unwrap().len(), 3);
    let seen = admin.get(&format!("{UPLOADS}/{id}")).await.json();
    assert_eq!(seen["status"], json!("cancelled"));
    let path = format!("{UPLOADS}/{next}/cancel");
    let refused = admin.post(&path, &[], None).await;
    assert_eq!(refused.verdict(), "409 conflict");
    let missing = format!("{UPLOADS}/01936d5e-0000-7000-8000-000000000000/cancel");
    assert_eq!(
        admin.post(&missing, &[], None).await.verdict(),
        "404 not_found"
    );
    let agent = app.agent().await;
    assert_eq!(
        agent.post(&path, &[], None).await.verdict(),
        "403 forbidden"
    );
}
