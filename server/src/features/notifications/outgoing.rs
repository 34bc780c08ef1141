//! What goes out: taken from a table, handed over, and ended.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::store::StoreError;

/// How long something may lie before it is seen where nobody says that it is there.
const POLL: Duration = Duration::from_secs(1);

/// Pauses after a fault of the database: from the first, twice as long each time, to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// For so long what is not taken is tried again.
pub const PERSISTENCE: Duration = Duration::from_hours(72);

/// For so long it stays on record what was sent, without its text.
const ON_RECORD: Duration = Duration::from_hours(30 * 24);

/// How often what is older is forgotten, and how many at a time.
const FORGET_EVERY: Duration = Duration::from_mins(1);
const AT_ONCE: u32 = 5_000;

/// Something in hand: nobody else gets it before the time is up that it was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InHand {
    /// Its number.
    pub id: i64,
    /// How often it was taken in hand, this time included: who was late for an earlier time ends nothing.
    pub attempt: u32,
    /// How long ago it was written, by the database's clock.
    pub age: Duration,
}

/// What became of something that goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is out.
    Done,
    /// It is tried again after a while.
    Again(Duration),
    /// It is given up.
    Failed,
}

/// A kind of things that go out.
#[async_trait]
pub trait Outgoing: Send + Sync + 'static {
    /// One of them in hand.
    type Item: Send + 'static;

    /// What they are called in the log.
    const NAME: &'static str;

    /// How many a process hands over at the same time.
    const AT_ONCE: usize;

    /// Takes some in hand, `most` at most and maybe none.
    async fn claim(&self, most: usize) -> Result<Vec<Self::Item>, StoreError>;

    /// Hands one over, and writes down what became of it.
    async fn carry(&self, item: Self::Item) -> Result<(), StoreError>;

    /// Forgets those that ended so long ago; answers how many, `limit` at most.
    async fn forget(&self, age: Duration, limit: u32) -> Result<u64, StoreError>;
}

/// Hands over what is there, until told to stop; then what is in hand is ended. A fault of the database is logged once, and
/// tried again.
pub async fn run<T: Outgoing>(outgoing: Arc<T>, called: Arc<Notify>, stop: CancellationToken) {
    let mut carried = JoinSet::new();
    let mut pause = FIRST_PAUSE;
    while !stop.is_cancelled() {
        let free = T::AT_ONCE - carried.len();
        match outgoing.claim(free).await {
            Ok(items) => {
                pause = FIRST_PAUSE;
                let found = !items.is_empty();
                for item in items {
                    let outgoing = Arc::clone(&outgoing);
                    carried.spawn(async move { outgoing.carry(item).await });
                }
                if found && carried.len() < T::AT_ONCE {
                    continue;
                }
            }
            Err(error) => {
                if pause == FIRST_PAUSE {
                    tracing::warn!(what = T::NAME, %error, "the database does not answer; what goes out waits");
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
        let is_full = carried.len() >= T::AT_ONCE;
        tokio::select! {
            Some(done) = carried.join_next() => ended(T::NAME, done),
            () = called.notified(), if !is_full => {}
            () = tokio::time::sleep(POLL), if !is_full => {}
            () = stop.cancelled() => {}
        }
    }
    while let Some(done) = carried.join_next().await {
        ended(T::NAME, done);
    }
}

fn ended(what: &'static str, done: Result<Result<(), StoreError>, tokio::task::JoinError>) {
    match done {
        Ok(Ok(())) => {}
        // It is taken in hand again when the time is up.
        Ok(Err(error)) => {
            tracing::warn!(what, %error, "what became of it was not written down; it may go out again");
        }
        Err(error) => tracing::error!(what, %error, "handing it over broke off"),
    }
}

/// Forgets what ended long ago, until told to stop.
pub async fn forget<T: Outgoing>(outgoing: Arc<T>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(FORGET_EVERY) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = outgoing.forget(ON_RECORD, AT_ONCE).await {
            tracing::warn!(what = T::NAME, %error, "what ended long ago is not forgotten for now");
        }
    }
}
