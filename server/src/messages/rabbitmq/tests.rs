use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use parking_lot::Mutex;
use tempfile::TempDir;

use super::*;
use crate::messages::consumer::{ConsumeError, Consumer, Delivery};
use crate::messages::queues::MOST_DELIVERIES;
use crate::messages::queues::contract::{self, MAIL, Two, booking, message};
use crate::messages::runner::{Handled, Runner};
use crate::messages::store::{DeadLetter, LetterFilter, Queued};
use crate::store::sqlite::Sqlite;

/// The broker that `scripts/test` starts, with names of its own for one test.
fn broker() -> Broker {
    let url = std::env::var("AIRSIDE_TEST_RABBITMQ").expect(
        "AIRSIDE_TEST_RABBITMQ is not set: run scripts/test, or `eval \"$(scripts/services start)\"` before cargo test",
    );
    Broker {
        url,
        prefix: format!("test-{}", uuid::Uuid::new_v4()),
        certificates: None,
    }
}

async fn database(folder: &TempDir) -> Sqlite {
    let url = format!("sqlite://{}", folder.path().join("airside.db").display());
    Sqlite::open(&url).await.unwrap()
}

async fn store(folder: &TempDir) -> Arc<dyn MessageStore> {
    Arc::new(database(folder).await)
}

