use std::collections::{HashMap, HashSet};

use airside_common::event::Event;
use airside_common::flight::FlightId;
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use tempfile::TempDir;

use super::*;
use crate::messages::consumer::{Binding, ConsumerName};
use crate::messages::queues::{Inlet, Queues};
use crate::store::Database as _;
use crate::store::sqlite::{Sqlite, outbox};

/// Queues that note what they are given, and take some things not.
#[derive(Default)]
struct Post {
    taken: Mutex<Vec<i64>>,
    refuses: Mutex<HashSet<i64>>,
    is_away: Mutex<bool>,
}

#[async_trait]
impl Queues for Post {
    async fn publish(&self, batch: &[Message]) -> Result<Vec<Published>, QueueError> {
        if *self.is_away.lock() {
            return Err(QueueError::Apart);
        }
        let refuses = self.refuses.lock().clone();
        let outcome = |message: &Message| {
            if refuses.contains(&message.id) {
                return Published::Unroutable;
            }
            self.taken.lock().push(message.id);
            Published::Kept
        };
        Ok(batch.iter().map(outcome).collect())
    }

    async fn send_to(&self, _: &str, _: i64, _: &str) -> Result<Published, QueueError> {
        Ok(Published::Refused)
    }

    async fn open(&self, _: ConsumerName) -> Result<Box<dyn Inlet>, QueueError> {
        Err(QueueError::Apart)
    }

    async fn depths(&self) -> Result<Vec<(ConsumerName, u64)>, QueueError> {
        Ok(Vec::new())
    }

    fn broker_answers(&self) -> Option<bool> {
        None
    }

    fn bindings(&self) -> &[Binding] {
        &[]
    }

    async fn bury(&self, _: CancellationToken) {}
}

/// A relay at work.
struct Relayed {
    database: Sqlite,
    post: Arc<Post>,
    news: watch::Sender<i64>,
    figures: RelayFigures,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Relayed {
    async fn start(folder: &TempDir, retention: Duration) -> Self {
        let url = format!("sqlite://{}", folder.path().join("airside.db").display());
        let database = Sqlite::open(&url).await.unwrap();
        let (post, figures, stop) = (
            Arc::<Post>::default(),
            RelayFigures::default(),
            CancellationToken::new(),
        );
        let (news, heard) = watch::channel(0);
        let queues: SharedQueues = Arc::clone(&post) as _;
        let outbox = Arc::new(database.clone());
        let relay = Relay::new(outbox, queues, retention, figures.clone(), heard);
        let task = tokio::spawn(relay.run(stop.clone()));
        Self {
            database,
            post,
            news,
            figures,
            stop,
            task,
        }
    }

    /// Leaves events of flights, each with the version that comes next.
    async fn leave(&self, flights: &[i64]) {
        let mut versions: HashMap<i64, u64> = HashMap::new();
        let events: Vec<Event> = flights
            .iter()
            .map(|id| {
                let version = versions.entry(*id).or_default();
                *version += 1;
                Event::FlightChanged {
                    flight: FlightId::from_raw(*id),
                    version: *version,
                }
            })
            .collect();
        let mut tx = self.database.write().await.unwrap();
        outbox::append(&mut tx, Timestamp::UNIX_EPOCH, &events)
            .await
            .unwrap();
        self.database.commit(tx).await.unwrap();
        self.news.send_replace(1);
    }

    async fn until(&self, what: impl AsyncFn(&Self) -> bool) {
        let awaited = async {
            while !what(self).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, awaited)
            .await
            .expect("in time");
    }

    async fn depth(&self) -> i64 {
        self.database.outbox_depth().await.unwrap()
    }

    async fn rows(&self) -> usize {
        self.database
            .read_after(0, 1_000)
            .await
            .unwrap()
            .events
            .len()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
        assert_eq!(self.figures.lanes.get(), 0);
    }
}

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn one_of_two_on_a_machine_relays_and_the_other_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = Relayed::start(&folder, HOUR).await;
    first
        .until(async |first| first.figures.lanes.get() == 16)
        .await;
    let second = Relayed::start(&folder, Duration::ZERO).await;
    first.leave(&[1]).await;
    first.until(async |first| first.depth().await == 0).await;
    assert_eq!(
        (first.figures.lanes.get(), second.figures.lanes.get()),
        (16, 0)
    );
    assert_eq!(*first.post.taken.lock(), [1]);
    assert!(second.post.taken.lock().is_empty());
    assert_eq!(second.rows().await, 1, "it stays for an hour");
    first.end().await;
    second
        .until(async |second| second.figures.lanes.get() == 16)
        .await;
    second.until(async |second| second.rows().await == 0).await;
    second.end().await;
}

#[tokio::test]
async fn what_is_not_taken_stays_with_all_that_follows_it_and_others_pass() {
    let folder = tempfile::tempdir().unwrap();
    let relayed = Relayed::start(&folder, Duration::ZERO).await;
    // Of flight 1 the first is not taken; flight 2 goes another way.
    let lane = |id| {
        Lane::of(&Event::FlightChanged {
            flight: FlightId::from_raw(id),
            version: 1,
        })
    };
    let other = (2..100).find(|id| lane(*id) != lane(1)).unwrap();
    relayed.post.refuses.lock().insert(1);
    relayed.leave(&[1, other]).await;
    relayed
        .until(async |relayed| relayed.post.taken.lock().contains(&2))
        .await;
    // More than fit into a look at the outbox, all behind it.
    relayed.leave(&vec![other; 600]).await;
    relayed.leave(&[1]).await;
    relayed
        .until(async |relayed| relayed.post.taken.lock().len() == 601)
        .await;
    assert!(
        !relayed.post.taken.lock().contains(&603),
        "it waits for the first"
    );
    assert_eq!(relayed.depth().await, 603);
    assert_eq!(relayed.rows().await, 603);
    relayed.post.refuses.lock().clear();
    relayed
        .until(async |relayed| relayed.depth().await == 0)
        .await;
    let taken = relayed.post.taken.lock().clone();
    let place = |id| taken.iter().position(|taken| *taken == id).unwrap();
    assert!(place(1) < place(603));
    assert_eq!(taken.len(), 603, "nothing twice");
    relayed
        .until(async |relayed| relayed.rows().await == 0)
        .await;
    relayed.end().await;
}

#[tokio::test]
async fn while_the_queues_are_away_events_wait_in_the_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let relayed = Relayed::start(&folder, Duration::ZERO).await;
    *relayed.post.is_away.lock() = true;
    relayed.leave(&[1, 2, 3]).await;
    relayed
        .until(async |relayed| relayed.figures.lanes.get() == 16)
        .await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!((relayed.depth().await, relayed.rows().await), (3, 3));
    *relayed.post.is_away.lock() = false;
    relayed
        .until(async |relayed| relayed.depth().await == 0)
        .await;
    assert_eq!(*relayed.post.taken.lock(), [1, 2, 3]);
    relayed.end().await;
}
