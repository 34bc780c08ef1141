//! Flights that change under many bookings, where the processes that tell them, and those that keep the queues, are killed.

use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::broker::Broker;
use crate::process::{Client, PASSWORD, Place, Server, Store};
use crate::waiting::until;

/// How long it may take until all are told, on a machine that does other things: what a killed process had in hand comes again
/// after half a minute.
const SOON: Duration = Duration::from_secs(90);

/// Bookings of the flight.
const BOOKINGS: usize = 300;

/// What carries messages, and where the bookings are.
#[derive(Debug, Clone, Copy)]
enum Carrier {
    Sqlite,
    Database,
    RabbitMq,
}

/// A place with an admin beside its agents, and its broker.
async fn place_of(carrier: Carrier) -> (Place, Option<Broker>) {
    let store = match carrier {
        Carrier::Sqlite => Store::Sqlite,
        Carrier::Database | Carrier::RabbitMq => Store::Postgres,
    };
    let place = Place::on(store, 2, 400).await;
    let add = [
        "user",
        "add",
        "root",
        "--role",
        "admin",
        "--office",
        "PAR1A0001",
    ];
    let added = place.run(&add, &format!("{PASSWORD}\n")).await;
    assert!(added.status.success(), "{added:?}");
    match carrier {
        Carrier::RabbitMq => {
            let broker = Broker::start().await;
            let place = place.with("AIRSIDE_AMQP_URL", broker.url());
            (place, Some(broker))
        }
        Carrier::Sqlite | Carrier::Database => (place, None),
    }
}

/// Books the flight for one adult so many times; answers the locators.
async fn book_all(client: &Client) -> Vec<String> {
    let mut locators = Vec::new();
    for part in 0..BOOKINGS / 20 {
        let made = (0..20).map(|n| async move {
            let key = format!("key-{part}-{n}");
            let (status, booking) = client.book(&key, &client.body(0)).await.unwrap();
            assert_eq!(status, 201, "{booking}");
            booking["locator"].as_str().unwrap().to_owned()
        });
        locators.extend(futures_util::future::join_all(made).await);
    }
    locators.sort_unstable();
    locators
}

async fn read(client: &Client, path: &str) -> Value {
    let (status, body) = client.get(path).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// All items of a list, page by page.
async fn all(client: &Client, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = read(client, &format!("{path}?limit=100{cursor}")).await;
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// How many bookings of the flight have a segment in a state.
async fn told(root: &Client, flight: &str, status: &str) -> usize {
    let bookings = all(root, &format!("/v1/admin/flights/{flight}/bookings")).await;
    let has = |booking: &&Value| booking["segments"][0]["status"] == status;
    bookings.iter().filter(has).count()
}

/// Kills all processes in the middle: some bookings are told by then, and the rest by those that are started afterwards. On
/// PostgreSQL somebody has the lock of one of the bookings until then, so that it is the middle.
async fn with_kills(
    place: &Place,
    servers: &mut Vec<Server>,
    root: &Client,
    (flight, status): (&str, &str),
    locked: Option<Lock>,
) {
    let told_some = async || told(root, flight, status).await >= 1;
    until(SOON, "some are told", told_some).await;
    for server in servers.drain(..) {
        server.kill().await;
    }
    if let Some(locked) = locked {
        locked.release().await;
    }
    for _ in 0..2 {
        servers.push(place.beside().start().await);
    }
}

/// The lock of a booking, which somebody else has.
struct Lock(PgConnection);

impl Lock {
    async fn take(place: &Place, carrier: Carrier, locator: &str) -> Option<Self> {
        if let Carrier::Sqlite = carrier {
            return None;
        }
        let mut session = PgConnection::connect(&place.database()).await.unwrap();
        sqlx::raw_sql("BEGIN").execute(&mut session).await.unwrap();
        let locked = sqlx::query("SELECT id FROM bookings WHERE locator = $1 FOR UPDATE")
            .bind(locator)
            .execute(&mut session)
            .await
            .unwrap();
        assert_eq!(locked.rows_affected(), 1);
        Some(Self(session))
    }

    /// It is let go; nobody had told the booking until then.
    async fn release(mut self) {
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM schedule_changes c JOIN segments s ON s.flight_id = c.flight_id
             WHERE s.status IN ('HK', 'TK') AND s.flight_version < c.version",
        )
        .fetch_one(&mut self.0)
        .await
        .unwrap();
        assert!(left > 0, "all were told before anybody was killed");
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut self.0)
            .await
            .unwrap();
    }
}

