//! The API client against answers as they really come: from the server, from a proxy, from nobody.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done here fails the test"
)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airside_common::api::auth::{Secret, Tokens};
use airside_common::api::problem::{Code, Problem};
use airside_tui::effects::http::{Api, ApiError, answer_of};
use airside_tui::effects::session::{Session, Sessions};
use airside_tui::store::ledger::answer::{Answer, SetbackKind};
use airside_tui::store::ledger::{Intent, Ledger, LedgerEffect};
use airside_tui::store::moment::Moment;
use airside_tui::store::operation::Preview;
use rstest::rstest;
use serde_json::json;
use support::{account, booking, key, request};
use wiremock::matchers::{body_json, body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn tokens(n: usize) -> serde_json::Value {
    json!({
        "access_token": format!("access-{n}"), "token_type": "Bearer", "expires_in": 900,
        "refresh_token": format!("refresh-{n}"),
        "user": { "id": "01936d5e-0000-7000-8000-000000000000", "username": "demo", "role": "agent",
                  "office": "NYC1A0001" }
    })
}

fn me() -> serde_json::Value {
    tokens(1)["user"].clone()
}

async fn server() -> MockServer {
    // A server of its own: those of the pool go on listening after their test.
    let server = MockServer::builder().start().await;
    Mock::given(path("/v1/auth/login"))
        .respond_with(ResponseTemplate::new(200).set_body_json(tokens(1)))
        .mount(&server)
        .await;
    server
}

fn api(server: &MockServer, state: &Path) -> Api {
    let url: airside_tui::effects::server_url::ServerUrl = server.uri().parse().unwrap();
    let sessions = Sessions::in_folder(state, &url.id());
    Api::new(url, sessions)
}

async fn logged_in(server: &MockServer, state: &Path) -> Api {
    let api = api(server, state);
    api.log_in("demo", Secret("secret".to_owned()))
        .await
        .unwrap();
    api
}

fn problem(code: Code) -> ResponseTemplate {
    ResponseTemplate::new(code.status())
        .set_body_json(Problem::new(code, "for a reason"))
        .insert_header("retry-after", "7")
}

fn kept(answer: &Answer) -> Option<(SetbackKind, Option<Duration>)> {
    match answer {
        Answer::Kept(setback) => Some((setback.kind, setback.retry_after)),
        _ => None,
    }
}

#[tokio::test]
async fn a_booking_is_sent_with_key_and_token() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let made = booking(1, Some(key(1)));
    Mock::given(method("POST"))
        .and(path("/v1/bookings"))
        .and(header("idempotency-key", "key-1"))
        .and(header("authorization", "Bearer access-1"))
        .and(body_json(request()))
        .respond_with(ResponseTemplate::new(201).set_body_json(&made))
        .mount(&server)
        .await;
    Mock::given(path(format!("/v1/bookings/{}/cancel", made.locator)))
        .and(header("if-match", "\"1\""))
        .respond_with(ResponseTemplate::new(200).set_body_json(&made))
        .mount(&server)
        .await;
    Mock::given(path(format!("/v1/bookings/{}/confirm", made.locator)))
        .and(method("POST"))
        .and(header("idempotency-key", "key-3"))
        .and(header("if-match", "\"2\""))
        .respond_with(ResponseTemplate::new(200).set_body_json(&made))
        .mount(&server)
        .await;
    let api = logged_in(&server, state.path()).await;
    assert!(api.confirm_booking(&key(3), made.locator, 2).await.is_ok());
    assert_eq!(api.create_booking(&key(1), &request()).await.unwrap(), made);
    assert!(api.cancel_booking(&key(2), made.locator, 1).await.is_ok());
}

/// The moments that requests to a path wanted to see, in order.
async fn wanted(server: &MockServer, path: &str) -> Vec<Option<String>> {
    let requests = server.received_requests().await.unwrap();
    let those = requests.iter().filter(|request| request.url.path() == path);
    let moment = |request: &wiremock::Request| {
        let value = request.headers.get("airside-consistency")?;
        Some(value.to_str().unwrap().to_owned())
    };
    those.map(moment).collect()
}

