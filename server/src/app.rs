//! What every role is built from.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::metrics::gauge::Gauge;
use tokio::task::JoinHandle;

use crate::bus::SharedBus;
use crate::bus::memory::MemoryBus;
use crate::cache::SharedCache;
use crate::cache::memory::MemoryCache;
use crate::clock::SharedClock;
use crate::config::Settings;
use crate::data_folder::{DataFolder, DataFolderError};
use crate::features::audit::api::AuditApi;
use crate::features::auth::api::AuthApi;
use crate::features::auth::passwords::{HashError, Passwords};
use crate::features::auth::revocations::Revocations;
use crate::features::auth::service::Auth;
use crate::features::auth::throttle::Throttle;
use crate::features::auth::tokens::{KeyError, Verifier};
use crate::features::bookings::api::BookingsApi;
use crate::features::bookings::service::Bookings;
use crate::features::bookings::writer::Writer;
use crate::features::flights::api::FlightsApi;
use crate::features::flights::service::Flights;
use crate::features::search::api::SearchApi;
use crate::features::search::service::{CACHED_FOR, Search};
use crate::features::users::api::UsersApi;
use crate::features::users::service::Users;
use crate::http::health::{Dependency, Readiness};
use crate::http::metrics::Metrics;
use crate::http::outermost::Outermost;
use crate::http::router::{self, Features, Measure, Operations};
use crate::store::{self, OpenError, ReplicaHealth, SharedDatabase, StoreError};

/// Flights whose seats and fares are cached.
const CACHED_FLIGHTS: usize = 200_000;

/// Why the server cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing key cannot be read.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    /// The signing key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Passwords cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// The parts of a server, ready to run. [`crate::roles`] says which of them a process runs.
pub struct App {
    /// Everything over HTTP.
    pub http: Arc<Outermost>,
    /// Whether requests are welcome.
    pub readiness: Readiness,
    /// The database.
    pub database: SharedDatabase,
    /// Logging in.
    pub auth: Auth,
    /// Users.
    pub users: Users,
    /// Bookings.
    pub bookings: Bookings,
    /// Itineraries.
    pub search: Arc<Search>,
    /// How events travel.
    pub bus: SharedBus,
    /// How long events stay.
    pub retention: Duration,
    /// 1 while this process relays.
    pub relays: Gauge,
    /// Tells the time.
    pub clock: SharedClock,
    /// The only writer of bookings; it ends when all that hands it work is gone.
    pub writer: JoinHandle<()>,
}

impl App {
    /// Builds the parts on a data folder. Nothing runs yet, but the writer of bookings.
    pub async fn build(
        settings: &Settings,
        folder: &DataFolder,
        clock: SharedClock,
    ) -> Result<Self, BuildError> {
        let database = store::open(&settings.database, folder).await?;
        let shared = Arc::clone(&database);

        let key = Arc::new(folder.signing_key()?);
        let revocations = Arc::new(Revocations::default());
        let verifier = Verifier::new(&key, Arc::clone(&revocations), Arc::clone(&clock))?;
        let passwords = Passwords::new(settings.auth.hashes_at_once.get())?;
        let auth = Auth::new(
            shared.clone(),
            passwords.clone(),
            Throttle::new(settings.auth.limits()),
            key,
            Arc::clone(&revocations),
            Arc::clone(&clock),
        );
        let users = Users::new(
            shared.clone(),
            passwords.clone(),
            revocations,
            Arc::clone(&clock),
        );

        let cache: SharedCache = Arc::new(MemoryCache::new(CACHED_FLIGHTS, CACHED_FOR));
        let search = Arc::new(Search::new(shared.clone(), cache, Arc::clone(&clock)));
        let flights = Flights::new(shared.clone(), Arc::clone(&clock));
        let (commands, writer) = Writer::start(shared.clone());
        let bookings = Bookings::new(shared.clone(), commands);
        let bus: SharedBus = Arc::new(MemoryBus::default());

        let metrics = Arc::new(Metrics::default());
        metrics.register(|registry| {
            database.register(registry);
            registry.register(
                "password_hashes",
                "Passwords hashed, to be kept or to be compared",
                passwords.hashed().clone(),
            );
        });
        let relays = Gauge::default();
        metrics.register(|registry| {
            registry.register(
                "outbox_relays",
                "1 where this process relays events and deletes old ones, which one process of all does",
                relays.clone(),
            );
        });
        let readiness = Readiness::default();
        let routes = router::routes(
            Features {
                auth: AuthApi::new(auth.clone()),
                search: SearchApi::new(Arc::clone(&search), Arc::clone(&clock)),
                flights: FlightsApi::new(flights),
                bookings: BookingsApi::new(bookings.clone()),
                users: UsersApi::new(users.clone()),
                audit: AuditApi::new(shared.clone()),
            },
            Operations {
                measure: Arc::new(Depths::register(&metrics, &database, &bookings)),
                metrics: Arc::clone(&metrics),
                readiness: readiness.clone(),
                needs: Arc::new(DatabaseAnswers(database.clone())),
            },
        );
        let http = Outermost::new(routes, Arc::new(verifier), metrics, settings.log.requests);
        Ok(Self {
            http: Arc::new(http),
            readiness,
            database,
            auth,
            users,
            bookings,
            search,
            bus,
            retention: settings.events.retention(),
            relays,
            clock,
            writer,
        })
    }
}

/// The users of a database, for commands that run beside a server.
pub fn users(database: &SharedDatabase, clock: SharedClock) -> Result<Users, BuildError> {
    let passwords = Passwords::new(1)?;
    let revocations = Arc::new(Revocations::default());
    Ok(Users::new(
        Arc::clone(database) as _,
        passwords,
        revocations,
        clock,
    ))
}

struct DatabaseAnswers(SharedDatabase);

#[async_trait]
impl Dependency for DatabaseAnswers {
    async fn answers(&self) -> Result<(), String> {
        let patience = Duration::from_secs(1);
        match tokio::time::timeout(patience, self.0.answers()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err("the database does not answer".to_owned()),
        }
    }

    fn replicas(&self) -> Vec<ReplicaHealth> {
        self.0.replicas()
    }
}

/// How much waits.
struct Depths {
    database: SharedDatabase,
    bookings: Bookings,
    commands: Gauge,
    outbox: Gauge,
}

impl Depths {
    fn register(metrics: &Metrics, database: &SharedDatabase, bookings: &Bookings) -> Self {
        let (commands, outbox) = (Gauge::default(), Gauge::default());
        metrics.register(|registry| {
            registry.register(
                "booking_commands_waiting",
                "Booking writes that wait for the writer",
                commands.clone(),
            );
            registry.register(
                "outbox_depth",
                "Events that wait to be relayed",
                outbox.clone(),
            );
        });
        Self {
            database: database.clone(),
            bookings: bookings.clone(),
            commands,
            outbox,
        }
    }
}

#[async_trait]
impl Measure for Depths {
    async fn measure(&self) {
        self.commands
            .set(i64::try_from(self.bookings.waiting()).unwrap_or(i64::MAX));
        // A database that does not answer keeps the figure of before; /readyz tells.
        if let Ok(depth) = self.database.outbox_depth().await {
            self.outbox.set(depth);
        }
    }
}
