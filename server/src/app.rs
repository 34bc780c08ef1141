//! What a process is built from: settings, database, features, and the work in the background.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bus::memory::MemoryBus;
use crate::bus::{BusError, SharedBus};
use crate::cache::memory::MemoryCache;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::data_folder::{DataFolder, DataFolderError};
use crate::features::audit::store::AuditStore;
use crate::features::auth::passwords::{HashError, Passwords};
use crate::features::auth::revocations::Revocations;
use crate::features::auth::service::Auth;
use crate::features::auth::throttle::{Limits, Throttle};
use crate::features::auth::tokens::{KeyError, Verifier};
use crate::features::bookings::service::Bookings;
use crate::features::bookings::writer::Writer;
use crate::features::flights::service::Flights;
use crate::features::search::consumers;
use crate::features::search::service::Search;
use crate::features::users::service::Users;
use crate::relay::Relay;
use crate::store::StoreError;
use crate::store::sqlite::{OpenError, Sqlite};

/// Flights whose seats and fares are kept in memory.
const CACHED_FLIGHTS: u64 = 500_000;

/// How long seats and fares may be kept without a look at the database, should an event be lost.
const CACHED_FOR: Duration = Duration::from_secs(60);

/// Passwords that are hashed at a time: each takes a core and 19 MiB.
const PASSWORDS_AT_ONCE: usize = 2;

/// Events that a consumer may lag behind before it has to compare its state with the database.
const EVENT_QUEUE: usize = 4096;

/// A process: its features, for the HTTP side and the commands.
pub struct App {
    /// The clock.
    pub clock: SharedClock,
    /// The database.
    pub database: Sqlite,
    /// Checks access tokens.
    pub verifier: Arc<Verifier>,
    /// Logging in and out.
    pub auth: Auth,
    /// Users.
    pub users: Users,
    /// The audit log.
    pub audit: Arc<dyn AuditStore>,
    /// Itineraries.
    pub search: Arc<Search>,
    /// Flights and seat maps.
    pub flights: Flights,
    /// Bookings.
    pub bookings: Bookings,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    relay: Option<(CancellationToken, JoinHandle<()>)>,
}

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The hashing of passwords.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The first load of the timetable.
    #[error("loading the timetable: {0}")]
    Load(#[from] StoreError),
    /// The events.
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl App {
    /// Opens the database of the settings (made and migrated if need be) and builds the features upon it. Nothing runs
    /// in the background but the booking writer until [`App::start`].
    pub async fn build(
        config: &Config,
        folder: &DataFolder,
        clock: SharedClock,
    ) -> Result<Self, StartError> {
        let url = config
            .database
            .url
            .clone()
            .unwrap_or_else(|| folder.database_url());
        let database = Sqlite::open(&url).await?;
        let store = Arc::new(database.clone());
        let key = Arc::new(folder.signing_key()?);
        let revocations = Arc::new(Revocations::default());
        let verifier = Arc::new(Verifier::new(&key, revocations.clone(), clock.clone())?);
        let passwords = Passwords::new(PASSWORDS_AT_ONCE)?;
        let throttle = Throttle::new(Limits {
            account: config.auth.account_failures_per_minute.get(),
            address: config.auth.address_failures_per_minute.get(),
        });
        let (writer, written) = Writer::start(store.clone());
        let cache = Arc::new(MemoryCache::new(CACHED_FLIGHTS, CACHED_FOR));
        Ok(Self {
            auth: Auth::new(
                store.clone(),
                passwords.clone(),
                throttle,
                key,
                revocations.clone(),
                clock.clone(),
            ),
            users: Users::new(store.clone(), passwords, revocations, clock.clone()),
            audit: store.clone(),
            search: Arc::new(Search::new(store.clone(), cache, clock.clone())),
            flights: Flights::new(store.clone(), clock.clone()),
            bookings: Bookings::new(store, writer),
            clock,
            database,
            verifier,
            stop: CancellationToken::new(),
            tasks: vec![written],
            relay: None,
        })
    }

    /// Loads the timetable and starts what runs beside the requests: relay, search's consumer, housekeeping.
    pub async fn start(&mut self) -> Result<(), StartError> {
        let bus: SharedBus = Arc::new(MemoryBus::new(EVENT_QUEUE));
        // First listen, then load: nothing that happens meanwhile is missed.
        let events = bus.subscribe("search").await?;
        self.auth.load().await?;
        let flights = self.search.load().await?;
        tracing::info!(flights, "timetable loaded");
        let stop = &self.stop;
        self.tasks.push(tokio::spawn(consumers::follow(
            self.search.clone(),
            events,
            stop.clone(),
        )));
        self.tasks.push(tokio::spawn(
            self.bookings.clone().forget_keys(stop.clone()),
        ));
        self.tasks
            .push(tokio::spawn(self.auth.clone().follow(stop.clone())));
        let last = CancellationToken::new();
        let relay = tokio::spawn(Relay::new(self.database.clone(), bus).run(last.clone()));
        self.relay = Some((last, relay));
        Ok(())
    }

    /// Ends what runs in the background, the booking writer and the relay last, and closes the database.
    pub async fn stop(self) {
        let Self {
            stop,
            tasks,
            relay,
            bookings,
            database,
            ..
        } = self;
        stop.cancel();
        // The writer ends with its last sender.
        drop(bookings);
        for task in tasks {
            ended(task).await;
        }
        if let Some((last, task)) = relay {
            last.cancel();
            ended(task).await;
        }
        database.close().await;
    }
}

async fn ended(task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "a background task failed");
    }
}
