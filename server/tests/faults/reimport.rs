//! The prototype gave sold seats back when a file came again, and sold 133 seats of 128.

use crate::process::{Client, Place};

async fn sell(client: &Client, name: &str, count: usize) -> usize {
    let mut sold = 0;
    for n in 0..count {
        let (status, body) = client
            .book(&format!("{name}-{n}"), &client.body(0))
            .await
            .unwrap();
        match status.as_u16() {
            201 => sold += 1,
            409 => assert_eq!(body["code"], "sold_out"),
            other => panic!("{other}: {body}"),
        }
    }
    sold
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_comes_again_gives_no_sold_seat_back() {
    let place = Place::new(1, 12).await;
    let server = place.start().await;
    let client = server.login("ada").await;
    assert_eq!(sell(&client, "first", 5).await, 5);

    place.import(1, 12).await;
    assert_eq!(
        sell(&client, "second", 12).await,
        7,
        "what is left, no more"
    );
    place.check().await;

    // Below what is sold it does not go; above it there is room again.
    place.import(1, 8).await;
    assert_eq!(sell(&client, "third", 3).await, 0);
    place.import(1, 14).await;
    assert_eq!(sell(&client, "fourth", 5).await, 2);
    server.stop().await;
    place.check().await;
}
