use std::sync::Mutex;

use airside_common::api::bookings::HistoryEntry;
use airside_common::locator::Locator;
use airside_common::user::Role;
use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::sync::Semaphore;

use super::*;
use crate::features::auth::caller::{Caller, SessionId};
use crate::features::bookings::command::{Action, Answer, Asked, Duty, Fingerprint, IfMatch};
use crate::features::bookings::decide::Stored;
use crate::features::bookings::integrity::Violation;
use crate::features::bookings::store::{Filter, Look, Page};

/// Runs a batch when a permit is given; answers with the key; a key may say what goes wrong.
#[derive(Debug)]
struct FakeStore {
    at_once: usize,
    permits: Semaphore,
    batches: Mutex<Vec<Vec<String>>>,
}

impl FakeStore {
    fn new(permits: usize) -> Arc<Self> {
        Self::with(1, permits)
    }

    fn with(at_once: usize, permits: usize) -> Arc<Self> {
        Arc::new(Self {
            at_once,
            permits: Semaphore::new(permits),
            batches: Mutex::default(),
        })
    }

    fn batches(&self) -> Vec<Vec<String>> {
        self.batches.lock().unwrap().clone()
    }
}

#[async_trait]
impl BookingStore for FakeStore {
    fn batches_at_once(&self) -> usize {
        self.at_once
    }

    async fn execute(&self, batch: &[Command]) -> Result<Vec<Outcome>, StoreError> {
        let keys: Vec<String> = batch.iter().map(name).collect();
        self.batches.lock().unwrap().push(keys.clone());
        self.permits.acquire().await.unwrap().forget();
        let has = |word: &str| keys.iter().any(|key| key.contains(word));
        assert!(!has("panic"), "as asked");
        if has("data") {
            return Err(StoreError::Data("refused".into()));
        }
        if has("locked") {
            return Err(StoreError::Locked("locked".into()));
        }
        if has("full") {
            return Err(StoreError::Full("full".into()));
        }
        if has("unknown") {
            return Err(StoreError::Unknown("lost".into()));
        }
        Ok(keys.into_iter().map(answered).collect())
    }

    async fn due(&self, _: Look<'_>, _: u32) -> Result<Vec<Duty>, StoreError> {
        Ok(Vec::new())
    }

    async fn settle_changes(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn booking(&self, _: Locator) -> Result<Option<Stored>, StoreError> {
        Ok(None)
    }

    async fn bookings(&self, _: &Filter, _: Page) -> Result<Vec<Stored>, StoreError> {
        Ok(Vec::new())
    }

    async fn history(&self, _: Locator) -> Result<Vec<HistoryEntry>, StoreError> {
        Ok(Vec::new())
    }

    async fn forget_keys(&self, _: SignedDuration, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn violations(&self) -> Result<Vec<Violation>, StoreError> {
        Ok(Vec::new())
    }
}

fn name(command: &Command) -> String {
    command
        .asked()
        .map_or_else(|| command.name(), |asked| asked.key.to_string())
}

fn answered(body: String) -> Outcome {
    Outcome::Answered(Answer {
        status: 200,
        body,
        subject: None,
    })
}

fn caller() -> Caller {
    Caller {
        user_id: "01936d5e-0000-7000-8000-000000000000".parse().unwrap(),
        username: "demo".parse().unwrap(),
        role: Role::Agent,
        office: "NYC1A0001".parse().unwrap(),
        session: SessionId::new(),
    }
}

fn command(key: &str, content: u8) -> Command {
    Command::Asked(Box::new(Asked {
        caller: caller(),
        request_id: "request-1".to_owned(),
        key: key.parse().unwrap(),
        fingerprint: Fingerprint([content; 32]),
        action: Action::Cancel {
            locator: Locator::random(&mut rand::rng()),
            expected: IfMatch::Any,
        },
    }))
}

/// Sends a first command that holds the writer, then the others, and lets go.
async fn behind_one(
    store: &Arc<FakeStore>,
    keys: &[(&str, u8)],
) -> Vec<Result<Outcome, WriteError>> {
    let (writer, _task) = Writer::start(Arc::clone(store) as Arc<dyn BookingStore>);
    let first = tokio::spawn({
        let writer = writer.clone();
        async move { writer.submit(command("first", 0)).await }
    });
    while store.batches().is_empty() {
        tokio::task::yield_now().await;
    }
    let tasks: Vec<_> = keys
        .iter()
        .map(|(key, content)| {
            let (writer, command) = (writer.clone(), command(key, *content));
            tokio::spawn(async move { writer.submit(command).await })
        })
        .collect();
    while writer.waiting() < keys.len() {
        tokio::task::yield_now().await;
    }
    store.permits.add_permits(1_000);
    first.await.unwrap().unwrap();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test]
async fn what_waits_is_one_transaction() {
    let store = FakeStore::new(0);
    let keys: Vec<String> = (0..100).map(|n| format!("key-{n}")).collect();
    let named: Vec<(&str, u8)> = keys.iter().map(|k| (k.as_str(), 1)).collect();
    let results = behind_one(&store, &named).await;
    for (key, result) in keys.iter().zip(results) {
        assert_eq!(result, Ok(answered(key.clone())));
    }
    let sizes: Vec<usize> = store.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 64, 36]);
}

