//! `POST /v1/admin/uploads`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_compression::tokio::bufread::GzipEncoder;
use poem::Body;
use rstest::rstest;
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::{CSV, UPLOADS, file, queued, send};
use crate::app::{TestApp, TestUser};

/// The bytes as gzip.
async fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = GzipEncoder::new(bytes);
    encoder.read_to_end(&mut packed).await.unwrap();
    packed
}

/// Bytes that do not pack well.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0] % 64 + b'0'
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn a_file_is_kept_and_waits_for_a_worker() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let text = file(1..=3);
    let answer = send(&admin, "?filename=../summer.csv", &text).await;
    let id = queued(&answer);
    assert_eq!(answer.header("location"), format!("{UPLOADS}/{id}"));
    let mut body = answer.json();
    assert!(body["created_at"].is_string());
    body["id"] = json!("id");
    body["created_at"] = json!("now");
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap());
    let kept = app.folder().join("files/uploads").join(&id);
    assert_eq!(std::fs::read_to_string(kept).unwrap(), text);
    let payload: String = sqlx::query_scalar("SELECT payload FROM outbox")
        .fetch_one(&app.database)
        .await
        .unwrap();
    assert_eq!(
        payload,
        json!({"type": "upload.received", "upload": id}).to_string()
    );
    let log = admin
        .get("/v1/admin/audit?action=upload.received")
        .await
        .json();
    assert_eq!(log["items"][0]["target"], json!(id));
    assert_eq!(log["items"][0]["user"], "root");
}

#[tokio::test]
async fn a_form_a_gzip_and_a_form_in_a_gzip_hold_the_same_file() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let text = file(1..=3);
    let form = format!(
        "--line\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\
         Content-Type: text/csv\r\n\r\n{text}\r\n--line--\r\n"
    );
    let of_form = ("Content-Type", "multipart/form-data; boundary=line");
    let gzip = ("Content-Encoding", "gzip");
    let plain = send(&admin, "", &text).await.json();
    for (headers, body) in [
        (
            vec![("Content-Type", "TEXT/PLAIN; charset=utf-8")],
            text.clone().into_bytes(),
        ),
        (
            vec![("Content-Type", "application/octet-stream")],
            text.clone().into_bytes(),
        ),
        (vec![CSV, gzip], packed(text.as_bytes()).await),
        (vec![of_form], form.clone().into_bytes()),
        (vec![of_form, gzip], packed(form.as_bytes()).await),
    ] {
        let answer = admin.upload(UPLOADS, &headers, body).await;
        queued(&answer);
        let body = answer.json();
        assert_eq!(body["sha256"], plain["sha256"], "{headers:?}");
        assert_eq!(body["bytes_total"], json!(text.len()));
        assert_eq!(body["rows_total"], 3);
        assert!(body["duplicate_of"].is_string());
        let in_form = headers.contains(&of_form);
        assert_eq!(body["filename"] == "a.csv", in_form, "{headers:?}");
    }
}

#[rstest]
#[case::no_type("", &[], "415 unsupported_media_type")]
#[case::json("", &[("Content-Type", "application/json")], "415 unsupported_media_type")]
#[case::brotli("", &[CSV, ("Content-Encoding", "br")], "415 unsupported_media_type")]
#[case::twice("", &[CSV, ("Content-Encoding", "gzip, gzip")], "415 unsupported_media_type")]
#[case::no_gzip("", &[CSV, ("Content-Encoding", "gzip")], "400 malformed_request")]
#[case::no_form("", &[("Content-Type", "multipart/form-data; boundary=x")], "400 malformed_request")]
#[case::too_large("", &[CSV, ("Content-Length", "536870913")], "413 payload_too_large")]
#[case::format("?format=xml", &[CSV], "422 format")]
#[case::fares("?fares=coach%3D1", &[CSV], "422 fares")]
#[case::fares_of_the_currency("?fares=1.50&currency=JPY", &[CSV], "422 fares")]
#[case::currency("?currency=ZZZ", &[CSV], "422 currency")]
#[case::dry_run("?dry_run=maybe", &[CSV], "422 dry_run")]
#[case::unknown("?dryrun=true", &[CSV], "422 dryrun")]
#[tokio::test]
async fn what_is_wrong_is_named_and_leaves_nothing(
    #[case] query: &str,
    #[case] headers: &[(&str, &str)],
    #[case] verdict: &str,
) {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let path = format!("{UPLOADS}{query}");
    let answer = admin.upload(&path, headers, file(1..=3)).await;
    assert_eq!(answer.verdict(), verdict, "{}", answer.text);
    nothing_is_left(&app, &admin).await;
}