#[tokio::test]
async fn what_was_written_is_wanted_in_every_request_to_the_same_server() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let made = booking(1, Some(key(1)));
    // Answers that overtake each other, and one that no server of ours gives.
    for moment in ["1-07", "1-05", "with space"] {
        Mock::given(path("/v1/bookings"))
            .and(method("POST"))
            .respond_with(
                ResponseTemplate::new(201)
                    .set_body_json(&made)
                    .insert_header("airside-consistency", moment),
            )
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    let booking = format!("/v1/bookings/{}", made.locator);
    Mock::given(path(&*booking))
        .respond_with(ResponseTemplate::new(200).set_body_json(&made))
        .mount(&server)
        .await;
    let api = logged_in(&server, state.path()).await;
    for _ in 0..4 {
        api.booking(made.locator).await.unwrap();
        let _ = api.create_booking(&key(1), &request()).await;
    }
    let seven = || Some("1-07".to_owned());
    assert_eq!(
        wanted(&server, &booking).await,
        [None, seven(), seven(), seven()]
    );

    let other = self::server().await;
    Mock::given(path(&*booking))
        .respond_with(ResponseTemplate::new(200).set_body_json(&made))
        .mount(&other)
        .await;
    let elsewhere = logged_in(&other, state.path()).await;
    elsewhere.booking(made.locator).await.unwrap();
    assert_eq!(wanted(&other, &booking).await, [None]);
}

#[rstest]
#[case(Code::SoldOut)]
#[case(Code::FareChanged)]
#[case(Code::StaleVersion)]
#[case(Code::InvalidRequest)]
#[case(Code::Forbidden)]
#[tokio::test]
async fn a_final_refusal_ends_an_operation(#[case] code: Code) {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    Mock::given(path("/v1/bookings"))
        .respond_with(problem(code))
        .mount(&server)
        .await;
    let api = logged_in(&server, state.path()).await;
    let answer = answer_of(api.create_booking(&key(1), &request()).await);
    assert!(matches!(answer, Answer::Refused(p) if p.code == code));
}

