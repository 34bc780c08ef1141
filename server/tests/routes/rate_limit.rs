//! Users who make too many requests.

use std::sync::Arc;
use std::time::Instant;

use airside_common::user::Role;
use airside_server::clock::SystemClock;
use poem::http::StatusCode;
use rstest::rstest;

use crate::app::{TestApp, TestUser};
use crate::roles::settings;

/// Requests of a user until one is refused.
async fn until_refused(user: &TestUser<'_>, path: &str) -> u64 {
    let (since, mut answered) = (Instant::now(), 0);
    loop {
        let answer = user.get(path).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.verdict(), "429 too_many_requests");
            assert_eq!(answer.header("Retry-After"), "1");
            return answered;
        }
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answered += 1;
        assert!(answered <= 11 + since.elapsed().as_secs(), "{answered}");
    }
}

#[rstest]
#[case("/v1/auth/me")]
// Answered out of what is kept.
#[case("/v1/itineraries?origin=JFK&destination=ORD&date=2030-01-01")]
#[case("/v1/bookings")]
#[case("/v1/admin/users")]
#[tokio::test]
async fn a_user_who_makes_too_many_waits_and_the_others_do_not(#[case] path: &str) {
    let limit = "[http]\nuser_requests_per_second = 1";
    let app = TestApp::with(settings(limit), Arc::new(SystemClock)).await;
    app.search.load().await.unwrap();
    let eager = app.user("eager", Role::Admin, "NYC1A0001").await;
    assert!(until_refused(&eager, path).await >= 10);
    // Over all that they do, and not what they do anonymously.
    assert!(until_refused(&eager, "/v1/airports").await < 10);
    assert_eq!(app.anonymous().get("/healthz").await.verdict(), "200");
    let other = app.user("other", Role::Admin, "NYC1A0001").await;
    assert_eq!(other.get(path).await.verdict(), "200");
}

#[tokio::test]
async fn out_of_the_box_there_is_no_limit() {
    let app = TestApp::new().await;
    let agent = app.agent().await;
    for _ in 0..500 {
        assert_eq!(agent.get("/v1/auth/me").await.verdict(), "200");
    }
}