/// No record, and no file once it is deleted behind the answer.
async fn nothing_is_left(app: &TestApp, admin: &TestUser<'_>) {
    assert_eq!(admin.get(UPLOADS).await.json()["items"], json!([]));
    let folder = app.folder().join("files/uploads");
    let mut looks = 0;
    while std::fs::read_dir(&folder).is_ok_and(|files| files.count() > 0) {
        looks += 1;
        assert!(looks < 500, "a file is left");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn files_that_are_packed_once_more_or_too_well_are_refused() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let gzip = [CSV, ("Content-Encoding", "gzip")];
    let once = packed(file(1..=3).as_bytes()).await;
    let zeros = vec![0; 4_000_000];
    let zip = b"PK\x03\x04 and so on".to_vec();
    // Ten times its size, and a little more: as much as noise with that many blanks.
    let mut ten_times = noise(3000);
    ten_times.resize(60_000, b' ');
    let size = packed(&ten_times).await.len();
    assert!(size * 10 < 60_000 && size * 30 > 60_000, "{size}");
    for (headers, body, verdict) in [
        (&gzip[..], packed(&once).await, "415 unsupported_media_type"),
        (&[CSV][..], once.clone(), "415 unsupported_media_type"),
        (&[CSV][..], zip, "415 unsupported_media_type"),
        (&gzip[..], packed(&zeros).await, "413 payload_too_large"),
        (&gzip[..], packed(&ten_times).await, "413 payload_too_large"),
        (
            &gzip[..],
            once[..once.len() - 4].to_vec(),
            "400 malformed_request",
        ),
        (
            &gzip[..],
            [&once[..], b"rest"].concat(),
            "400 malformed_request",
        ),
        (&[CSV][..], Vec::new(), "422 file"),
    ] {
        let answer = admin.upload(UPLOADS, headers, body).await;
        assert_eq!(answer.verdict(), verdict, "{}", answer.text);
    }
    nothing_is_left(&app, &admin).await;
}

#[rstest]
#[case::other_name("name=\"other\"; filename=\"a.csv\"", "")]
#[case::two_files(
    "name=\"file\"; filename=\"a.csv\"",
    "--line\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nb\r\n"
)]
#[tokio::test]
async fn a_form_has_one_file(#[case] first: &str, #[case] second: &str) {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let form = format!(
        "--line\r\nContent-Disposition: form-data; {first}\r\n\r\n{}\r\n{second}--line--\r\n",
        file(1..=3)
    );
    let headers = [("Content-Type", "multipart/form-data; boundary=line")];
    let answer = admin.upload(UPLOADS, &headers, form).await;
    assert_eq!(answer.verdict(), "422 file", "{}", answer.text);
    nothing_is_left(&app, &admin).await;
}

#[tokio::test]
async fn nothing_is_read_of_what_an_agent_sends() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    for (user, verdict) in [
        (agent, "403 forbidden"),
        (app.anonymous(), "401 unauthenticated"),
    ] {
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let parts = futures_util::stream::repeat_with(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(vec![b'x'; 1000])
        });
        let body = Body::from_bytes_stream(parts);
        let answer = user.upload(UPLOADS, &[CSV], body).await;
        assert_eq!(answer.verdict(), verdict);
        assert_eq!(read.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn what_was_completed_is_known_unless_it_is_wanted_again() {
    let mut app = TestApp::new().await;
    let token = app.admin().await.token();
    let text = file(1..=3);
    let first = queued(&send(&app.bearer(&token), "", &text).await);
    let done = app.work_off(&token, &first).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["rows_created"], 3);

    let admin = app.bearer(&token);
    let known = send(&admin, "", &text).await;
    assert_eq!(known.status, 200, "{}", known.text);
    assert_eq!(known.json()["id"], json!(first));
    assert_eq!(known.json()["duplicate_of"], json!(first));
    assert_eq!(known.json()["status"], "completed");
    let kept = std::fs::read_dir(app.folder().join("files/uploads")).unwrap();
    assert_eq!(kept.count(), 1, "the second is not kept");
    for query in ["?dry_run=true", "?again=true", "?currency=EUR"] {
        let answer = send(&admin, query, &text).await;
        queued(&answer);
        assert!(answer.json()["duplicate_of"].is_string(), "{query}");
    }
}