/// Keeps the broker's dead letters until there are so many.
async fn buried(queues: &RabbitQueues, count: usize) -> Vec<DeadLetter> {
    let all = LetterFilter {
        limit: 10,
        ..LetterFilter::default()
    };
    let found = async || {
        loop {
            let letters = queues.store.dead_letters(&all).await.unwrap();
            if letters.len() >= count {
                return letters;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = queues.bury(CancellationToken::new()) => unreachable!("it is not told to stop"),
        letters = tokio::time::timeout(Duration::from_secs(30), found()) => letters.expect("so many"),
    }
}

async fn two() -> (Two, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let broker = broker();
    let queues = || {
        let (broker, store) = (broker.clone(), Arc::clone(&store));
        Arc::new(RabbitQueues::new(broker, contract::bindings(), store))
    };
    let two = Two {
        here: queues(),
        there: queues(),
        store: Arc::clone(&store),
    };
    (two, folder)
}

contract::all!(two);

#[tokio::test]
async fn a_message_whose_queue_is_gone_is_noticed_and_the_queue_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let queues = RabbitQueues::new(broker(), contract::bindings(), store(&folder).await);
    let batch = [message(&booking(1))];
    assert_eq!(queues.publish(&batch).await.unwrap(), [Published::Kept]);
    let live = queues.link.live().await.unwrap();
    let channel = live.connection.create_channel().await.unwrap();
    for binding in contract::bindings() {
        let name = queues.link.queue(binding.consumer.0);
        let options = lapin::options::QueueDeleteOptions::default();
        channel.queue_delete(name, options).await.unwrap();
    }
    assert_eq!(
        queues.publish(&batch).await.unwrap(),
        [Published::Unroutable]
    );
    assert_eq!(queues.publish(&batch).await.unwrap(), [Published::Kept]);
    let mut inlet = queues.open(MAIL).await.unwrap();
    inlet.ready().await.unwrap();
    assert_eq!(inlet.take(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_leaves_without_a_word_leaves_its_messages_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let broker = broker();
    let here = RabbitQueues::new(broker.clone(), contract::bindings(), Arc::clone(&store));
    here.publish(&[message(&booking(1))]).await.unwrap();
    let mut inlet = here.open(MAIL).await.unwrap();
    inlet.ready().await.unwrap();
    assert_eq!(inlet.take(10).await.unwrap().len(), 1);
    let there = RabbitQueues::new(broker, contract::bindings(), store);
    let mut other = there.open(MAIL).await.unwrap();
    let live = here.link.live().await.unwrap();
    live.connection.close(200, "gone".into()).await.unwrap();
    while other.take(10).await.unwrap().is_empty() {
        other.ready().await.unwrap();
    }
    assert!(matches!(inlet.ready().await, Err(QueueError::Apart)));
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_told_at_once_and_asked_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Broker {
        url: "amqp://127.0.0.1:1/%2f".to_owned(),
        ..broker()
    };
    let queues = RabbitQueues::new(nobody, contract::bindings(), store(&folder).await);
    let batch = [message(&booking(1))];
    let first = queues.publish(&batch).await.unwrap_err();
    assert!(matches!(first, QueueError::Broker(_)), "{first}");
    let second = queues.publish(&batch).await.unwrap_err();
    assert!(matches!(second, QueueError::Apart), "{second}");
    assert_eq!(queues.broker_answers(), Some(false));
}

#[tokio::test]
async fn messages_of_others_do_not_hide_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let queues = RabbitQueues::new(broker(), contract::bindings(), store(&folder).await);
    let live = queues.link.live().await.unwrap();
    let channel = live.connection.create_channel().await.unwrap();
    let bodies: [&[u8]; 3] = [b"one", b"two", b"a \0 and a \xff"];
    for body in bodies {
        let published = channel.basic_publish(
            ShortString::default(),
            queues.link.queue(MAIL.0),
            BasicPublishOptions::default(),
            body,
            BasicProperties::default(),
        );
        published.await.unwrap();
    }
    let mut inlet = queues.open(MAIL).await.unwrap();
    let mut numbers = BTreeSet::new();
    let mut failed = 0;
    let failing = async {
        while failed < MOST_DELIVERIES as usize * bodies.len() {
            inlet.ready().await.unwrap();
            for received in inlet.take(10).await.unwrap() {
                // Published anew it is still the same.
                if numbers.insert(received.id) {
                    inlet.give_back(&[received]).await.unwrap();
                } else {
                    inlet.fail(&received, "not understood").await.unwrap();
                    failed += 1;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), failing)
        .await
        .expect("all are dead");
    let letters = buried(&queues, bodies.len()).await;
    let of_letters: BTreeSet<i64> = letters.iter().map(|letter| letter.message).collect();
    assert_eq!(of_letters, numbers);
    assert_eq!(numbers.len(), bodies.len());
    assert!(numbers.iter().all(|number| *number < 0), "{numbers:?}");
    let mut payloads: Vec<&str> = letters.iter().map(|one| one.payload.as_str()).collect();
    payloads.sort_unstable();
    assert_eq!(payloads, ["a \u{fffd} and a \u{fffd}", "one", "two"]);
}

#[tokio::test]
async fn a_dead_letter_that_the_database_does_not_take_goes_back_to_the_broker() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder).await;
    let run = async |sql: &'static str| {
        let mut tx = database.write().await.unwrap();
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    run("CREATE TRIGGER refusing BEFORE INSERT ON dead_letters BEGIN SELECT raise(ABORT, 'no'); END").await;
    let store: Arc<dyn MessageStore> = Arc::new(database.clone());
    let mut queues = RabbitQueues::new(broker(), contract::bindings(), store);
    let letter = |message| Queued {
        consumer: MAIL.0,
        message,
        payload: "{}",
    };
    let queue = queues.link.queue(MAIL.0);
    let (running, stopped) = (CancellationToken::new(), CancellationToken::new());
    stopped.cancel();
    let mut failing = false;
    // Told to stop, and after it was in hand for long.
    let stopping = letter(1);
    let put = queues.bury_or_put_back(&stopping, queue.as_str(), &mut failing, &stopped);
    put.await.unwrap();
    queues.held = Duration::ZERO;
    let late = letter(2);
    let put = queues.bury_or_put_back(&late, queue.as_str(), &mut failing, &running);
    tokio::time::timeout(Duration::from_secs(30), put)
        .await
        .expect("in time")
        .unwrap();
    assert!(failing);
    assert_eq!(queues.store.dead_letter_count().await.unwrap(), 0);

    run("DROP TRIGGER refusing").await;
    let letters = buried(&queues, 2).await;
    let mut named: Vec<(&str, i64)> = letters
        .iter()
        .map(|letter| (letter.consumer.as_str(), letter.message))
        .collect();
    named.sort_unstable();
    assert_eq!(named, [(MAIL.0, 1), (MAIL.0, 2)]);
}

/// Does no batch, the first message alone, and none after it.
#[derive(Default)]
struct Halfway {
    asked: Mutex<Vec<Vec<i64>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("not now")]
struct NotNow;

#[async_trait]
impl Consumer for Halfway {
    fn binding(&self) -> Binding {
        contract::bindings()[0]
    }

    async fn consume(&self, batch: &[Delivery]) -> Result<(), ConsumeError> {
        let ids: Vec<i64> = batch.iter().map(|one| one.envelope.id).collect();
        self.asked.lock().push(ids.clone());
        match ids[..] {
            [1] => Ok(()),
            [_] => Err(ConsumeError::Unavailable(Box::new(NotNow))),
            _ => Err(ConsumeError::Failed(Box::new(NotNow))),
        }
    }
}

#[tokio::test]
async fn who_is_told_to_stop_halfway_gives_back_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let queues = Arc::new(RabbitQueues::new(broker(), contract::bindings(), store));
    let batch = [1, 2, 3].map(|id| message(&booking(id)));
    queues.publish(&batch).await.unwrap();
    let consumer = Arc::new(Halfway::default());
    let shared: Arc<dyn Queues> = Arc::clone(&queues) as _;
    let runner = Runner::new(shared, Arc::clone(&consumer) as _, Handled::default());
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner.run(stop.clone()));
    let halfway = async {
        while consumer
            .asked
            .lock()
            .last()
            .is_none_or(|last| *last == [1] || last.len() > 1)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), halfway)
        .await
        .expect("halfway");
    stop.cancel();
    running.await.unwrap();
    let mut inlet = queues.open(MAIL).await.unwrap();
    let mut left = Vec::new();
    // Once more than there are, since one too many would come last.
    for _ in 0..4 {
        inlet.ready().await.unwrap();
        left.extend(inlet.take(10).await.unwrap());
    }
    let mut ids: Vec<i64> = left.iter().map(|one| one.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [2, 3]);
}
