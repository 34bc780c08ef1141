use std::path::Path;

use airside_common::event::Event;
use airside_common::flight::FlightId;
use jiff::Timestamp;

use super::*;
use crate::store::Database as _;
use crate::store::sqlite::{Sqlite, outbox};

async fn open(folder: &Path) -> Sqlite {
    let url = format!("sqlite://{}", folder.join("airside.db").display());
    Sqlite::open(&url).await.unwrap()
}

async fn leave(database: &Sqlite) {
    let event = Event::FlightChanged {
        flight: FlightId::from_raw(1),
        version: 1,
    };
    let mut tx = database.write().await.unwrap();
    outbox::append(&mut tx, Timestamp::UNIX_EPOCH, &[event])
        .await
        .unwrap();
    database.commit(tx).await.unwrap();
}

async fn until(what: impl AsyncFn() -> bool) {
    let awaited = async {
        while !what().await {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, awaited).await.unwrap();
}

async fn rows(database: &Sqlite) -> usize {
    database.read_after(0, 10).await.unwrap().events.len()
}

#[tokio::test]
async fn one_of_two_relays_and_the_other_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let start = async |retention| {
        let (database, leads, stop) = (
            open(folder.path()).await,
            Gauge::default(),
            CancellationToken::new(),
        );
        let relay = Relay::new(Arc::new(database.clone()), retention, leads.clone());
        let task = tokio::spawn(relay.run(stop.clone()));
        (database, leads, stop, task)
    };
    let hour = Duration::from_hours(1);
    let (database, first, stop, task) = start(hour).await;
    until(async || first.get() == 1).await;
    let (_, second, _stop, _task) = start(Duration::ZERO).await;
    leave(&database).await;
    until(async || database.outbox_depth().await.unwrap() == 0).await;
    assert_eq!((first.get(), second.get()), (1, 0));
    assert_eq!(rows(&database).await, 1, "it stays for an hour");

    stop.cancel();
    task.await.unwrap();
    assert_eq!(first.get(), 0);
    until(async || second.get() == 1).await;
    until(async || rows(&database).await == 0).await;
}
