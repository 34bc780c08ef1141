//! PostgreSQL 15 or later: one pool of connections; schema changes under an advisory lock.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool, PgTransaction};

use crate::store::{Database, StoreError, newest};
use calls::Calls;

pub(crate) mod audit;
mod auth;
mod bookings;
mod calls;
mod flights;
pub(crate) mod idempotency;
pub(crate) mod outbox;
mod search;
mod users;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/postgres");

/// Connections of a process, beside the one that listens.
const MOST_CONNECTIONS: u32 = 16;

/// How long to wait for a connection, be it that all are in use or that the server is being restarted: less than the
/// time that a request has.
const CONNECT: Duration = Duration::from_secs(5);

/// What each session is told. Whoever holds a lock for longer than the first is at fault, and whoever holds one without a
/// word for longer than the second, be it a frozen process, loses it.
const SESSION: [(&str, &str); 3] = [
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("timezone", "UTC"),
];

/// The advisory lock of the process that migrates ("migrate" in ASCII).
const MIGRATION_LOCK: i64 = 0x006d_6967_7261_7465;

/// How often a process that waits for another's migration looks whether it is done.
const LOOK: Duration = Duration::from_millis(50);

/// The database: every feature's store is implemented on it. Copies share their connections.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
    calls: Arc<Calls>,
}

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one of PostgreSQL's.
    #[error("database.url: {0}")]
    Url(sqlx::Error),
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

impl Postgres {
    /// Opens the database of a URL such as `postgres://user@host/airside?sslmode=verify-full`, and brings its schema up
    /// to date. Any number of processes may do so at once: one migrates, the others wait.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(OpenError::Url)?
            .application_name("airside-server")
            .statement_cache_capacity(500)
            .options(SESSION);
        // Not through the pool, which would only say that it waited for too long.
        let first = tokio::time::timeout(CONNECT, PgConnection::connect_with(&options)).await;
        let first = first.map_err(|late| sqlx::Error::Io(late.into()))??;
        let pool = PgPoolOptions::new()
            .max_connections(MOST_CONNECTIONS)
            .acquire_timeout(CONNECT)
            // One round trip, and after a restart of the server nobody is given a connection that is dead.
            .test_before_acquire(true)
            .connect_with(options.clone())
            .await?;
        migrate(first, &pool).await?;
        Ok(Self {
            pool,
            calls: Arc::new(Calls::new(options)),
        })
    }

    /// A transaction that writes (READ COMMITTED: what must not change is locked by its statements).
    pub(crate) async fn write(&self) -> Result<PgTransaction<'static>, sqlx::Error> {
        self.pool.begin().await
    }

    /// Connections to the server that takes the writes.
    pub(crate) fn primary(&self) -> &PgPool {
        &self.pool
    }

    /// Connections for reading; each statement is one consistent look.
    pub(crate) fn readers(&self) -> &PgPool {
        &self.pool
    }
}

#[async_trait]
impl Database for Postgres {
    async fn answers(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    async fn outbox_depth(&self) -> Result<i64, StoreError> {
        Ok(outbox::depth(&self.pool).await?)
    }

    fn schema_version(&self) -> i64 {
        newest(&MIGRATIONS)
    }

    async fn close(&self) {
        self.calls.close().await;
        self.pool.close().await;
    }
}

/// Of many processes one migrates, and the others find nothing to do. The end of the first connection ends its lock,
/// however it comes.
async fn migrate(mut lock: PgConnection, pool: &PgPool) -> Result<(), OpenError> {
    // Asked again and again rather than waited for: a statement that waits holds a snapshot, and an index that is built
    // concurrently waits for all snapshots.
    loop {
        let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(MIGRATION_LOCK)
            .fetch_one(&mut lock)
            .await?;
        if locked {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let known = newest(&MIGRATIONS);
    let has_table: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut lock)
        .await?;
    if has_table {
        let found: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut lock)
            .await?;
        if let Some(found) = found.filter(|found| *found > known) {
            return Err(OpenError::TooNew { found, known });
        }
    }
    MIGRATIONS.run(pool).await?;
    lock.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests;
