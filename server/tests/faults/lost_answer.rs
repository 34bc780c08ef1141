//! A client that is gone before its answer comes.

use rstest::rstest;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::process::{Place, Store};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_booking_whose_answer_was_lost(
    #[values(Store::Sqlite, Store::Postgres)] store: Store,
) {
    let place = Place::on(store, 1, 100).await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let body = client.body(0);
    let text = body.to_string();
    let mut lost = 0;
    for attempt in 0..50 {
        let key = format!("lost-{attempt}");
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        let request = format!(
            "POST /v1/bookings HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            server.address,
            client.token,
            text.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        if attempt % 2 == 0 {
            // The answer is on its way, or even there, but nobody ever reads it.
            socket.readable().await.unwrap();
        }
        drop(socket);

        let path = format!("/v1/bookings?operation={key}");
        let (_, before) = client.get(&path).await;
        let before = before["items"].as_array().unwrap().first().cloned();
        let (status, again) = client.book(&key, &body).await.unwrap();
        assert_eq!(status, 201);
        if let Some(before) = before {
            lost += 1;
            assert_eq!(again, before);
        }
        let (_, after) = client.get(&path).await;
        assert_eq!(after["items"].as_array().unwrap().len(), 1, "made once");
    }
    assert!(lost >= 25, "those whose answer was there were made");
    server.stop().await;
    place.check().await;
}
