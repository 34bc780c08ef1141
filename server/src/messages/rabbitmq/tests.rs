use tempfile::TempDir;

use super::*;
use crate::messages::queues::contract::{self, MAIL, Two, booking, message};
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

async fn store(folder: &TempDir) -> Arc<dyn MessageStore> {
    let url = format!("sqlite://{}", folder.path().join("airside.db").display());
    Arc::new(Sqlite::open(&url).await.unwrap())
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