#[rstest]
#[case(problem(Code::IdempotencyInProgress), Some(7))]
#[case(problem(Code::TooManyRequests), Some(7))]
#[case(problem(Code::RequestTimeout), Some(7))]
#[case(problem(Code::Internal), Some(7))]
#[case(problem(Code::Unavailable), Some(7))]
#[case(ResponseTemplate::new(404).set_body_string("<h1>Not found</h1>"), None)]
#[case(ResponseTemplate::new(403).set_body_string("captive portal"), None)]
#[case(ResponseTemplate::new(200).set_body_string("<form>log in to the hotel</form>"), None)]
#[case(ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:9/"), None)]
#[tokio::test]
async fn everything_else_keeps_it(#[case] response: ResponseTemplate, #[case] wait: Option<u64>) {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    Mock::given(path("/v1/bookings"))
        .respond_with(response)
        .mount(&server)
        .await;
    let api = logged_in(&server, state.path()).await;
    let answer = answer_of(api.create_booking(&key(1), &request()).await);
    assert_eq!(
        kept(&answer),
        Some((SetbackKind::Unclear, wait.map(Duration::from_secs)))
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_was_not_reached() {
    let state = tempfile::tempdir().unwrap();
    let first = server().await;
    logged_in(&first, state.path()).await;
    // A client without an open connection: one that breaks says nothing about what arrived.
    let api = api(&first, state.path());
    api.resume().unwrap();
    drop(first);
    let answer = answer_of(api.create_booking(&key(1), &request()).await);
    assert_eq!(kept(&answer), Some((SetbackKind::Unreached, None)));
}

/// The first access token has expired.
async fn expects_the_second_token(server: &MockServer) {
    Mock::given(path("/v1/auth/me"))
        .and(header("authorization", "Bearer access-1"))
        .respond_with(problem(Code::TokenExpired))
        .mount(server)
        .await;
    Mock::given(path("/v1/auth/me"))
        .and(header("authorization", "Bearer access-2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(me()))
        .mount(server)
        .await;
}

#[tokio::test]
async fn two_consoles_use_a_refresh_token_once() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let one = logged_in(&server, state.path()).await;
    let two = api(&server, state.path());
    two.resume().unwrap().unwrap();
    expects_the_second_token(&server).await;
    Mock::given(path("/v1/auth/refresh"))
        .and(body_json(json!({ "refresh_token": "refresh-1" })))
        .respond_with(ResponseTemplate::new(200).set_body_json(tokens(2)))
        .expect(1)
        .mount(&server)
        .await;
    let (a, b, c) = tokio::join!(one.me(), one.me(), two.me());
    assert!(a.is_ok() && b.is_ok() && c.is_ok(), "{a:?} {b:?} {c:?}");
    server.verify().await;
}

/// An operation of another account, whose user has left, say, is not sent.
#[tokio::test]
async fn an_operation_is_sent_under_its_own_user_alone() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    Mock::given(path("/v1/bookings"))
        .respond_with(ResponseTemplate::new(201).set_body_json(booking(1, Some(key(1)))))
        .expect(1)
        .mount(&server)
        .await;
    let api = logged_in(&server, state.path()).await;
    let own = api.account(&api.resume().unwrap().unwrap());
    let operation = |account| {
        let mut ledger = Ledger::default();
        let now = Moment::since(std::time::Instant::now());
        ledger.log_in(account, now);
        let create = Intent::Create {
            body: request(),
            preview: Preview::default(),
        };
        ledger.submit(key(1), create, now).unwrap();
        let effects = ledger.journalled(&key(1), now);
        effects.into_iter().find_map(|effect| match effect {
            LedgerEffect::Send(operation) => Some(operation),
            _ => None,
        })
    };
    let foreign = api.send_operation(&operation(account()).unwrap()).await;
    assert!(matches!(foreign, Err(ApiError::LoggedOut)), "{foreign:?}");
    let sent = api.send_operation(&operation(own).unwrap()).await;
    assert!(sent.is_ok(), "{sent:?}");
    server.verify().await;
}

fn session(tokens: serde_json::Value) -> Session {
    Session::begin(serde_json::from_value::<Tokens>(tokens).unwrap())
}

/// The refresh token that is kept on the disk.
fn kept_token(api: &Api, state: &Path) -> Option<String> {
    let sessions = Sessions::in_folder(state, api.server());
    let session = sessions.of(&"demo".parse().unwrap()).unwrap();
    session.map(|session| session.refresh_token.0)
}

/// Another console does something while a refresh is under way, which is answered afterwards.
async fn refreshes_while(
    server: &MockServer,
    answer: ResponseTemplate,
    happens: impl Fn() + Send + Sync + 'static,
) {
    Mock::given(path("/v1/auth/refresh"))
        .and(body_json(json!({ "refresh_token": "refresh-1" })))
        .respond_with(move |_: &wiremock::Request| {
            happens();
            answer.clone()
        })
        .expect(1)
        .mount(server)
        .await;
}

#[rstest]
#[case::renewed(ResponseTemplate::new(200).set_body_json(tokens(2)))]
#[case::ended(problem(Code::Unauthenticated))]
#[case::failed(problem(Code::Internal))]
#[tokio::test]
async fn a_refresh_that_ends_late_leaves_alone_who_has_logged_in_again(
    #[case] answer: ResponseTemplate,
) {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let api = logged_in(&server, state.path()).await;
    let sessions = Sessions::in_folder(state.path(), api.server());
    refreshes_while(&server, answer, move || {
        sessions.keep(&session(tokens(3))).unwrap();
    })
    .await;
    expects_the_second_token(&server).await;
    Mock::given(path("/v1/auth/me"))
        .and(header("authorization", "Bearer access-3"))
        .respond_with(ResponseTemplate::new(200).set_body_json(me()))
        .expect(2)
        .mount(&server)
        .await;
    for _ in 0..2 {
        assert_eq!(api.me().await.unwrap().username.as_str(), "demo");
    }
    assert_eq!(kept_token(&api, state.path()).as_deref(), Some("refresh-3"));
    server.verify().await;
}

#[tokio::test]
async fn a_refresh_that_ends_late_brings_nobody_back_who_has_logged_out() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let api = logged_in(&server, state.path()).await;
    let sessions = Sessions::in_folder(state.path(), api.server());
    let renewed = ResponseTemplate::new(200).set_body_json(tokens(2));
    refreshes_while(&server, renewed, move || {
        sessions.forget(&"demo".parse().unwrap()).unwrap();
    })
    .await;
    expects_the_second_token(&server).await;
    for _ in 0..2 {
        let told = api.me().await;
        assert!(matches!(told, Err(ApiError::LoggedOut)), "{told:?}");
    }
    assert_eq!(kept_token(&api, state.path()), None);
    server.verify().await;
}

/// A name may have been given to somebody else.
#[tokio::test]
async fn the_session_of_another_user_of_the_same_name_is_not_taken_up() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let api = logged_in(&server, state.path()).await;
    let sessions = Sessions::in_folder(state.path(), api.server());
    let mut foreign = tokens(2);
    foreign["user"]["id"] = json!("01936d5e-0000-7000-8000-000000000009");
    sessions.keep(&session(foreign)).unwrap();
    expects_the_second_token(&server).await;
    let told = api.me().await;
    assert!(matches!(told, Err(ApiError::LoggedOut)), "{told:?}");
    assert_eq!(kept_token(&api, state.path()).as_deref(), Some("refresh-2"));
}

