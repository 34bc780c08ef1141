//! The commands without a screen, as a script runs them.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done here fails the test"
)]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, SegmentStatus};
use rstest::rstest;
use serde_json::{Value, json};
use support::{booking, key};
use wiremock::matchers::{body_partial_json, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Runs the program, off the thread that answers it.
async fn airside(state: &Path, server: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airside"));
    command
        .args(arguments)
        .env("HOME", state)
        .env("AIRSIDE_STATE_DIR", state)
        .env("AIRSIDE_SERVER", server)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let input = input.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that ended without reading closes the pipe.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    })
    .await
    .unwrap()
}

async fn server() -> MockServer {
    // A server of its own: those of the pool go on listening after their test.
    let server = MockServer::builder().start().await;
    let tokens = json!({
        "access_token": "access", "token_type": "Bearer", "expires_in": 900, "refresh_token": "refresh",
        "user": { "id": "01936d5e-0000-7000-8000-000000000000", "username": "demo", "role": "agent",
                  "office": "NYC1A0001" }
    });
    Mock::given(path("/v1/auth/login"))
        .respond_with(ResponseTemplate::new(200).set_body_json(tokens))
        .mount(&server)
        .await;
    server
}

const BOOK: [&str; 8] = [
    "book",
    "85899345920001:economy",
    "--passenger",
    "SMITH/JOHN",
    "--email",
    "j@example.com",
    "--key",
    "key-1",
];

#[tokio::test]
async fn a_script_logs_in_books_and_reads_the_answer() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let made = booking(1, Some(key(1)));
    Mock::given(path("/v1/bookings"))
        .and(header("idempotency-key", "key-1"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path("/v1/bookings"))
        .and(header("idempotency-key", "key-1"))
        .respond_with(ResponseTemplate::new(201).set_body_json(&made))
        .mount(&server)
        .await;
    let login = airside(state.path(), &server.uri(), &["login", "demo"], "secret\n").await;
    assert_eq!(login.status.code(), Some(0), "{login:?}");
    let booked = airside(
        state.path(),
        &server.uri(),
        &[&BOOK[..], &["--json"]].concat(),
        "",
    )
    .await;
    assert_eq!(booked.status.code(), Some(0), "{booked:?}");
    let body: Value = serde_json::from_slice(&booked.stdout).unwrap();
    assert_eq!(body["locator"], json!(made.locator));
    // Each command begins without knowing what the one before has written, and wants to see it.
    for request in server.received_requests().await.unwrap() {
        assert_eq!(request.headers["airside-consistency"], "unknown");
    }
}

#[tokio::test]
async fn a_script_holds_and_confirms() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let mut held = booking(1, Some(key(1)));
    held.status = BookingStatus::Held;
    held.time_limit = Some("2026-11-27T18:00:00Z".parse().unwrap());
    let mut confirmed = booking(1, Some(key(1)));
    confirmed.version = 2;
    let asked = json!({"hold": true, "time_limit": "2026-11-27T18:00:00Z"});
    Mock::given(path("/v1/bookings"))
        .and(body_partial_json(&asked))
        .respond_with(ResponseTemplate::new(201).set_body_json(&held))
        .mount(&server)
        .await;
    let one = format!("/v1/bookings/{}", held.locator);
    Mock::given(path(&one))
        .respond_with(ResponseTemplate::new(200).set_body_json(&held))
        .mount(&server)
        .await;
    Mock::given(path(format!("{one}/confirm")))
        .and(header("if-match", "\"1\""))
        .respond_with(ResponseTemplate::new(200).set_body_json(&confirmed))
        .mount(&server)
        .await;
    airside(state.path(), &server.uri(), &["login", "demo"], "secret\n").await;
    let terms = ["--hold", "--time-limit", "2026-11-27T18:00:00Z"];
    let arguments = [&BOOK[..], &terms].concat();
    let output = airside(state.path(), &server.uri(), &arguments, "").await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("held until 2026-11-27T18:00:00Z"),
        "{output:?}"
    );
    let locator = held.locator.to_string();
    let output = airside(state.path(), &server.uri(), &["confirm", &locator], "").await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("confirmed") && text.contains("version 2"),
        "{output:?}"
    );
    let both = [&BOOK[..], &["--hold", "--waitlist"]].concat();
    let output = airside(state.path(), &server.uri(), &both, "").await;
    assert_eq!(output.status.code(), Some(2));
}

