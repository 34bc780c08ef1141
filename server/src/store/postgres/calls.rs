//! Calls of those who commit events, for those who follow the outbox.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::primary::{Primary, pool};

/// The channel of calls.
pub(super) const CHANNEL: &str = "airside_outbox";

/// How long to wait before a lost connection is made again; who follows the outbox looks every second anyway.
const AGAIN: Duration = Duration::from_secs(1);

/// Listens on a connection of its own to the server that takes the writes, from the first wait on: a command that follows
/// nothing needs none.
#[derive(Debug)]
pub(super) struct Calls {
    primary: Arc<Primary>,
    closed: CancellationToken,
    heard: Arc<Notify>,
    listening: OnceLock<AbortHandle>,
}

impl Drop for Calls {
    fn drop(&mut self) {
        if let Some(task) = self.listening.get() {
            task.abort();
        }
    }
}

impl Calls {
    pub(super) fn new(primary: Arc<Primary>) -> Self {
        Self {
            primary,
            closed: CancellationToken::new(),
            heard: Arc::default(),
            listening: OnceLock::new(),
        }
    }

    /// Waits for a call. One between two waits is not lost, nor is one before the first: listening starts with a call.
    pub(super) async fn next(&self) {
        self.listening.get_or_init(|| {
            let (primary, heard) = (Arc::clone(&self.primary), Arc::clone(&self.heard));
            tokio::spawn(listen(primary, heard, self.closed.clone())).abort_handle()
        });
        self.heard.notified().await;
    }

    /// Says that this process has committed events without a call: whoever follows the outbox here gives them their
    /// positions, and calls the other processes then.
    pub(super) fn committed(&self) {
        self.heard.notify_one();
    }

    /// Ends the connection, in good order.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }
}

async fn listen(primary: Arc<Primary>, heard: Arc<Notify>, closed: CancellationToken) {
    let mut failing = false;
    loop {
        let serving = primary.serving();
        // At most the one connection.
        let pool = pool(serving.options.clone(), primary.history(), 1);
        let error = tokio::select! {
            Err(error) = hear(&pool, &heard, &mut failing) => error,
            // What does not answer any more would be listened to for ever.
            () = serving.replaced() => {
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            () = closed.cancelled() => return pool.close().await,
        };
        if !failing {
            tracing::warn!(%error, "cannot listen to the outbox; it is looked at every second");
        }
        failing = true;
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = closed.cancelled() => return,
        }
    }
}

async fn hear(
    pool: &PgPool,
    heard: &Notify,
    failing: &mut bool,
) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    if *failing {
        tracing::info!("listening to the outbox again");
    }
    *failing = false;
    loop {
        // What came before somebody listened was not heard: a call for each time that listening starts.
        heard.notify_one();
        // `None` after a lost connection was made again.
        listener.try_recv().await?;
    }
}
