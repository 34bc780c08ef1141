//! Calls of those who commit events, for those who follow the outbox.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// The channel of calls.
pub(super) const CHANNEL: &str = "airside_outbox";

/// How long to wait before a lost connection is made again; who follows the outbox looks every second anyway.
const AGAIN: Duration = Duration::from_secs(1);

/// Listens on a connection of its own, from the first wait on: a command that follows nothing needs none.
#[derive(Debug)]
pub(super) struct Calls {
    /// At most the one connection.
    pool: PgPool,
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
    pub(super) fn new(options: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options);
        Self {
            pool,
            heard: Arc::default(),
            listening: OnceLock::new(),
        }
    }

    /// Waits for a call. One between two waits is not lost, nor is one before the first: listening starts with a call.
    pub(super) async fn next(&self) {
        self.listening.get_or_init(|| {
            tokio::spawn(listen(self.pool.clone(), Arc::clone(&self.heard))).abort_handle()
        });
        self.heard.notified().await;
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn listen(pool: PgPool, heard: Arc<Notify>) {
    let mut failing = false;
    while !pool.is_closed() {
        let Err(error) = hear(&pool, &heard, &mut failing).await;
        if pool.is_closed() {
            return;
        }
        if !failing {
            tracing::warn!(%error, "cannot listen to the outbox; it is looked at every second");
        }
        failing = true;
        tokio::time::sleep(AGAIN).await;
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
