//! The write-ahead log, folded into the database's file beside the writing.
//!
//! By itself SQLite folds it in the commit that makes it too long, and whoever made that commit waits for tens of megabytes
//! of random writes and their sync. Here a task with a connection of its own does it, while others write.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::turn::Turns;

/// Pages of 4 KiB that are folded at once: few enough that a sync of them delays no commit for long, and many enough that
/// pages which are written again and again, as those of indexes are, are not folded each time.
const FOLD_AT: i64 = 1_000;

/// Pages at which writers wait until the log has been folded whole, so that it starts anew: while somebody writes all the
/// time, it would never be.
const MOST: i64 = 16 * FOLD_AT;

/// How often the log's length is looked at, while there are writers.
const LOOK: Duration = Duration::from_millis(50);

/// How long readers of old pages are waited for with the writers waiting. If one reads for longer, the log grows until it
/// has ended.
const READERS: Duration = Duration::from_millis(10);

/// The task that folds; it ends with this value.
#[derive(Debug)]
pub(super) struct Log {
    written: Arc<Notify>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Folds the log of a database whose connections leave it alone.
    pub(super) async fn fold(
        options: SqliteConnectOptions,
        turns: Turns,
    ) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        // Only now: while the connection is made, another process that ends may have the file locked for longer.
        sqlx::raw_sql(AssertSqlSafe(format!(
            "PRAGMA busy_timeout = {}",
            READERS.as_millis()
        )))
        .execute(&mut connection)
        .await?;
        let written = Arc::new(Notify::new());
        let stop = CancellationToken::new();
        let folding = Folding { connection, turns };
        let task = tokio::spawn(folding.run(Arc::clone(&written), stop.clone()));
        Ok(Self {
            written,
            stop,
            task: Mutex::new(Some(task)),
        })
    }

    /// Somebody writes.
    pub(super) fn grows(&self) {
        self.written.notify_one();
    }

    /// Ends the task.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the write-ahead log was not folded any more");
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Folding {
    connection: SqliteConnection,
    turns: Turns,
}

impl Folding {
    async fn run(mut self, written: Arc<Notify>, stop: CancellationToken) {
        let mut failing = false;
        loop {
            tokio::select! {
                () = written.notified() => {}
                () = stop.cancelled() => break,
            }
            match self.step().await {
                Ok(()) if failing => {
                    failing = false;
                    tracing::info!("the write-ahead log is folded again");
                }
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "the write-ahead log cannot be folded and grows");
                }
                Ok(()) | Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => break,
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the connection that folds was not closed");
        }
    }

    async fn step(&mut self) -> Result<(), sqlx::Error> {
        let length = self.checkpoint("PRAGMA wal_checkpoint(NOOP)").await?;
        if length.pages - length.folded < FOLD_AT {
            return Ok(());
        }
        let length = self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)").await?;
        if length.pages >= MOST {
            let _turn = self.turns.next().await?;
            self.checkpoint("PRAGMA wal_checkpoint(RESTART)").await?;
        }
        Ok(())
    }

    async fn checkpoint(&mut self, pragma: &'static str) -> Result<Length, sqlx::Error> {
        let (_, pages, folded): (i64, i64, i64) = sqlx::query_as(pragma)
            .fetch_one(&mut self.connection)
            .await?;
        Ok(Length { pages, folded })
    }
}

/// The log's pages, and how many of them are in the file.
struct Length {
    pages: i64,
    folded: i64,
}