/// Rebooks a booking, whatever its version is.
async fn rebook(client: &Client, locator: &str, body: &Value) -> Value {
    let answer = client
        .http
        .post(format!("{}/v1/bookings/{locator}/rebook", client.base))
        .bearer_auth(&client.token)
        .header("Idempotency-Key", format!("rebook-{locator}"))
        .header("If-Match", "*")
        .json(body)
        .send()
        .await
        .unwrap();
    let (status, booking) = (answer.status(), answer.json().await.unwrap());
    assert_eq!(status, 200, "{booking}");
    booking
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn all_bookings_of_a_changed_flight_are_told_once_though_who_tells_them_is_killed(
    #[values(Carrier::Sqlite, Carrier::Database, Carrier::RabbitMq)] carrier: Carrier,
) {
    let (place, _broker) = place_of(carrier).await;
    let mut servers = vec![place.start().await, place.beside().start().await];
    let ada = servers[0].login("ada").await;
    let root = servers[0].login("root").await.at(&servers[1]);
    let locators = book_all(&ada).await;
    let flight = ada.flights[0].clone();
    let path = format!("/v1/admin/flights/{flight}");
    let locked = Lock::take(&place, carrier, &locators[0]).await;
    let departure = format!("{}T08:40", place.date);
    let change = json!({"departure": departure});
    let (status, moved) = root.change(Method::PATCH, &path, 1, &change).await;
    assert_eq!(status, 200, "{moved}");
    with_kills(&place, &mut servers, &root, (&flight, "TK"), locked).await;
    let (ada, root) = (ada.at(&servers[0]), root.at(&servers[1]));
    until(SOON, "all are told", async || {
        told(&root, &flight, "TK").await == BOOKINGS
    })
    .await;
    until(SOON, "all are on the queue", async || {
        all(&ada, "/v1/queues/7/items").await.len() >= BOOKINGS
    })
    .await;

    let mut queued: Vec<String> = all(&ada, "/v1/queues/7/items")
        .await
        .iter()
        .map(|item| item["locator"].as_str().unwrap().to_owned())
        .collect();
    queued.sort_unstable();
    assert_eq!(queued, locators, "each once");
    for locator in &locators {
        let booking = read(&ada, &format!("/v1/bookings/{locator}")).await;
        assert_eq!(booking["version"], 2, "{booking}");
        let history = read(&ada, &format!("/v1/bookings/{locator}/history")).await;
        let entries = history["items"].as_array().unwrap();
        let actions: Vec<_> = entries.iter().map(|entry| &entry["action"]).collect();
        assert_eq!(actions, ["booking.created", "booking.changed"]);
    }

    // Some are settled, then the flight does not leave at all.
    let accept = json!({"segments": [{"segment": 1}]});
    for locator in &locators[..5] {
        let booking = rebook(&ada, locator, &accept).await;
        assert_eq!(booking["segments"][0]["status"], "HK", "{booking}");
    }
    let other = json!({"segments": [
        {"segment": 1, "replacement": {"flight_id": ada.flights[1], "cabin": "economy"}}
    ]});
    let booking = rebook(&ada, &locators[5], &other).await;
    assert_eq!(booking["segments"][1]["status"], "HK", "{booking}");
    let locked = Lock::take(&place, carrier, &locators[6]).await;
    let cancel = format!("{path}/cancel");
    let (status, gone) = root.change(Method::POST, &cancel, 2, &Value::Null).await;
    assert_eq!(status, 200, "{gone}");
    with_kills(&place, &mut servers, &root, (&flight, "UN"), locked).await;
    let (ada, root) = (ada.at(&servers[0]), root.at(&servers[1]));
    until(SOON, "the queues say so", async || {
        let changed = all(&ada, "/v1/queues/7/items").await.len();
        let cancelled = all(&ada, "/v1/queues/1/items").await.len();
        (changed, cancelled) == (0, BOOKINGS - 1)
    })
    .await;
    assert_eq!(told(&root, &flight, "UN").await, BOOKINGS - 1);
    let shown = read(&root, &path).await;
    assert_eq!(shown["cabins"][0]["sold"], 0, "{shown}");
    for server in servers {
        server.stop().await;
    }
    place.check().await;
}
