//! Where state lives: an implementation of every feature's store trait a database.

use std::sync::Arc;
use std::time::Duration;

use airside_common::api::problem::Code;
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use sqlx::migrate::Migrator;

use crate::config::DatabaseSettings;
use crate::data_folder::DataFolder;
use crate::features::analytics::store::AnalyticsStore;
use crate::features::audit::store::AuditStore;
use crate::features::auth::store::AuthStore;
use crate::features::bookings::store::{self as bookings, BookingStore};
use crate::features::events::store::EventStore;
use crate::features::flights::store::FlightStore;
use crate::features::ingest::store::IngestStore;
use crate::features::notifications::mail::store::MailStore;
use crate::features::notifications::webhooks::store::WebhookStore;
use crate::features::queues::store::QueueStore;
use crate::features::search::store::SearchStore;
use crate::features::uploads::store::UploadStore;
use crate::features::users::store::UserStore;
use crate::http::problem::ProblemAnswer;
use crate::messages::store::MessageStore;
use crate::outbox::Outbox;
use fault::Fault;
use months::{DetachError, Detached, Kept, Month};

#[cfg(test)]
pub(crate) mod contract;
pub(crate) mod fault;
pub mod months;
pub mod postgres;
pub(crate) mod rows;
pub mod sqlite;

/// All that features need of a database, and what a process needs of it beside.
#[async_trait]
pub trait Database:
    AnalyticsStore
    + AuditStore
    + AuthStore
    + BookingStore
    + EventStore
    + FlightStore
    + IngestStore
    + MailStore
    + MessageStore
    + Outbox
    + QueueStore
    + SearchStore
    + UploadStore
    + UserStore
    + WebhookStore
{
    /// Whether it answers.
    async fn answers(&self) -> Result<(), StoreError>;

    /// Committed events that were not relayed yet.
    async fn outbox_depth(&self) -> Result<i64, StoreError>;

    /// The newest schema version that this program knows: what an open database has.
    fn schema_version(&self) -> i64;

    /// Closes all connections.
    async fn close(&self);

    /// The months by which flights are kept, the oldest first; `None` where flights of all months are kept together.
    async fn months(&self) -> Result<Option<Vec<Kept>>, StoreError> {
        Ok(None)
    }

    /// Takes a month that is past out of what is read and written, all but the flights that bookings name.
    async fn detach(&self, _month: Month) -> Result<Detached, DetachError> {
        Err(DetachError::Together)
    }

    /// How its replicas are, where it has some.
    fn replicas(&self) -> Vec<ReplicaHealth> {
        Vec::new()
    }

    /// Adds its figures.
    fn register(&self, _registry: &mut Registry) {}
}

/// How a replica is.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaHealth {
    /// Which one: host and port.
    pub server: String,
    /// `serving`, or why it is not read from.
    pub state: &'static str,
    /// How old the state is that it shows.
    pub lag: Option<Duration>,
}

/// The newest version of migrations.
pub(crate) fn newest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|m| m.version).max().unwrap_or(0)
}

/// A database that features share.
pub type SharedDatabase = Arc<dyn Database>;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite.
    #[error(transparent)]
    Sqlite(#[from] sqlite::OpenError),
    /// PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] postgres::OpenError),
    /// Replicas of what cannot have any.
    #[error("database.replica_urls: SQLite has no replicas")]
    ReplicasOfSqlite,
}

/// Opens the database of the settings, makes what is missing, and brings its schema up to date. Where no address is set, it
/// is in the data folder.
pub async fn open(
    settings: &DatabaseSettings,
    folder: &DataFolder,
) -> Result<SharedDatabase, OpenError> {
    let sqlite = match settings.url.first() {
        None => folder.database_url(),
        Some(url) if url.starts_with("sqlite:") => url.clone(),
        Some(_) => return Ok(Arc::new(postgres::Postgres::open_set(settings).await?)),
    };
    if !settings.replica_urls.is_empty() {
        return Err(OpenError::ReplicasOfSqlite);
    }
    Ok(Arc::new(sqlite::Sqlite::open(&sqlite).await?))
}

/// Why a database did not do what it was asked to; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("the disk is full: {0}")]
    Full(#[source] sqlx::Error),
    /// Others hold the lock, or all connections are in use.
    #[error("the database is busy: {0}")]
    Busy(#[source] sqlx::Error),
    /// Everything else.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match fault::kind(&error) {
            Fault::Full => Self::Full(error),
            Fault::Busy | Fault::Locked => Self::Busy(error),
            Fault::Data | Fault::Unavailable => Self::Database(error),
        }
    }
}

impl From<sqlx::Error> for bookings::StoreError {
    fn from(error: sqlx::Error) -> Self {
        let kind = fault::kind(&error);
        let cause = Box::new(error);
        match kind {
            Fault::Data => Self::Data(cause),
            Fault::Full => Self::Full(cause),
            Fault::Locked => Self::Locked(cause),
            Fault::Busy | Fault::Unavailable => Self::Unavailable(cause),
        }
    }
}

impl From<StoreError> for ProblemAnswer {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => {
                Self::new(Code::StorageFull, "the disk is full; nothing was written")
            }
            StoreError::Busy(_) => Self::new(Code::Unavailable, "the database is busy"),
            StoreError::Database(error) => {
                Self::new(Code::Unavailable, "the database is not available")
                    .because(error.to_string())
            }
        }
    }
}
