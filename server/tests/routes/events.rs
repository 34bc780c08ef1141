//! `/v1/events`

use std::time::Duration;

use airside_common::user::Role;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::app::{TestApp, TestUser};

/// By when a message has come, far later than it does.
const SOON: Duration = Duration::from_secs(15);

/// A stream that is being heard.
struct Stream {
    pieces: BoxStream<'static, std::io::Result<Bytes>>,
    text: String,
}

impl Stream {
    async fn of(user: &TestUser<'_>) -> Self {
        let response = user.follow("/v1/events").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            pieces: response.into_body().into_bytes_stream().boxed(),
            text: String::new(),
        }
    }

    /// The type and the data of the next message, which has an id.
    async fn next(&mut self) -> (String, Value) {
        loop {
            while let Some((message, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name));
                let heard = field("event: ").zip(field("data: ")).map(|(kind, data)| {
                    assert!(field("id: ").is_some(), "{message}");
                    (kind.to_owned(), serde_json::from_str(data).unwrap())
                });
                let end = self.text.len() - rest.len();
                self.text.drain(..end);
                if let Some(heard) = heard {
                    return heard;
                }
            }
            let piece = timeout(SOON, self.pieces.next()).await;
            let piece = piece.expect("a message").expect("it goes on").unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    async fn hears(&mut self, kind: &str) -> Value {
        let (heard, data) = self.next().await;
        assert_eq!(heard, kind, "{data}");
        assert_eq!(data["type"], kind, "{data}");
        data
    }
}

/// Books a seat of the flight 1; its locator.
async fn booked(agent: &TestUser<'_>, key: &str) -> Value {
    let body = json!({
        "segments": [{"flight_id": "1", "cabin": "economy"}],
        "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
        "contact": {"phone": "212-5550100"},
    });
    let made = agent.book(key, &body).await;
    made.json()["locator"].clone()
}

#[tokio::test]
async fn an_upload_is_told_to_admins_from_its_arrival_to_its_end() {
    let mut app = TestApp::new().await;
    let live = app.app.live.clone().unwrap();
    live.begin().await.unwrap();
    app.flight(1, 1545, 9).await;
    let agent = app.agent().await.token();
    let admin = app.user("root", Role::Admin, "PAR1A0001").await.token();
    let mut streams = Vec::new();
    for user in [&agent, &admin] {
        let mut stream = Stream::of(&app.bearer(user)).await;
        stream.hears("reset").await;
        streams.push(stream);
    }
    let file = "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency\n\
                UA,1,JFK,LAX,2099-12-07T08:00,2099-12-07T11:00,738,150,99.50,USD\n";
    let csv = ("Content-Type", "text/csv");
    let sent = app.bearer(&admin);
    let sent = sent.upload("/v1/admin/uploads", &[csv], file).await;
    assert_eq!(sent.verdict(), "202", "{}", sent.text);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    app.keeps_an_upload_for_a_while().await;
    let upload = app.work_off(&admin, &id).await;
    assert_eq!(upload["status"], "completed", "{upload}");
    let booking = booked(&app.bearer(&agent), "key").await;
    app.tell_live().await;

    let [own, admin] = &mut streams[..] else {
        panic!("{} streams", streams.len());
    };
    let received = json!({"type": "upload.received", "upload_id": id, "status": "queued"});
    assert_eq!(admin.hears("upload.received").await, received);
    let progress = json!({"rows_done": 0, "bytes_done": 0, "bytes_total": file.len()});
    let far = json!({"type": "upload.progressed", "upload_id": id, "status": "processing", "progress": progress});
    assert_eq!(admin.hears("upload.progressed").await, far);
    let mut last = admin.next().await;
    // A slow worker tells of its own.
    while last.0 == "upload.progressed" {
        last = admin.next().await;
    }
    let completed = json!({"type": "upload.completed", "upload_id": id, "status": "completed"});
    assert_eq!(last, ("upload.completed".to_owned(), completed));
    assert_eq!(admin.hears("booking.created").await["locator"], booking);
    // The agent hears of the booking, and nothing was before it.
    assert_eq!(own.hears("booking.created").await["locator"], booking);
}

#[tokio::test]
async fn a_queue_that_changes_is_told_to_its_office_and_to_admins() {
    let app = TestApp::new().await;
    let live = app.app.live.clone().unwrap();
    live.begin().await.unwrap();
    app.flight(1, 1545, 9).await;
    let ada = app.agent().await;
    let eve = app.user("eve", Role::Agent, "LON1A0001").await;
    let root = app.user("root", Role::Admin, "PAR1A0001").await;
    let mut streams = Vec::new();
    for user in [&ada, &eve, &root] {
        let mut stream = Stream::of(user).await;
        stream.hears("reset").await;
        streams.push(stream);
    }
    let first = booked(&ada, "first").await;
    let second = booked(&eve, "second").await;
    let put = json!({"locator": first});
    let placed = ada.post("/v1/queues/0/items", &[], Some(&put)).await;
    assert_eq!(placed.verdict(), "201", "{}", placed.text);
    app.tell_live().await;

    let changed = json!({"type": "queue.changed", "office": "NYC1A0001", "queue": 0});
    let [own, foreign, admin] = &mut streams[..] else {
        panic!("{} streams", streams.len());
    };
    assert_eq!(own.hears("booking.created").await["locator"], first);
    assert_eq!(own.hears("queue.changed").await, changed);
    assert_eq!(admin.hears("booking.created").await["locator"], first);
    assert_eq!(admin.hears("booking.created").await["locator"], second);
    assert_eq!(admin.hears("queue.changed").await, changed);
    // Another office hears of its own booking, and then of the next: nothing was between.
    assert_eq!(foreign.hears("booking.created").await["locator"], second);
    let third = booked(&eve, "third").await;
    app.tell_live().await;
    assert_eq!(foreign.hears("booking.created").await["locator"], third);

    // Taken, it changes again.
    let taken = ada.post("/v1/queues/0/take", &[], None).await;
    assert_eq!(taken.verdict(), "200", "{}", taken.text);
    app.tell_live().await;
    assert_eq!(own.hears("queue.changed").await, changed);
}