/// Whoever logged in last is who the next console begins with.
#[tokio::test]
async fn a_session_that_is_renewed_does_not_become_the_current_one() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let demo = logged_in(&server, state.path()).await;
    let mut eves = tokens(7);
    eves["user"]["username"] = json!("eve");
    Mock::given(path("/v1/auth/login"))
        .and(body_partial_json(json!({ "username": "eve" })))
        .respond_with(ResponseTemplate::new(200).set_body_json(&eves))
        .with_priority(1)
        .mount(&server)
        .await;
    let eve = demo.for_the_next();
    eve.log_in("eve", Secret("secret".to_owned()))
        .await
        .unwrap();
    expects_the_second_token(&server).await;
    Mock::given(path("/v1/auth/refresh"))
        .respond_with(ResponseTemplate::new(200).set_body_json(tokens(2)))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(demo.me().await.unwrap().username.as_str(), "demo");
    let next = api(&server, state.path()).resume().unwrap().unwrap();
    assert_eq!(next.username.as_str(), "eve");
    server.verify().await;
}

#[tokio::test]
async fn a_session_that_has_ended_asks_for_a_log_in_and_is_forgotten() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    Mock::given(path("/v1/bookings"))
        .respond_with(problem(Code::TokenExpired))
        .mount(&server)
        .await;
    Mock::given(path("/v1/auth/refresh"))
        .respond_with(problem(Code::Unauthenticated))
        .mount(&server)
        .await;
    let api = logged_in(&server, state.path()).await;
    let answer = answer_of(api.create_booking(&key(1), &request()).await);
    assert_eq!(kept(&answer), Some((SetbackKind::LoggedOut, None)));
    assert!(api.resume().unwrap().is_none());
    assert!(matches!(api.me().await, Err(ApiError::LoggedOut)));
}

