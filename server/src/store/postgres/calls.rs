//! Calls of those who commit events, for those who follow the outbox, and of those who put messages into queues, for those
//! who take them.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::primary::{Primary, pool};

/// The channel of calls that events were committed.
pub(super) const CHANNEL: &str = "airside_outbox";

/// The channel of calls that messages were put into queues.
pub(super) const QUEUED: &str = "airside_messages";

/// How long to wait before a lost connection is made again; who follows the outbox looks every second anyway.
const AGAIN: Duration = Duration::from_secs(1);

/// Listens on a connection of its own to the server that takes the writes, from the first wait on: a command that follows
/// nothing needs none.
#[derive(Debug)]
pub(super) struct Calls {
    primary: Arc<Primary>,
    closed: CancellationToken,
    heard: Arc<Heard>,
    listening: OnceLock<AbortHandle>,
}

/// What wakes those who wait.
#[derive(Debug)]
struct Heard {
    /// One waits, for events.
    outbox: Notify,
    /// Many wait, for messages.
    queues: watch::Sender<()>,
}

impl Heard {
    /// What came before somebody listened was not heard.
    fn all(&self) {
        self.outbox.notify_one();
        self.queues.send_replace(());
    }
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
            heard: Arc::new(Heard {
                outbox: Notify::new(),
                queues: watch::Sender::new(()),
            }),
            listening: OnceLock::new(),
        }
    }

    /// Waits for a call that events were committed. One between two waits is not lost, nor is one before the first:
    /// listening starts with a call.
    pub(super) async fn next(&self) {
        self.listen();
        self.heard.outbox.notified().await;
    }

    /// Changes with each call that messages were put into queues.
    pub(super) fn queued(&self) -> watch::Receiver<()> {
        self.listen();
        self.heard.queues.subscribe()
    }

    fn listen(&self) {
        self.listening.get_or_init(|| {
            let (primary, heard) = (Arc::clone(&self.primary), Arc::clone(&self.heard));
            tokio::spawn(listen(primary, heard, self.closed.clone())).abort_handle()
        });
    }

    /// Says that this process has committed events without a call: whoever follows the outbox here gives them their
    /// positions, and calls the other processes then.
    pub(super) fn committed(&self) {
        self.heard.outbox.notify_one();
    }

    /// Ends the connection, in good order.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }
}

async fn listen(primary: Arc<Primary>, heard: Arc<Heard>, closed: CancellationToken) {
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

async fn hear(pool: &PgPool, heard: &Heard, failing: &mut bool) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([CHANNEL, QUEUED]).await?;
    if *failing {
        tracing::info!("listening to the outbox again");
    }
    *failing = false;
    heard.all();
    loop {
        match listener.try_recv().await? {
            Some(call) if call.channel() == QUEUED => {
                heard.queues.send_replace(());
            }
            Some(_) => heard.outbox.notify_one(),
            // A lost connection was made again.
            None => heard.all(),
        }
    }
}
