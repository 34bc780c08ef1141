use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use tempfile::TempDir;

use super::*;
use crate::bus::memory::MemoryBus;
use crate::bus::{Bus, Envelope};
use crate::features::audit::entry::NewEntry;
use crate::features::audit::store::{AuditStore, Filter};
use crate::messages::consumer::{Binding, ConsumerName};
use crate::messages::database::DatabaseQueues;
use crate::messages::queues::Message;
use crate::messages::queues::contract::{booking, message};
use crate::messages::store::{LetterFilter, MessageStore};
use crate::outbox::Outbox;
use crate::outbox::follower::Follower;
use crate::outbox::relay::{Relay, RelayFigures};
use crate::store::contract::processes::flight;
use crate::store::sqlite::messages::first_time;
use crate::store::sqlite::{Sqlite, audit};

/// Writes a line into the audit log for each message. Some it cannot do; now and then it cannot do anything.
struct Clerk {
    database: Sqlite,
    events: &'static [&'static str],
    cannot: HashSet<i64>,
    is_away: Arc<Mutex<bool>>,
    asked: Arc<Mutex<Vec<Vec<i64>>>>,
}

const NAME: ConsumerName = ConsumerName("clerk");

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(&'static str);

#[async_trait]
impl Consumer for Clerk {
    fn binding(&self) -> Binding {
        Binding {
            consumer: NAME,
            events: self.events,
        }
    }

    async fn consume(&self, batch: &[Delivery]) -> Result<(), ConsumeError> {
        let ids = batch.iter().map(|delivery| delivery.envelope.id);
        self.asked.lock().push(ids.collect());
        if *self.is_away.lock() {
            return Err(ConsumeError::Unavailable(Box::new(Wrong("away"))));
        }
        let mut tx = self.database.write().await.unwrap();
        for delivery in first_time(&mut tx, batch).await.unwrap() {
            let entry = NewEntry {
                user: "clerk".to_owned(),
                request_id: String::new(),
                action: "message.done",
                target: delivery.envelope.id.to_string(),
                outcome: "ok".to_owned(),
            };
            audit::append(&mut tx, Timestamp::UNIX_EPOCH, &entry)
                .await
                .unwrap();
        }
        if batch
            .iter()
            .any(|one| self.cannot.contains(&one.envelope.id))
        {
            return Err(ConsumeError::Failed(Box::new(Wrong("cannot do this one"))));
        }
        tx.commit().await.unwrap();
        Ok(())
    }
}

/// A clerk at work, until this is gone.
struct Office {
    database: Sqlite,
    queues: SharedQueues,
    is_away: Arc<Mutex<bool>>,
    asked: Arc<Mutex<Vec<Vec<i64>>>>,
    handled: Handled,
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
    consumer: Arc<Clerk>,
    /// How long messages are in hand at most while nobody answers.
    held: Duration,
    _folder: TempDir,
}

impl Office {
    async fn of(events: &'static [&'static str], cannot: &[i64]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("airside.db").display());
        let database = Sqlite::open(&url).await.unwrap();
        let (is_away, asked) = (Arc::default(), Arc::default());
        let consumer = Arc::new(Clerk {
            database: database.clone(),
            events,
            cannot: cannot.iter().copied().collect(),
            is_away: Arc::clone(&is_away),
            asked: Arc::clone(&asked),
        });
        let store: Arc<dyn MessageStore> = Arc::new(database.clone());
        Self {
            queues: Arc::new(DatabaseQueues::new(store, vec![consumer.binding()])),
            database,
            is_away,
            asked,
            handled: Handled::default(),
            stop: CancellationToken::new(),
            task: None,
            consumer,
            held: HELD,
            _folder: folder,
        }
    }

    fn open(&mut self) {
        let queues = Arc::clone(&self.queues);
        let mut runner = Runner::new(
            queues,
            Arc::clone(&self.consumer) as _,
            self.handled.clone(),
        );
        runner.held = self.held;
        self.task = Some(tokio::spawn(runner.run(self.stop.clone())));
    }

    async fn sql(&self, statement: &'static str) {
        let mut tx = self.database.write().await.unwrap();
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn number(&self, query: &'static str) -> i64 {
        let asking = sqlx::query_scalar(query).fetch_one(self.database.readers());
        asking.await.unwrap()
    }

    async fn close(&mut self) {
        self.stop.cancel();
        self.task.take().unwrap().await.unwrap();
    }

    async fn publish(&self, ids: impl IntoIterator<Item = i64>) {
        let batch: Vec<Message> = ids.into_iter().map(|id| message(&booking(id))).collect();
        self.queues.publish(&batch).await.unwrap();
    }

    /// The messages whose work is done, in the order in which it was.
    async fn done(&self) -> Vec<i64> {
        let all = Filter {
            action: Some("message.done".to_owned()),
            limit: 1_000,
            ..Filter::default()
        };
        let mut entries = self.database.entries(&all).await.unwrap();
        entries.reverse();
        entries
            .iter()
            .map(|entry| entry.target.parse().unwrap())
            .collect()
    }

    async fn until(&self, what: impl AsyncFn(&Self) -> bool) {
        let waiting = async {
            while !what(self).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let patience = Duration::from_secs(30);
        tokio::time::timeout(patience, waiting)
            .await
            .expect("in time");
    }

    async fn waiting(&self) -> u64 {
        self.queues.depths().await.unwrap()[0].1
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_is_done_once_however_often_it_comes() {
    let mut office = Office::of(&["booking.created"], &[]).await;
    office.open();
    for _ in 0..10 {
        office.publish(1..=3).await;
        office
            .until(async |office| office.waiting().await == 0)
            .await;
    }
    assert_eq!(office.done().await, [1, 2, 3]);
    let asked: usize = office.asked.lock().iter().map(Vec::len).sum();
    assert_eq!(asked, 30, "it was given all of them");
    office.close().await;
}

#[tokio::test]
async fn one_that_comes_twice_in_a_batch_is_done_once() {
    let office = Office::of(&["booking.created"], &[]).await;
    let batch = [1, 2, 1, 2, 3].map(|id| Delivery {
        consumer: NAME,
        envelope: booking(id),
    });
    office.consumer.consume(&batch).await.unwrap();
    assert_eq!(office.done().await, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_done_holds_up_no_others_and_is_dead_in_the_end() {
    let mut office = Office::of(&["booking.created"], &[3]).await;
    office.publish(1..=5).await;
    office.open();
    office
        .until(async |office| office.done().await.len() == 4)
        .await;
    assert_eq!(office.done().await, [1, 2, 4, 5]);
    office
        .until(async |office| office.database.dead_letter_count().await.unwrap() == 1)
        .await;
    let all = LetterFilter {
        limit: 10,
        ..LetterFilter::default()
    };
    let letters = office.database.dead_letters(&all).await.unwrap();
    assert_eq!(letters[0].message, 3);
    assert_eq!(letters[0].error, "cannot do this one");
    assert_eq!(office.waiting().await, 0);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_what_it_needs_is_away_messages_wait_and_none_dies() {
    let mut office = Office::of(&["booking.created"], &[]).await;
    *office.is_away.lock() = true;
    office.publish(1..=2).await;
    office.open();
    office
        .until(async |office| office.asked.lock().len() > 4)
        .await;
    assert!(office.done().await.is_empty());
    let noted = office.number("SELECT count(*) FROM delivery_errors");
    assert_eq!(noted.await, 0, "nothing is counted against them");
    *office.is_away.lock() = false;
    office
        .until(async |office| office.done().await.len() == 2)
        .await;
    assert_eq!(office.database.dead_letter_count().await.unwrap(), 0);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_too_long_goes_back_and_comes_again() {
    let mut office = Office::of(&["booking.created"], &[]).await;
    office.held = Duration::from_millis(300);
    *office.is_away.lock() = true;
    office.publish([1]).await;
    office.open();
    office
        .until(async |office| office.asked.lock().contains(&vec![1]))
        .await;
    office.publish([2]).await;
    // Only what was given back is taken together with what came later.
    office
        .until(async |office| office.asked.lock().contains(&vec![1, 2]))
        .await;
    let most = office.number("SELECT max(deliveries) FROM messages");
    assert!(most.await <= 1, "nothing is counted against them");
    *office.is_away.lock() = false;
    office
        .until(async |office| office.done().await.len() == 2)
        .await;
    assert_eq!(office.database.dead_letter_count().await.unwrap(), 0);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_cannot_be_noted_is_noted_later_and_holds_up_nothing_that_came_with_it() {
    let mut office = Office::of(&["booking.created"], &[]).await;
    office.sql("CREATE TRIGGER refusing BEFORE INSERT ON delivery_errors BEGIN SELECT raise(ABORT, 'no'); END").await;
    let strange = Message {
        id: 7,
        kind: "booking.created",
        body: "{}".to_owned(),
    };
    office.queues.publish(&[strange]).await.unwrap();
    office.publish([8]).await;
    office.open();
    office
        .until(async |office| office.done().await == [8])
        .await;
    // Whenever one is noted, how often its message had been delivered by then.
    for statement in [
        "CREATE TABLE noted (deliveries INTEGER)",
        "CREATE TRIGGER noting AFTER INSERT ON delivery_errors BEGIN
             INSERT INTO noted SELECT deliveries FROM messages WHERE message = NEW.message; END",
        "DROP TRIGGER refusing",
    ] {
        office.sql(statement).await;
    }
    office
        .until(async |office| office.number("SELECT count(*) FROM noted").await > 0)
        .await;
    let deliveries = office.number("SELECT min(deliveries) FROM noted");
    assert_eq!(deliveries.await, 1, "it was in hand all the time");
    office.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_to_stop_gives_back_what_it_cannot_do_now() {
    let mut office = Office::of(&["booking.created"], &[]).await;
    *office.is_away.lock() = true;
    office.publish([1]).await;
    office.open();
    office
        .until(async |office| !office.asked.lock().is_empty())
        .await;
    office.close().await;
    let consumer = NAME.0;
    let back = office.database.claim(consumer, 10, PATIENCE).await.unwrap();
    assert_eq!(back.len(), 1);
    assert_eq!(back[0].receipt, 1, "as if it had never been handed out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_event_of_this_release_is_dead_in_the_end() {
    let mut office = Office::of(&["booking.created"], &[]).await;
    let strange = Message {
        id: 7,
        kind: "booking.created",
        body: "{}".to_owned(),
    };
    office.queues.publish(&[strange]).await.unwrap();
    office.publish([8]).await;
    office.open();
    office
        .until(async |office| office.database.dead_letter_count().await.unwrap() == 1)
        .await;
    assert_eq!(office.done().await, [8]);
    office.close().await;
}

/// From the commit to the consumer: nothing but the consumer itself and its binding is new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_consumer_hears_of_what_it_is_bound_to() {
    let mut office = Office::of(&["flight.created"], &[]).await;
    let bus: Arc<dyn Bus> = Arc::new(MemoryBus::default());
    let outbox: Arc<dyn Outbox> = Arc::new(office.database.clone());
    let follower = Follower::at_present(Arc::clone(&outbox), bus)
        .await
        .unwrap();
    let (figures, retention) = (RelayFigures::default(), Duration::from_hours(1));
    let queues = Arc::clone(&office.queues);
    let relay = Relay::new(outbox, queues, retention, figures.clone(), follower.news());
    let following = tokio::spawn(follower.run(office.stop.clone()));
    let relaying = tokio::spawn(relay.run(office.stop.clone()));
    office.open();
    for number in 1..=3 {
        flight(&office.database, number, 10).await;
    }
    office
        .until(async |office| office.done().await.len() == 3)
        .await;
    let page = office.database.read_after(0, 10).await.unwrap();
    let events: Vec<Envelope> = page.events.into_iter().map(Result::unwrap).collect();
    let mut ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    assert_eq!(office.done().await, ids);
    assert_eq!(figures.relayed.get(), 3);
    office.close().await;
    following.await.unwrap();
    relaying.await.unwrap();
}