/// The session of this token is ended, once.
async fn expects_logout(server: &MockServer, refresh_token: &str, answer: ResponseTemplate) {
    Mock::given(path("/v1/auth/logout"))
        .and(body_json(json!({ "refresh_token": refresh_token })))
        .respond_with(answer)
        .expect(1)
        .mount(server)
        .await;
}

#[tokio::test]
async fn logging_out_leaves_alone_who_has_logged_in_again() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let one = logged_in(&server, state.path()).await;
    Mock::given(path("/v1/auth/login"))
        .respond_with(ResponseTemplate::new(200).set_body_json(tokens(2)))
        .with_priority(1)
        .mount(&server)
        .await;
    expects_logout(&server, "refresh-1", ResponseTemplate::new(204)).await;
    logged_in(&server, state.path()).await;
    one.log_out().await.unwrap();
    expects_the_second_token(&server).await;
    let next = api(&server, state.path());
    next.resume().unwrap().unwrap();
    assert!(next.me().await.is_ok());
    server.verify().await;
}

/// The latest tokens of the session are those that end, whoever has renewed it.
#[tokio::test]
async fn logging_out_ends_a_session_that_another_console_has_renewed() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    let one = logged_in(&server, state.path()).await;
    let two = api(&server, state.path());
    two.resume().unwrap().unwrap();
    expects_the_second_token(&server).await;
    Mock::given(path("/v1/auth/refresh"))
        .respond_with(ResponseTemplate::new(200).set_body_json(tokens(2)))
        .mount(&server)
        .await;
    expects_logout(&server, "refresh-2", ResponseTemplate::new(204)).await;
    two.me().await.unwrap();
    one.log_out().await.unwrap();
    assert!(api(&server, state.path()).resume().unwrap().is_none());
    server.verify().await;
}

/// The file of the only session.
fn session_file(state: &Path) -> PathBuf {
    std::fs::read_dir(state.join("sessions"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|kind| kind == "json"))
        .unwrap()
}

/// Who cannot remove the file has to know it, also where the server was not told either.
#[rstest]
#[case::told(ResponseTemplate::new(204))]
#[case::not_told(problem(Code::Unavailable))]
#[tokio::test]
async fn a_session_whose_file_stays_ends_all_the_same(#[case] answer: ResponseTemplate) {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    expects_logout(&server, "refresh-1", answer).await;
    let api = logged_in(&server, state.path()).await;
    let file = session_file(state.path());
    // A folder is no file that can be removed.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let told = api.log_out().await;
    assert!(matches!(told, Err(ApiError::Session(_))), "{told:?}");
    assert!(api.me().await.is_err());
    server.verify().await;
}

/// Another console refreshes and does not end; it finds then that the file is gone.
#[tokio::test]
async fn logging_out_does_not_wait_for_another_console() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    Mock::given(path("/v1/auth/logout"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let api = logged_in(&server, state.path()).await;
    let file = session_file(state.path());
    let lock = std::fs::File::create(file.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let told = tokio::time::timeout(Duration::from_secs(20), api.log_out()).await;
    assert!(matches!(told, Ok(Ok(()))), "{told:?}");
    assert!(!file.exists());
}

#[tokio::test]
async fn only_its_owner_reads_a_session() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    logged_in(&server, state.path()).await;
    let folder = state.path().join("sessions");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    assert!(files.iter().all(|file| mode(file) == 0o600));
}

#[tokio::test]
async fn what_a_server_says_cannot_drive_the_terminal() {
    let state = tempfile::tempdir().unwrap();
    let server = server().await;
    Mock::given(path("/v1/bookings"))
        .respond_with(
            ResponseTemplate::new(409)
                .set_body_json(Problem::new(Code::SoldOut, "none\u{1b}[2J left\u{202e}")),
        )
        .mount(&server)
        .await;
    let api = logged_in(&server, state.path()).await;
    let error = api.create_booking(&key(1), &request()).await.unwrap_err();
    assert_eq!(error.to_string(), "none[2J left (sold_out)");
}
