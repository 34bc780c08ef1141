//! SQLite: one file in WAL mode, one connection that writes, several that read.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
    SqliteTransaction,
};
use sqlx::{Connection, SqlitePool};
use tokio::sync::{Notify, watch};

use self::kept::{Keep, Kept};
use self::log::Log;
use self::turn::Turns;
use crate::store::fault::{self, Fault};
use crate::store::{Database, StoreError, newest};

mod analytics;
pub(crate) mod audit;
mod auth;
mod bookings;
mod clock;
mod events;
mod flights;
pub(crate) mod idempotency;
mod ingest;
mod kept;
mod log;
pub(crate) mod messages;
mod notifications;
pub(crate) mod outbox;
mod queues;
mod search;
mod turn;
mod uploads;
mod users;

/// How long a connection, and a lock of others, are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often whoever has the turn to write looks whether the one before has ended.
const ASK_AGAIN: Duration = Duration::from_millis(1);

/// Pages that each of the readers keeps, in KiB: the system keeps the file's pages, too, and once for all of them.
const READERS_CACHE: &str = "-8192";

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite");

/// The database: every feature's store is implemented on it.
#[derive(Debug, Clone)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
    turns: Turns,
    /// How the next transaction is kept; changed by who has the turn.
    kept: Arc<Kept>,
    log: Arc<Log>,
    /// Told after each commit that may have left events in the outbox.
    appended: Arc<Notify>,
    /// Told after each commit that put messages into queues.
    queued: Arc<watch::Sender<()>>,
    /// The file that is locked by the process that relays.
    relay_lock: Arc<Path>,
}

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one of SQLite's.
    #[error("database.url: {0}")]
    Url(sqlx::Error),
    /// The database's file could not be made.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file that guards the migration could not be locked.
    #[error("cannot lock {path}: {source}")]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file by which processes take turns could not be opened.
    #[error("cannot open the file of turns beside {path}: {source}")]
    Turn {
        /// The database's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database was written by a newer release.
    #[error(
        "the database has schema version {found}, newer than {known}, the newest that this program knows; use a newer release"
    )]
    TooNew {
        /// The database's version.
        found: i64,
        /// This program's version.
        known: i64,
    },
    /// A migration failed.
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The database said no.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

/// Forgets what was counted of tables, by an earlier release or by hand. All statements find their rows by indexes where
/// nothing is counted; where a table was counted while it held a row or three, SQLite reads all of it for each row that is
/// looked for, and goes on so when it holds a million.
const FORGET_COUNTS: &str = "DROP TABLE IF EXISTS sqlite_stat1; DROP TABLE IF EXISTS sqlite_stat4";

