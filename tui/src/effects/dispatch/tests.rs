//! What is asked and answered while users follow one another, and the end.

use std::path::Path;

use airside_common::api::auth::Secret;
use airside_common::api::problem::{Code, Problem};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use uuid::Uuid;
use wiremock::matchers::{body_partial_json, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::store::action::FailureKind;

/// What has to come has so long to come.
const PATIENCE: Duration = Duration::from_secs(20);

fn sending(sent: u64) -> Event {
    Event::FileSending { sent, total: 9 }
}

fn idle(folder: &Path, inbox: UnboundedSender<Message>) -> Dispatch {
    Dispatch::new(Folders::beneath(folder), inbox)
}

fn user(n: usize, name: &str) -> Value {
    json!({ "id": Uuid::from_u128(n as u128), "username": name, "role": "agent", "office": "NYC1A0001" })
}

async fn server_of(users: &[&str]) -> MockServer {
    let server = MockServer::builder().start().await;
    for (n, user) in users.iter().enumerate() {
        let tokens = json!({
            "access_token": user, "token_type": "Bearer", "expires_in": 900, "refresh_token": user,
            "user": self::user(n, user)
        });
        Mock::given(path("/v1/auth/login"))
            .and(body_partial_json(json!({ "username": user })))
            .respond_with(ResponseTemplate::new(200).set_body_json(tokens))
            .mount(&server)
            .await;
    }
    Mock::given(path("/v1/auth/logout"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    server
}

/// The first event of a kind, and in whose time it was asked for if that matters.
async fn hears(
    messages: &mut UnboundedReceiver<Message>,
    wanted: impl Fn(&Event) -> bool,
) -> (Option<Tenure>, Event) {
    let heard = async {
        loop {
            let (tenure, event) = match messages.recv().await {
                Some(Message::Answer(tenure, event)) => (Some(tenure), event),
                Some(Message::Event(event)) => (None, event),
                Some(_) => continue,
                None => panic!("nothing comes any more"),
            };
            if wanted(&event) {
                return (tenure, event);
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("it comes")
}

/// One user leaves while a call is under way, whose access token is refused then, and another comes.
#[tokio::test]
async fn what_was_asked_for_one_user_is_never_asked_again_for_another() {
    let server = server_of(&["ada", "eve"]).await;
    let of = |user: &str| header("authorization", format!("Bearer {user}"));
    let refused = Problem::new(Code::TokenExpired, "it is old");
    Mock::given(path("/v1/bookings"))
        .and(of("ada"))
        .respond_with(
            ResponseTemplate::new(401)
                .set_body_json(refused)
                .set_delay(Duration::from_secs(10)),
        )
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/v1/bookings"))
        .and(of("eve"))
        .respond_with(ResponseTemplate::new(500))
        .expect(0)
        .mount(&server)
        .await;
    Mock::given(path("/v1/auth/refresh"))
        .respond_with(ResponseTemplate::new(500))
        .expect(0)
        .mount(&server)
        .await;
    Mock::given(path("/v1/auth/me"))
        .and(of("eve"))
        .respond_with(ResponseTemplate::new(200).set_body_json(user(1, "eve")))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let (inbox, mut messages) = unbounded_channel();
    let mut dispatch = idle(folder.path(), inbox);
    let log_in = |username: &str| Effect::LogIn {
        server: server.uri().parse().unwrap(),
        username: username.to_owned(),
        password: Secret("secret".to_owned()),
    };
    let is_in = |event: &Event| matches!(event, Event::LoggedIn(Ok(_)));
    dispatch.run(log_in("ada"));
    hears(&mut messages, is_in).await;
    dispatch.run(Effect::ForgetAnswers);
    dispatch.run(Effect::Bookings {
        request: 1,
        filter: Box::default(),
    });
    let adas = dispatch.tenure;
    // It is under way.
    timeout(PATIENCE, async {
        while server.received_requests().await.unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    dispatch.run(Effect::LogOut {
        username: "ada".parse().unwrap(),
    });
    dispatch.run(Effect::ForgetAnswers);
    let is_out = |event: &Event| matches!(event, Event::LoggedOut { result: Ok(()), .. });
    assert_eq!(hears(&mut messages, is_out).await.0, None);
    dispatch.run(log_in("eve"));
    // Told in any case: her session is there.
    dispatch.run(Effect::ForgetAnswers);
    assert_eq!(hears(&mut messages, is_in).await.0, None);

    let is_list = |event: &Event| matches!(event, Event::Bookings { .. });
    let (tenure, list) = hears(&mut messages, is_list).await;
    assert_eq!(tenure, Some(adas));
    assert_ne!(adas, dispatch.tenure);
    assert!(
        matches!(&list, Event::Bookings { result: Err(failure), .. } if failure.kind == FailureKind::LoggedOut),
        "{list:?}"
    );
    let me = dispatch.api.as_ref().unwrap().me().await;
    assert_eq!(me.unwrap().username.as_str(), "eve");
    server.verify().await;
}

/// The screens of who logs in again go on, with what they had asked for.
#[tokio::test]
async fn a_question_that_waits_goes_out_under_the_next_session_of_the_same_user() {
    let server = server_of(&["ada"]).await;
    Mock::given(path("/v1/admin/uploads"))
        .and(header("authorization", "Bearer ada"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "items": [] })))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let (inbox, mut messages) = unbounded_channel();
    let mut dispatch = idle(folder.path(), inbox);
    let log_in = || Effect::LogIn {
        server: server.uri().parse().unwrap(),
        username: "ada".to_owned(),
        password: Secret("secret".to_owned()),
    };
    let is_in = |event: &Event| matches!(event, Event::LoggedIn(Ok(_)));
    dispatch.run(log_in());
    hears(&mut messages, is_in).await;
    let before = dispatch.api.clone().unwrap();
    before.log_out().await.unwrap();
    dispatch.run(Effect::Uploads {
        request: 1,
        cursor: None,
        after: Duration::from_secs(6),
    });
    dispatch.run(log_in());
    hears(&mut messages, is_in).await;
    let is_list = |event: &Event| matches!(event, Event::Uploads { .. });
    let (_, list) = hears(&mut messages, is_list).await;
    assert!(
        matches!(list, Event::Uploads { result: Ok(_), .. }),
        "{list:?}"
    );
}

/// The console ends just after, and takes nobody along who would not be logged out.
#[rstest]
#[case::a_server_that_answers(Duration::ZERO)]
#[case::a_server_that_does_not(Duration::from_hours(1))]
#[tokio::test]
async fn who_logs_out_is_gone_at_the_end(#[case] answers_after: Duration) {
    let server = server_of(&["ada"]).await;
    Mock::given(path("/v1/auth/logout"))
        .respond_with(ResponseTemplate::new(204).set_delay(answers_after))
        .with_priority(1)
        .expect(1)
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let (inbox, mut messages) = unbounded_channel();
    let mut dispatch = idle(folder.path(), inbox);
    dispatch.run(Effect::LogIn {
        server: server.uri().parse().unwrap(),
        username: "ada".to_owned(),
        password: Secret("secret".to_owned()),
    });
    hears(&mut messages, |event| {
        matches!(event, Event::LoggedIn(Ok(_)))
    })
    .await;
    let api = dispatch.api.clone().unwrap();
    let sessions = Sessions::in_folder(&dispatch.folders.state, api.server());
    assert!(sessions.current().unwrap().is_some());
    dispatch.run(Effect::LogOut {
        username: "ada".parse().unwrap(),
    });
    let ended = timeout(PATIENCE, dispatch.end()).await;
    ended.expect("it waits for nobody for ever").unwrap();
    assert!(sessions.current().unwrap().is_none());
    if answers_after.is_zero() {
        hears(&mut messages, |event| {
            matches!(event, Event::LoggedOut { result: Ok(()), .. })
        })
        .await;
    }
    server.verify().await;
}

#[tokio::test]
async fn a_question_that_waits_gives_way_and_one_that_has_gone_out_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (inbox, mut messages) = unbounded_channel();
    let mut dispatch = idle(folder.path(), inbox);
    let (gone, out) = oneshot::channel();
    let (answer, answered) = oneshot::channel();
    let first = dispatch.answer_after(Duration::ZERO, async move {
        gone.send(()).unwrap();
        answered.await.unwrap()
    });
    dispatch.uploads.give_way(first);
    timeout(PATIENCE, out).await.expect("it goes out").unwrap();
    let waits = dispatch.answer_after(Duration::from_hours(1), async { sending(2) });
    dispatch.uploads.give_way(waits);
    let last = dispatch.answer_after(Duration::ZERO, async { sending(3) });
    dispatch.uploads.give_way(last);
    answer.send(sending(1)).unwrap();
    drop(dispatch);
    let mut heard = Vec::new();
    // It ends once nothing is under way any more.
    while let Some(message) = timeout(PATIENCE, messages.recv()).await.expect("an end") {
        if let Message::Answer(_, Event::FileSending { sent, .. }) = message {
            heard.push(sent);
        }
    }
    heard.sort_unstable();
    assert_eq!(heard, [1, 3]);
}
