//! `GET /v1/admin/uploads` and `GET /v1/admin/uploads/{id}`

use serde_json::json;

use super::{UPLOADS, file, queued, send};
use crate::app::TestApp;

#[tokio::test]
async fn lists_are_in_pages_the_newest_first() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mut ids = Vec::new();
    for last in 1..=5 {
        ids.push(queued(&send(&admin, "", &file(1..=last)).await));
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut path = format!("{UPLOADS}?limit=2");
    loop {
        let page = admin.get(&path).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|u| u["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{UPLOADS}?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    let done = admin
        .get(&format!("{UPLOADS}?status=completed"))
        .await
        .json();
    assert_eq!(done["items"], json!([]));
    let waiting = admin.get(&format!("{UPLOADS}?status=queued")).await.json();
    assert_eq!(waiting["items"].as_array().unwrap().len(), 5);
    for (query, verdict) in [
        ("?status=done", "422 status"),
        ("?cursor=x", "422 cursor"),
        ("?limit=0", "422 limit"),
        ("/x", "404 not_found"),
        ("/01936d5e-0000-7000-8000-000000000000", "404 not_found"),
    ] {
        let answer = admin.get(&format!("{UPLOADS}{query}")).await;
        assert_eq!(answer.verdict(), verdict, "{query}");
    }
    let agent = app.agent().await;
    assert_eq!(agent.get(UPLOADS).await.verdict(), "403 forbidden");
    let one = format!("{UPLOADS}/{}", ids[0]);
    assert_eq!(agent.get(&one).await.verdict(), "403 forbidden");
}

#[tokio::test]
async fn a_dry_run_shows_its_differences_and_changes_nothing() {
    let mut app = TestApp::new().await;
    let token = app.admin().await.token();
    let id = queued(&send(&app.bearer(&token), "?dry_run=true", &file(1..=150)).await);
    let done = app.work_off(&token, &id).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["dry_run"], true);
    assert_eq!(done["rows_created"], 150);
    assert_eq!(done["rows_total"], 150);
    assert_eq!(done["bytes_done"], done["bytes_total"]);
    assert_eq!(done["differences"].as_array().unwrap().len(), 100);
    assert_eq!(done["differences"][0]["flight"], "UA1 JFK 2099-12-07");
    assert_eq!(done["differences"][0]["field"], "flight");
    let admin = app.bearer(&token);
    let flights = admin.get("/v1/admin/flights").await.json();
    assert_eq!(flights["items"], json!([]));
    let list = admin.get(UPLOADS).await.json();
    assert!(list["items"][0]["differences"].is_null());
}

#[tokio::test]
async fn a_file_of_no_format_has_failed_with_the_reason() {
    let mut app = TestApp::new().await;
    let token = app.admin().await.token();
    let id = queued(&send(&app.bearer(&token), "", "some,other\n1,2\n").await);
    let done = app.work_off(&token, &id).await;
    assert_eq!(done["status"], "failed");
    let error = done["error"].as_str().unwrap();
    assert!(
        error.contains("none of airside, prototype, ssim"),
        "{error}"
    );
    // What failed is not known: the same may be sent once more.
    queued(&send(&app.bearer(&token), "", "some,other\n1,2\n").await);
}
