//! Several servers on one database: a session that one of them ends is ended on all.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::process::{Client, Place};

/// What the rule allows.
const AT_MOST: Duration = Duration::from_mins(1);

async fn refused(client: &Client) {
    loop {
        let (status, body) = client.get("/v1/auth/me").await;
        match status.as_u16() {
            200 => tokio::time::sleep(Duration::from_millis(200)).await,
            401 => {
                assert_eq!(body["code"], "unauthenticated");
                return;
            }
            other => panic!("{other}: {body}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_on_one_server_is_an_end_on_all_within_a_minute() {
    let place = Place::new(1, 10).await;
    let server = place.start().await;
    let other = place.beside();
    let second = other.start().await;
    let (ada, eve) = (server.login("ada").await, server.login("eve").await);
    let another_login = server.login("ada").await;
    // The other one knows the key, and so the sessions.
    let there: Vec<Client> = [&ada, &eve, &another_login]
        .map(|client| client.at(&second))
        .into();
    for client in &there {
        assert_eq!(client.get("/v1/auth/me").await.0, 200);
    }

    let body = json!({"refresh_token": ada.refresh_token});
    assert_eq!(ada.post("/v1/auth/logout", &body).await, 204);
    assert_eq!(ada.get("/v1/auth/me").await.0, 401, "at once where it was");
    // The command is a third process.
    let output = place.run(&["user", "disable", "eve"], "").await;
    assert!(output.status.success(), "{output:?}");
    timeout(AT_MOST, async {
        refused(&there[0]).await;
        refused(&there[1]).await;
        refused(&eve).await;
    })
    .await
    .expect("within a minute");
    for client in [&another_login, &there[2]] {
        assert_eq!(client.get("/v1/auth/me").await.0, 200, "another session");
    }
    second.stop().await;
    // What has ended stays ended for the next process.
    server.stop().await;
    let server = place.start().await;
    assert_eq!(ada.at(&server).get("/v1/auth/me").await.0, 401);
    assert_eq!(eve.at(&server).get("/v1/auth/me").await.0, 401);
    assert_eq!(another_login.at(&server).get("/v1/auth/me").await.0, 200);
    server.stop().await;
}