/// A batch at work that does not end, and others behind it.
#[tokio::test]
async fn a_second_batch_begins_beside_the_first_once_enough_wait() {
    let store = FakeStore::with(2, 0);
    let (writer, task) = Writer::start(Arc::clone(&store) as Arc<dyn BookingStore>);
    let mut sent = Vec::new();
    for (more, sizes, waiting) in [
        (1, &[1][..], 0),
        (WORTHWHILE - 1, &[1], WORTHWHILE - 1),
        (1, &[1, WORTHWHILE], 0),
        (BATCH, &[1, WORTHWHILE], BATCH),
    ] {
        for _ in 0..more {
            let (writer, command) = (writer.clone(), command(&format!("key-{}", sent.len()), 1));
            sent.push(tokio::spawn(async move { writer.submit(command).await }));
        }
        // In the one thread all have had their turn by then, whatever they wait for.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        let begun: Vec<usize> = store.batches().iter().map(Vec::len).collect();
        assert_eq!((begun.as_slice(), writer.waiting()), (sizes, waiting));
    }
    // What was taken is written to the end, also when nobody can send more.
    drop(writer);
    store.permits.add_permits(3);
    for (at, sent) in sent.into_iter().enumerate() {
        assert_eq!(sent.await.unwrap(), Ok(answered(format!("key-{at}"))));
    }
    task.await.unwrap();
}

/// In the database it would wait for the first one's locks, with all that it holds.
#[tokio::test]
async fn a_batch_leaves_out_what_another_is_at_work_on() {
    let store = FakeStore::with(2, 0);
    let (writer, _task) = Writer::start(Arc::clone(&store) as Arc<dyn BookingStore>);
    let mut sent = Vec::new();
    let mut submit = |command: Command| {
        let writer = writer.clone();
        sent.push(tokio::spawn(async move { writer.submit(command).await }));
    };
    let first = command("first", 1);
    let mut again = first.clone();
    if let Command::Asked(asked) = &mut again {
        asked.key = "again".parse().unwrap();
    }
    submit(first);
    while store.batches().is_empty() {
        tokio::task::yield_now().await;
    }
    submit(again);
    for at in 0..WORTHWHILE {
        submit(command(&format!("other-{at}"), 1));
    }
    let begun = async |count| {
        while store.batches().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, begun(2)).await.unwrap();
    assert_eq!(store.batches()[1].len(), WORTHWHILE);
    // Neither that it is the only one left, nor that the first is stuck, lets it begin.
    tokio::time::sleep(2 * STUCK).await;
    assert_eq!(writer.waiting(), 1);
    store.permits.add_permits(3);
    tokio::time::timeout(PATIENCE, begun(3)).await.unwrap();
    assert_eq!(store.batches()[2], ["again"]);
    for sent in sent {
        assert!(sent.await.unwrap().is_ok());
    }
}

/// Whoever holds a lock for long holds up those who want the same, and nobody else.
#[tokio::test]
async fn a_few_do_not_wait_behind_a_batch_that_is_stuck() {
    let store = FakeStore::with(2, 0);
    let (writer, _task) = Writer::start(Arc::clone(&store) as Arc<dyn BookingStore>);
    let submit = |key: &'static str| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.submit(command(key, 1)).await })
    };
    let stuck = submit("stuck");
    while store.batches().is_empty() {
        tokio::task::yield_now().await;
    }
    let other = submit("other");
    let begun = async {
        while store.batches().len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.unwrap();
    store.permits.add_permits(2);
    for (key, sent) in [("stuck", stuck), ("other", other)] {
        assert_eq!(sent.await.unwrap(), Ok(answered(key.to_owned())));
    }
}

#[tokio::test]
async fn the_same_key_joins_the_first_and_another_body_is_refused() {
    let store = FakeStore::new(0);
    let results = behind_one(&store, &[("a", 1), ("a", 1), ("a", 2), ("b", 1)]).await;
    assert_eq!(results[0], Ok(answered("a".into())));
    assert_eq!(results[1], Ok(answered("a".into())));
    assert_eq!(results[2], Ok(mismatch()));
    assert_eq!(results[3], Ok(answered("b".into())));
    assert_eq!(store.batches()[1], ["a", "b"]);
}

