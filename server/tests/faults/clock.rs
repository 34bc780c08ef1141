//! Servers on one database whose clocks differ.

use rstest::rstest;
use tempfile::TempDir;

use crate::preload;
use crate::process::Place;

#[rstest]
#[case::a_minute_behind(-60, None)]
#[case::a_minute_ahead(60, None)]
#[case::an_hour_behind(-3600, Some("unauthenticated"))]
#[case::an_hour_ahead(3600, Some("token_expired"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_token_is_good_within_a_minute_and_refused_cleanly_beyond(
    #[case] seconds: i64,
    #[case] refusal: Option<&str>,
) {
    let folder = TempDir::new().unwrap();
    preload::build("other_clock", folder.path()).await;
    let place = Place::new(1, 10).await;
    let server = place.start().await;
    let beside = place.beside();
    let other = beside
        .start_through(&[
            "env",
            &format!("LD_PRELOAD={}/other_clock.so", folder.path().display()),
            &format!("OTHER_CLOCK={seconds}"),
        ])
        .await;
    let (here, there) = (server.login("ada").await, other.login("ada").await);

    let (status, body) = here.at(&other).get("/v1/auth/me").await;
    assert_eq!(status, if refusal.is_some() { 401 } else { 200 }, "{body}");
    assert_eq!(body["code"].as_str(), refusal, "{body}");
    // Each works for who logged in there.
    for (number, client) in [&here, &there].into_iter().enumerate() {
        assert_eq!(client.get("/v1/auth/me").await.0, 200);
        let key = format!("key-{number}");
        let (status, body) = client.book(&key, &client.body(number)).await.unwrap();
        assert_eq!(status, 201, "{body}");
        let path = format!("/v1/bookings/{}", body["locator"].as_str().unwrap());
        assert_eq!(client.get(&path).await.0, 200);
    }
    other.stop().await;
    server.stop().await;
    place.check().await;
}