impl Sqlite {
    /// Opens the database of a URL such as `sqlite:///path/airside.db`, makes it if it is missing, and brings its
    /// schema up to date. Any number of processes may do so at once: one migrates, the others wait.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(OpenError::Url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL may lose acknowledged commits on a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .pragma("cache_size", "-65536")
            .pragma("temp_store", "memory")
            .pragma("wal_autocheckpoint", "0")
            .statement_cache_capacity(500);
        let path = options.get_filename().to_path_buf();
        {
            let _lock = lock(&path).await?;
            make_private(&path)?;
            let first = SqlitePoolOptions::new()
                .max_connections(1)
                .connect_with(options.clone())
                .await?;
            migrate(&first).await?;
            sqlx::raw_sql(FORGET_COUNTS).execute(&first).await?;
            first.close().await;
        }
        let turns = Turns::of(&path).map_err(|source| OpenError::Turn {
            path: path.clone(),
            source,
        })?;
        let kept = Arc::new(Kept::default());
        let (at_acquire, at_connect) = (Arc::clone(&kept), Arc::clone(&kept));
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            // SQLite rolls back by itself when the disk is full; sqlx's own rollback then fails and its connection
            // counts a transaction for ever, so that it could never begin another. A new one takes its place.
            .before_acquire(move |connection, _| {
                let kept = Arc::clone(&at_acquire);
                Box::pin(async move {
                    connection.ping().await?;
                    if connection.is_in_transaction() {
                        return Ok(false);
                    }
                    kept.tell(connection).await?;
                    Ok(true)
                })
            })
            .after_connect(move |connection, _| {
                let kept = Arc::clone(&at_connect);
                Box::pin(async move {
                    kept.begin_anew();
                    // Who has the turn asks for itself: SQLite lets ever more time pass between two looks. It is asked to
                    // wait while the connection is made, since another process that ends may have the file locked.
                    sqlx::query("PRAGMA busy_timeout = 0")
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .connect_with(options.clone())
            .await?;
        let log = Arc::new(Log::fold(options.clone(), turns.clone()).await?);
        let readers = SqlitePoolOptions::new()
            .max_connections(8)
            .acquire_timeout(PATIENCE)
            .connect_with(
                options
                    .read_only(true)
                    .create_if_missing(false)
                    .pragma("cache_size", READERS_CACHE),
            )
            .await?;
        Ok(Self {
            writer,
            readers,
            turns,
            kept,
            log,
            appended: Arc::default(),
            queued: Arc::new(watch::Sender::new(())),
            relay_lock: path.with_added_extension("relay.lock").into(),
        })
    }

    /// A transaction that writes: it holds the only writing connection and SQLite's write lock (`BEGIN IMMEDIATE`).
    pub(crate) async fn write(&self) -> Result<SqliteTransaction<'static>, sqlx::Error> {
        self.begin(Keep::AtOnce).await
    }

    /// A transaction that writes what is done again where a power cut undoes it: its commit does not wait for the disk.
    pub(crate) async fn write_again(&self) -> Result<SqliteTransaction<'static>, sqlx::Error> {
        self.begin(Keep::Later).await
    }

    async fn begin(&self, keep: Keep) -> Result<SqliteTransaction<'static>, sqlx::Error> {
        self.log.grows();
        let _turn = self.turns.next().await?;
        self.kept.ask_for(keep);
        let begun = Instant::now();
        loop {
            match self.writer.begin_with("BEGIN IMMEDIATE").await {
                Err(error) if fault::kind(&error) == Fault::Busy && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
                begun => return begun,
            }
        }
    }

    /// Commits a transaction that may have left events in the outbox, and wakes who follows it.
    pub(crate) async fn commit(&self, tx: SqliteTransaction<'static>) -> Result<(), sqlx::Error> {
        tx.commit().await?;
        self.appended.notify_one();
        Ok(())
    }

    /// Connections for reading; each statement is one consistent look.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }
}

#[async_trait]
impl Database for Sqlite {
    async fn answers(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    async fn outbox_depth(&self) -> Result<i64, StoreError> {
        Ok(outbox::depth(&self.readers).await?)
    }

    fn schema_version(&self) -> i64 {
        newest(&MIGRATIONS)
    }

    /// The write-ahead log is folded into the file.
    async fn close(&self) {
        self.log.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Microseconds since 1970-01-01 UTC, as all times are stored.
pub(crate) fn micros(instant: Timestamp) -> i64 {
    instant.as_microsecond()
}

/// The instant of microseconds as they are stored.
pub(crate) fn instant(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

/// A database that is missing is made here, readable by its owner alone: it holds names, contacts and the hashes of
/// passwords. SQLite gives its other files the same permissions.
fn make_private(database: &Path) -> Result<(), OpenError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(database)
        .map(|_| ())
        .map_err(|source| OpenError::File {
            path: database.to_owned(),
            source,
        })
}

/// sqlx's migrator takes no lock on SQLite, so that the processes of one machine exclude each other by an OS lock.
async fn lock(database: &Path) -> Result<File, OpenError> {
    let path = database.with_added_extension("migrate.lock");
    let failed = |source| OpenError::Lock {
        path: path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    tokio::task::spawn_blocking(move || file.lock().map(|()| file))
        .await
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(failed)
}

async fn migrate(pool: &SqlitePool) -> Result<(), OpenError> {
    let known = newest(&MIGRATIONS);
    let has_table: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
            .fetch_one(pool)
            .await?;
    if has_table > 0 {
        let found: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(pool)
            .await?;
        if let Some(found) = found.filter(|found| *found > known) {
            return Err(OpenError::TooNew { found, known });
        }
    }
    MIGRATIONS.run(pool).await?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
