use airside_common::event::Event;
use airside_common::flight::FlightId;
use jiff::Timestamp;

use super::*;
use crate::bus::memory::MemoryBus;
use crate::bus::{Delivery, Subscription};
use crate::store::sqlite::{Sqlite, outbox};

async fn leave(database: &Sqlite, versions: std::ops::RangeInclusive<u64>) {
    let flight = FlightId::from_raw(1);
    let events: Vec<Event> = versions
        .map(|version| Event::FlightChanged { flight, version })
        .collect();
    let mut tx = database.write().await.unwrap();
    outbox::append(&mut tx, Timestamp::UNIX_EPOCH, &events)
        .await
        .unwrap();
    database.commit(tx).await.unwrap();
}

async fn versions(subscription: &mut dyn Subscription, count: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    while seen.len() < count {
        match subscription.next().await {
            Some(Delivery::Event(envelope)) => match envelope.event {
                Event::FlightChanged { version, .. } => seen.push(version),
                _ => panic!("{envelope:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
    seen
}

/// A database in a folder, and a follower of it with somebody who listens.
async fn followed() -> (
    tempfile::TempDir,
    Sqlite,
    Box<dyn Subscription>,
    CancellationToken,
) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("airside.db").display());
    let database = Sqlite::open(&url).await.unwrap();
    let bus: SharedBus = Arc::new(MemoryBus::default());
    let heard = bus.subscribe("test").await.unwrap();
    let follower = Follower::at_present(Arc::new(database.clone()), bus).await;
    let stop = CancellationToken::new();
    tokio::spawn(follower.unwrap().run(stop.clone()));
    (folder, database, heard, stop)
}

#[tokio::test]
async fn what_is_committed_is_published_in_order_however_much_it_is() {
    let (_folder, database, mut heard, _stop) = followed().await;
    leave(&database, 1..=3).await;
    assert_eq!(versions(&mut *heard, 3).await, [1, 2, 3]);
    leave(&database, 4..=1_500).await;
    let all: Vec<u64> = (4..=1_500).collect();
    assert_eq!(versions(&mut *heard, all.len()).await, all);
}

#[tokio::test]
async fn what_was_rolled_back_is_not_published() {
    let (_folder, database, mut heard, _stop) = followed().await;
    let event = Event::FlightChanged {
        flight: FlightId::from_raw(1),
        version: 9,
    };
    let mut tx = database.write().await.unwrap();
    outbox::append(&mut tx, Timestamp::UNIX_EPOCH, &[event])
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    leave(&database, 10..=10).await;
    assert_eq!(versions(&mut *heard, 1).await, [10]);
}

#[tokio::test]
async fn an_event_of_a_newer_release_holds_up_nothing() {
    let (_folder, database, mut heard, _stop) = followed().await;
    let mut tx = database.write().await.unwrap();
    let before = Event::FlightChanged {
        flight: FlightId::from_raw(1),
        version: 1,
    };
    outbox::append(&mut tx, Timestamp::UNIX_EPOCH, &[before])
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO outbox (payload, created_at) VALUES ('{\"type\":\"of.tomorrow\"}', 0)",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    database.commit(tx).await.unwrap();
    leave(&database, 2..=2).await;
    assert_eq!(versions(&mut *heard, 1).await, [1]);
    assert_eq!(heard.next().await, Some(Delivery::Lagged));
    assert_eq!(versions(&mut *heard, 1).await, [2]);
}

#[tokio::test]
async fn after_a_fault_the_consumers_compare() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("airside.db").display());
    let database = Sqlite::open(&url).await.unwrap();
    let bus: SharedBus = Arc::new(MemoryBus::default());
    let mut heard = bus.subscribe("test").await.unwrap();
    let follower = Follower::at_present(Arc::new(database.clone()), bus).await;
    let mut follower = follower.unwrap();
    let change = async |statement: &'static str| {
        let mut tx = database.write().await.unwrap();
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
        database.commit(tx).await.unwrap();
    };
    change("ALTER TABLE outbox_progress RENAME TO elsewhere").await;
    leave(&database, 1..=1).await;
    assert!(follower.step(false).await.is_err());
    assert!(follower.step(true).await.is_err());
    change("ALTER TABLE elsewhere RENAME TO outbox_progress").await;
    follower.step(true).await.unwrap();
    assert_eq!(heard.next().await, Some(Delivery::Lagged));
    assert_eq!(versions(&mut *heard, 1).await, [1]);
}