#[tokio::test]
async fn a_refused_or_panicking_command_hurts_no_neighbour() {
    for (word, error) in [
        ("data", WriteError::Internal),
        ("locked", WriteError::InProgress),
        ("panic", WriteError::Internal),
    ] {
        let store = FakeStore::new(0);
        let results = behind_one(&store, &[("a", 1), (word, 1), ("b", 1)]).await;
        assert_eq!(results[0], Ok(answered("a".into())));
        assert_eq!(results[1], Err(error));
        assert_eq!(results[2], Ok(answered("b".into())));
    }
}

#[tokio::test]
async fn a_full_disk_and_a_lost_commit_are_told_to_all() {
    for (word, error) in [("full", WriteError::Full), ("unknown", WriteError::Unknown)] {
        let store = FakeStore::new(0);
        let results = behind_one(&store, &[("a", 1), (word, 1)]).await;
        assert_eq!(results, [Err(error), Err(error)]);
        assert_eq!(store.batches().len(), 2, "nothing is tried again by itself");
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_writes_nothing() {
    let store = FakeStore::new(0);
    let (writer, _task) =
        Writer::start_with(Arc::clone(&store) as Arc<dyn BookingStore>, 1, PATIENCE);
    let submit = |key: &'static str| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.submit(command(key, 1)).await })
    };
    let first = submit("first");
    while store.batches().is_empty() {
        tokio::task::yield_now().await;
    }
    let second = submit("second");
    while writer.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        writer.submit(command("third", 1)).await,
        Err(WriteError::Busy)
    );
    store.permits.add_permits(2);
    assert!(first.await.unwrap().is_ok());
    assert!(second.await.unwrap().is_ok());
    assert_eq!(store.batches(), [["first"], ["second"]]);
}

#[tokio::test]
async fn who_has_waited_too_long_is_told_so_and_nothing_is_written() {
    let store = FakeStore::new(0);
    let patience = Duration::from_millis(300);
    let (writer, _task) =
        Writer::start_with(Arc::clone(&store) as Arc<dyn BookingStore>, 8, patience);
    let first = tokio::spawn({
        let writer = writer.clone();
        async move { writer.submit(command("first", 1)).await }
    });
    while store.batches().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        writer.submit(command("late", 1)).await,
        Err(WriteError::Busy)
    );
    assert!(!first.is_finished(), "what is being written is waited for");
    store.permits.add_permits(10);
    assert!(first.await.unwrap().is_ok());
    assert!(writer.submit(command("next", 1)).await.is_ok());
    assert_eq!(store.batches(), [["first"], ["next"]]);
}

#[test]
fn a_command_is_either_given_up_or_written() {
    let queued = |given_up, since| {
        let (answer, outcome) = oneshot::channel();
        let queued = Queued {
            command: command("key", 1),
            answer,
            place: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
            since,
            claimed: Arc::new(AtomicBool::new(given_up)),
        };
        (queued, outcome)
    };
    let now = Instant::now();
    let (given_up, _outcome) = queued(true, now);
    assert!(gather([given_up].into_iter(), PATIENCE).is_empty());
    let (taken, _outcome) = queued(false, now);
    let claimed = Arc::clone(&taken.claimed);
    assert_eq!(gather([taken].into_iter(), PATIENCE).len(), 1);
    assert!(
        claimed.load(Ordering::Acquire),
        "its caller cannot give it up any more"
    );
    let (old, mut outcome) = queued(false, now);
    assert!(gather([old].into_iter(), Duration::ZERO).is_empty());
    assert_eq!(outcome.try_recv(), Ok((Err(WriteError::Busy), None)));
}

#[tokio::test]
async fn a_caller_who_hangs_up_cancels_nothing_and_what_waits_is_written_at_the_end() {
    let store = FakeStore::new(0);
    let (writer, task) = Writer::start(Arc::clone(&store) as Arc<dyn BookingStore>);
    let lost = tokio::spawn({
        let writer = writer.clone();
        async move { writer.submit(command("lost", 1)).await }
    });
    while store.batches().is_empty() {
        tokio::task::yield_now().await;
    }
    let queued = tokio::spawn({
        let writer = writer.clone();
        async move { writer.submit(command("queued", 1)).await }
    });
    while writer.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    lost.abort();
    queued.abort();
    drop(writer);
    store.permits.add_permits(2);
    task.await.unwrap();
    assert_eq!(store.batches(), [["lost"], ["queued"]]);
}
