//! PostgreSQL 15 or later: connections to the server that takes the writes, and to replicas of it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use airside_common::consistency::ConsistencyToken;
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, PgPool, PgTransaction};
use tokio::task::AbortHandle;

use crate::config::DatabaseSettings;
use crate::consistency;
use crate::store::months::{DetachError, Detached, Kept, Month};
use crate::store::{Database, ReplicaHealth, StoreError, newest};
use calls::Calls;
use primary::Primary;
use replicas::Replicas;
use standing::WalPosition;

mod analytics;
mod at_once;
pub(crate) mod audit;
mod auth;
mod bookings;
mod calls;
mod clock;
mod copy;
mod events;
mod flights;
mod front;
pub(crate) mod idempotency;
mod ingest;
mod leases;
pub(crate) mod messages;
mod migrate;
mod months;
mod notifications;
pub(crate) mod outbox;
mod past;
mod primary;
mod queues;
mod replicas;
mod search;
mod standing;
mod uploads;
mod users;
mod watch;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/postgres");

/// Connections of a process to one server, beside those that listen and ask.
const MOST_CONNECTIONS: u32 = 16;

/// How long to wait for a connection, be it that all are in use or that the server is being restarted: less than the
/// time that a request has.
const CONNECT: Duration = Duration::from_secs(5);

/// What each session is told. Whoever holds a lock for longer than the first is at fault, and whoever holds one without a
/// word for longer than the second, be it a frozen process, loses it. No statement is translated into machine code: where
/// nobody has analysed the tables, the planner thinks that small ones are worth it, and it takes longer than they do.
const SESSION: [(&str, &str); 4] = [
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("timezone", "UTC"),
    ("jit", "off"),
];

/// The database: every feature's store is implemented on it. Copies share their connections.
#[derive(Debug, Clone)]
pub struct Postgres {
    primary: Arc<Primary>,
    replicas: Arc<Replicas>,
    calls: Arc<Calls>,
    watch: Arc<Watch>,
}

/// The task that asks all servers how they stand; it ends with the last copy of the database.
#[derive(Debug)]
struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one of PostgreSQL's.
    #[error("{key}: {error}")]
    Url {
        /// Which setting.
        key: &'static str,
        /// What is wrong with it.
        error: sqlx::Error,
    },
    /// None of the servers takes writes.
    #[error("database.url: no server takes writes: {0}")]
    NoPrimary(String),
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

/// How all connections are made.
fn options(key: &'static str, url: &str) -> Result<PgConnectOptions, OpenError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| OpenError::Url { key, error })?;
    Ok(options
        .application_name("airside-server")
        .statement_cache_capacity(500)
        .options(SESSION))
}

/// How far the log is.
async fn position(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let lsn: i64 = sqlx::query_scalar("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
        .fetch_one(connection)
        .await?;
    Ok(lsn.cast_unsigned())
}

impl Postgres {
    /// Opens the database of a URL such as `postgres://user@host/airside?sslmode=verify-full`, and brings its schema up
    /// to date. Any number of processes may do so at once: one migrates, the others wait.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_set(&DatabaseSettings {
            url: vec![url.to_owned()],
            ..DatabaseSettings::default()
        })
        .await
    }

    /// The same where there are several servers.
    pub async fn open_set(settings: &DatabaseSettings) -> Result<Self, OpenError> {
        let all = |key, urls: &[String]| {
            let options = urls.iter().map(|url| options(key, url));
            options.collect::<Result<Vec<_>, _>>()
        };
        let candidates = all("database.url", &settings.url)?;
        let copies = all("database.replica_urls", &settings.replica_urls)?;
        let (primary, first) = Primary::find(candidates).await?;
        migrate::run(first, &primary.serving().pool).await?;
        let history = Arc::clone(primary.history());
        let primary = Arc::new(primary);
        let replicas = Arc::new(Replicas::new(copies, settings.replica_max_lag, history));
        let watch = tokio::spawn(watch::watch(Arc::clone(&primary), Arc::clone(&replicas)));
        Ok(Self {
            calls: Arc::new(Calls::new(Arc::clone(&primary))),
            primary,
            replicas,
            watch: Arc::new(Watch(watch.abort_handle())),
        })
    }

    /// A transaction that writes (READ COMMITTED: what must not change is locked by its statements).
    pub(crate) async fn write(&self) -> Result<PgTransaction<'static>, sqlx::Error> {
        self.primary().begin().await
    }

    /// Commits, and tells the request in progress what its client has to see from now on.
    pub(crate) async fn commit(&self, tx: PgTransaction<'static>) -> Result<(), sqlx::Error> {
        tx.commit().await?;
        if consistency::is_asked_for() {
            let asked = async { position(&mut *self.primary().acquire().await?).await };
            // What was committed stays so where no answer comes.
            let position = match tokio::time::timeout(standing::PATIENCE, asked).await {
                Ok(Ok(lsn)) => Some(lsn),
                _ => None,
            };
            consistency::reached(self.moment(position));
        }
        Ok(())
    }

    /// The moment of the log's position after a commit, as far as it is known.
    fn moment(&self, position: Option<u64>) -> ConsistencyToken {
        let Some(lsn) = position else {
            return ConsistencyToken::unknown();
        };
        let history = self.primary.history();
        let position = WalPosition {
            system: history.system,
            timeline: history.timeline(),
            lsn,
        };
        position.token()
    }

    /// Work on the server that takes the writes which nobody else limits in time: it ends when another server takes its
    /// place, since this one may never answer.
    pub(super) async fn on_primary<T, R>(
        &self,
        work: impl FnOnce(PgPool) -> R,
    ) -> Result<T, sqlx::Error>
    where
        R: Future<Output = Result<T, sqlx::Error>>,
    {
        let serving = self.primary.serving();
        serving.unless_replaced(work(serving.pool.clone())).await
    }

    /// Connections to the server that takes the writes; each statement of theirs is one consistent look.
    pub(crate) fn primary(&self) -> PgPool {
        self.primary.serving().pool.clone()
    }
}

#[async_trait]
impl Database for Postgres {
    async fn answers(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.primary()).await?;
        Ok(())
    }

    async fn outbox_depth(&self) -> Result<i64, StoreError> {
        Ok(outbox::depth(&self.primary()).await?)
    }

    fn schema_version(&self) -> i64 {
        newest(&MIGRATIONS)
    }

    async fn close(&self) {
        self.calls.close();
        self.watch.0.abort();
        let serving = self.primary.serving();
        tokio::join!(serving.pool.close(), serving.lookups.close());
    }

    async fn months(&self) -> Result<Option<Vec<Kept>>, StoreError> {
        Ok(Some(months::list(self).await?))
    }

    async fn detach(&self, month: Month) -> Result<Detached, DetachError> {
        months::detach(self, month).await
    }

    fn replicas(&self) -> Vec<ReplicaHealth> {
        self.replicas.health()
    }

    fn register(&self, registry: &mut Registry) {
        self.replicas.register(registry);
    }
}

#[cfg(test)]
pub(crate) mod tests;