#[rstest]
#[case(Some(Code::SoldOut), 3)]
#[case(Some(Code::Unavailable), 6)]
#[case(None, 6)]
#[tokio::test]
async fn exit_codes_tell_what_happened(#[case] code: Option<Code>, #[case] exit: i32) {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let response = match code {
        Some(code) => ResponseTemplate::new(code.status()).set_body_json(Problem::new(code, "why")),
        None => ResponseTemplate::new(200).set_body_string("cut off"),
    };
    Mock::given(path("/v1/bookings"))
        .respond_with(response)
        .mount(&server)
        .await;
    airside(state.path(), &server.uri(), &["login", "demo"], "secret\n").await;
    let arguments = [&BOOK[..], &["--json", "--timeout", "0"]].concat();
    let output = airside(state.path(), &server.uri(), &arguments, "").await;
    assert_eq!(output.status.code(), Some(exit), "{output:?}");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(error["detail"].is_string());
}

#[tokio::test]
async fn nobody_and_nothing_there() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let arguments = ["search", "JFK", "LAX", "+3"];
    let output = airside(state.path(), &server.uri(), &arguments, "").await;
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let address = server.uri();
    airside(state.path(), &address, &["login", "demo"], "secret\n").await;
    drop(server);
    let output = airside(state.path(), &address, &arguments, "").await;
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let output = airside(
        state.path(),
        &address,
        &["search", "JFK", "LAX", "soon"],
        "",
    )
    .await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[tokio::test]
async fn completions_name_the_commands() {
    let state = tempfile::tempdir().unwrap();
    let output = airside(
        state.path(),
        "http://127.0.0.1:9",
        &["completions", "bash"],
        "",
    )
    .await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("bookings"));
}

#[tokio::test]
async fn a_script_reads_the_queues_and_accepts_what_happened() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let mut changed = booking(1, None);
    changed.version = 4;
    changed.segments[0].status = SegmentStatus::Tk;
    let mut accepted = changed.clone();
    accepted.version = 5;
    accepted.segments[0].status = SegmentStatus::Hk;
    let of_it = format!("/v1/bookings/{}", changed.locator);
    Mock::given(path(of_it.clone()))
        .respond_with(ResponseTemplate::new(200).set_body_json(&changed))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path(of_it.clone()))
        .respond_with(ResponseTemplate::new(200).set_body_json(&accepted))
        .mount(&server)
        .await;
    Mock::given(path(format!("{of_it}/rebook")))
        .and(header("if-match", "\"4\""))
        .and(header("idempotency-key", "key-9"))
        .and(body_partial_json(json!({ "segments": [{ "segment": 1 }] })))
        .respond_with(ResponseTemplate::new(200).set_body_json(&accepted))
        .expect(1)
        .mount(&server)
        .await;
    let totals = json!({ "next_cursor": null, "items": [
        { "number": 7, "name": "schedule changes", "waiting": 3, "in_hand": 1, "delayed": 0 },
    ] });
    Mock::given(path("/v1/queues"))
        .respond_with(ResponseTemplate::new(200).set_body_json(totals))
        .mount(&server)
        .await;
    airside(state.path(), &server.uri(), &["login", "demo"], "secret\n").await;
    let run = async |arguments: &[&str]| airside(state.path(), &server.uri(), arguments, "").await;
    let queues = run(&["queues"]).await;
    assert_eq!(queues.status.code(), Some(0), "{queues:?}");
    let text = String::from_utf8_lossy(&queues.stdout).into_owned();
    assert!(
        text.contains(" 7  schedule changes") && text.contains("3 waiting"),
        "{text}"
    );
    let queues: Value = serde_json::from_slice(&run(&["queues", "--json"]).await.stdout).unwrap();
    assert_eq!(queues["items"][0]["in_hand"], 1);

    let locator = changed.locator.to_string();
    let missing = run(&["rebook", &locator]).await;
    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
    let rebook = ["rebook", &locator, "--accept", "--key", "key-9"];
    let rebooked = run(&rebook).await;
    assert_eq!(rebooked.status.code(), Some(0), "{rebooked:?}");
    assert!(String::from_utf8_lossy(&rebooked.stdout).contains("HK"));
    let again = run(&rebook).await;
    assert_eq!(again.status.code(), Some(0), "what it found out: {again:?}");
    let nothing = run(&["rebook", &locator, "--accept"]).await;
    assert_eq!(nothing.status.code(), Some(3), "{nothing:?}");
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("nothing has changed"));
}
