//! `GET /v1/admin/uploads/{id}/errors`

use super::{HEADER, UPLOADS, queued, send};
use crate::app::TestApp;

#[tokio::test]
async fn what_was_not_taken_is_a_table_without_formulas() {
    let mut app = TestApp::new().await;
    let token = app.admin().await.token();
    let rows = [
        "UA,1,JFK,LAX,2099-12-07T08:00,2099-12-07T11:00,738,150,99.50,USD",
        "UA,2,JFK,LAX,2099-12-07T08:00,2099-12-07T11:00,738,=1+1,99.50,USD",
        "UA,3,JFK,LAX,2099-12-07T08:00,2099-12-07T11:00,738,-50,99.50,USD",
        "UA,4,JFK,LAX,2099-12-07T08:00,2099-12-07T11:00,738,150,\"\u{1b}[2J\",USD",
        "UA,1,JFK,LAX,2099-12-07T09:00,2099-12-07T11:00,738,150,99.50,USD",
        "short",
    ];
    let text = format!("{HEADER}\n{}\n", rows.join("\n"));
    let id = queued(&send(&app.bearer(&token), "", &text).await);
    let done = app.work_off(&token, &id).await;
    assert_eq!(done["rows_created"], 1, "{done}");
    assert_eq!(done["rows_rejected"], 5);
    let admin = app.bearer(&token);
    let path = format!("{UPLOADS}/{id}/errors");
    let answer = admin.get(&path).await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let disposition = format!("attachment; filename=\"{id}.rejected.csv\"");
    assert_eq!(answer.header("content-disposition"), disposition);
    insta::assert_snapshot!(answer.text);
    let notes = admin.get(&format!("{path}?kind=noted")).await;
    assert_eq!(notes.text, "line,column,reason,value\n");
    for (path, verdict) in [
        (format!("{path}?kind=all"), "422 kind"),
        (
            format!("{UPLOADS}/01936d5e-0000-7000-8000-000000000000/errors"),
            "404 not_found",
        ),
    ] {
        assert_eq!(admin.get(&path).await.verdict(), verdict);
    }
    let agent = app.agent().await;
    assert_eq!(agent.get(&path).await.verdict(), "403 forbidden");
}

#[tokio::test]
async fn a_long_table_is_whole() {
    let mut app = TestApp::new().await;
    let token = app.admin().await.token();
    let rows = 2500;
    let text = format!("{HEADER}\n{}", "x\n".repeat(rows));
    let id = queued(&send(&app.bearer(&token), "", &text).await);
    app.work_off(&token, &id).await;
    let admin = app.bearer(&token);
    let answer = admin.get(&format!("{UPLOADS}/{id}/errors")).await;
    let lines: Vec<&str> = answer.text.lines().collect();
    assert_eq!(lines.len(), rows + 1);
    for (line, number) in lines[1..].iter().zip(2..) {
        assert!(line.starts_with(&format!("{number},")), "{line}");
    }
}
