//! What the services of a process are built from.

mod arriving;
mod depths;
mod needs;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use self::arriving::Arriving;
pub use self::arriving::UploadWork;
use self::depths::Depths;
use self::needs::Needs;
use crate::bus::SharedBus;
use crate::bus::memory::MemoryBus;
use crate::cache::SharedCache;
use crate::cache::layered::LayeredCache;
use crate::cache::memory::MemoryCache;
use crate::cache::redis::RedisCache;
use crate::clock::SharedClock;
use crate::config::{CertificateError, DatabaseSettings, MailError, RedisError, Settings};
use crate::data_folder::DataFolder;
use crate::features::analytics::api::AnalyticsApi;
use crate::features::analytics::consumers::Analyst;
use crate::features::analytics::service::Analytics;
use crate::features::audit::api::AuditApi;
use crate::features::auth::api::AuthApi;
use crate::features::auth::jwks::RemoteKeys;
use crate::features::auth::key_folder::KeyFolderError;
use crate::features::auth::passwords::{HashError, Passwords};
use crate::features::auth::public_keys::{KeySource, PublicKeys, SourceError};
use crate::features::auth::revocations::Revocations;
use crate::features::auth::service::Auth;
use crate::features::auth::signer::Signer;
use crate::features::auth::throttle::Throttle;
use crate::features::auth::tokens::Verifier;
use crate::features::bookings::api::{AdminBookingsApi, BookingsApi};
use crate::features::bookings::reading::Reading;
use crate::features::bookings::service::Bookings;
use crate::features::bookings::writer::Writer;
use crate::features::dead_letters::api::DeadLettersApi;
use crate::features::dead_letters::service::DeadLetters;
use crate::features::events::api::EventsApi;
use crate::features::events::live::Live;
use crate::features::flights::api::{AdminFlightsApi, FlightsApi};
use crate::features::flights::service::Flights;
use crate::features::ingest::api::IngestApi;
use crate::features::ingest::service::Sources;
use crate::features::ingest::watch::Watch;
use crate::features::notifications::mail::api::MailsApi;
use crate::features::notifications::mail::service::Mails;
use crate::features::notifications::notifier::{Notifier, NotifierError};
use crate::features::notifications::webhooks::api::WebhooksApi;
use crate::features::notifications::webhooks::service::Webhooks;
use crate::features::queues::api::QueuesApi;
use crate::features::queues::consumers::QueueKeeper;
use crate::features::queues::service::OfficeQueues;
use crate::features::search::api::SearchApi;
use crate::features::search::service::{CACHED_FOR, Search};
use crate::features::uploads::api::UploadsApi;
use crate::features::users::api::UsersApi;
use crate::features::users::service::Users;
use crate::files::FilesError;
use crate::http::health::Readiness;
use crate::http::metrics::Metrics;
use crate::http::outermost::Outermost;
use crate::http::rate_limit::RateLimit;
use crate::http::router::{self, Features, Operations};
use crate::messages::consumer::Consumer;
use crate::messages::database::DatabaseQueues;
use crate::messages::queues::SharedQueues;
use crate::messages::rabbitmq::RabbitQueues;
use crate::messages::runner::Handled;
use crate::outbox::relay::RelayFigures;
use crate::redis::failures::RedisFailures;
use crate::redis::rates::RedisRates;
use crate::redis::{Link, Redis};
use crate::roles;
use crate::roles::consumers::Place;
use crate::roles::set::{Roles, ServiceRole};
use crate::store::{self, OpenError, SharedDatabase};

/// Flights whose seats and fares are cached.
const CACHED_FLIGHTS: usize = 200_000;

/// Why the server cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The signing keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFolderError),
    /// A process that signs no tokens must be told where the keys are that verify them.
    #[error(
        "auth.jwks_url is needed where auth is not among the roles ({0}): the address of {{auth}}/.well-known/jwks.json"
    )]
    NoKeys(Roles),
    /// The public keys cannot be had over HTTP at all.
    #[error("auth.jwks_url: {0}")]
    Source(#[from] SourceError),
    /// Redis cannot be used by its address, or verified.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The message broker cannot be used.
    #[error(transparent)]
    Broker(#[from] CertificateError),
    /// Uploaded files cannot be kept.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Passwords cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Mail cannot be sent.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// Nobody can be told what happens.
    #[error(transparent)]
    Notifier(#[from] NotifierError),
}

/// The parts of a server, ready to run: those of the services that the process is, and what all need. [`crate::roles`] says
/// what runs.
pub struct App {
    /// Which services it is.
    pub roles: Roles,
    /// Everything over HTTP.
    pub http: Arc<Outermost>,
    /// Whether requests are welcome.
    pub readiness: Readiness,
    /// The database.
    pub database: SharedDatabase,
    /// The keys by which access tokens are verified.
    pub keys: Arc<PublicKeys>,
    /// The sessions that have ended.
    pub revocations: Arc<Revocations>,
    /// Logging in, for `auth`.
    pub auth: Option<Auth>,
    /// Users, for `admin`.
    pub users: Option<Users>,
    /// Bookings, for `bookings`.
    pub bookings: Option<WrittenBookings>,
    /// Live events, for `bookings`.
    pub live: Option<Arc<Live>>,
    /// Itineraries, for `search`.
    pub search: Option<Arc<Search>>,
    /// Uploads into the schedule, for `worker`.
    pub worker: Option<UploadWork>,
    /// Files that arrive by themselves, for `ingest` with sources.
    pub ingest: Option<Watch>,
    /// How events travel.
    pub bus: SharedBus,
    /// How long events stay.
    pub retention: Duration,
    /// How messages travel to consumers.
    pub queues: SharedQueues,
    /// What consumes them here.
    pub consumers: Vec<Arc<dyn Consumer>>,
    /// What became of messages here.
    pub handled: Handled,
    /// Tells others what happened, for `notifier`.
    pub notifier: Option<Arc<Notifier>>,
    /// What this process relays.
    pub relay_figures: RelayFigures,
    /// Tells the time.
    pub clock: SharedClock,
}

/// Bookings with what writes them.
pub struct WrittenBookings {
    /// Bookings.
    pub service: Bookings,
    /// Those of them that need a person.
    pub queues: OfficeQueues,
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
        let roles = settings.roles.clone();
        let is = |role| roles.contains(role);
        // Before the database is opened: what is missing in the settings is said first.
        let (signer, source) = keys(settings, folder, &clock)?;
        let mailing = settings.mail.mailing()?;
        let redis = settings.redis.address()?;
        let database = store::open(&servers(settings), folder).await?;
        let shared = Arc::clone(&database);
        let redis = match redis {
            Some(address) => {
                let prefix = &settings.redis.prefix;
                Some(Redis::open(&address, prefix, &roles, settings.http.rate()).await)
            }
            None => None,
        };
        let metrics = Arc::new(Metrics::of(&roles));

        let keys = Arc::new(PublicKeys::new(source));
        // Where they cannot be had yet the process starts all the same, and says that it is not ready.
        if let Err(error) = keys.renew().await {
            tracing::warn!(%error, "no access token can be verified for now");
        }
        let revocations = Arc::new(Revocations::default());
        let verifier = Verifier::new(
            Arc::clone(&keys),
            Arc::clone(&revocations),
            Arc::clone(&clock),
        );
        let passwords = if is(ServiceRole::Auth) || is(ServiceRole::Admin) {
            let passwords = Passwords::new(settings.auth.hashes_at_once.get())?;
            metrics.register(|registry| {
                registry.register(
                    "password_hashes",
                    "Passwords hashed, to be kept or to be compared",
                    passwords.hashed().clone(),
                );
            });
            Some(passwords)
        } else {
            None
        };
        let mut throttle = Throttle::new(settings.auth.limits());
        if let Some(logins) = redis.as_ref().and_then(|redis| redis.logins.as_ref()) {
            let counts = RedisFailures::new(Arc::clone(logins));
            throttle = throttle.sharing(Arc::new(counts));
        }
        let rates = settings.http.rate().map(|rate| {
            let mut limit = RateLimit::new(rate);
            if let Some(link) = redis.as_ref().and_then(|redis| redis.rates.as_ref()) {
                limit = limit.sharing(Arc::new(RedisRates::new(Arc::clone(link))));
            }
            metrics.register(|registry| limit.register(registry));
            Arc::new(limit)
        });
        let auth = signer.zip(passwords.clone()).map(|(signer, passwords)| {
            Auth::new(
                shared.clone(),
                passwords,
                throttle,
                signer,
                Arc::clone(&revocations),
                Arc::clone(&clock),
            )
        });
        let users = passwords
            .filter(|_| is(ServiceRole::Admin))
            .map(|passwords| {
                Users::new(
                    shared.clone(),
                    passwords,
                    Arc::clone(&revocations),
                    Arc::clone(&clock),
                )
            });
        let search = is(ServiceRole::Search).then(|| {
            let shared_cache = redis.as_ref().and_then(|redis| redis.cache.as_ref());
            let cache = cache(shared_cache, &settings.database, &metrics);
            Arc::new(Search::new(shared.clone(), cache, Arc::clone(&clock)))
        });
        let bookings = is(ServiceRole::Bookings).then(|| {
            let (commands, writer) = Writer::start(shared.clone());
            let holds = settings.bookings.holds();
            let service = Bookings::new(shared.clone(), commands, holds);
            let lease = settings.bookings.queue_lease();
            WrittenBookings {
                queues: OfficeQueues::new(shared.clone(), service.read(), lease),
                service,
                writer,
            }
        });
        let live = is(ServiceRole::Bookings).then(|| {
            let live = Live::new(
                shared.clone(),
                shared.clone(),
                Arc::clone(&revocations),
                Arc::clone(&clock),
                &settings.events,
            );
            metrics.register(|registry| live.register(registry));
            Arc::new(live)
        });
        let flights = Flights::new(shared.clone(), Arc::clone(&clock));
        let Arriving {
            uploads,
            worker,
            ingest,
        } = Arriving::build(settings, folder, &shared, &clock, &metrics)?;
        let bus: SharedBus = Arc::new(MemoryBus::default());

        metrics.register(|registry| database.register(registry));
        if let Some(redis) = &redis {
            metrics.register(|registry| redis.register(registry));
        }
        let notifier = Notifier::new(&roles, mailing, &settings.webhooks, &shared, &clock)?;
        let notifier = Arc::new(notifier);
        let all = consumers(&database, &notifier);
        let bindings = roles::consumers::bindings(&all);
        let queues: SharedQueues = match settings.amqp.broker()? {
            Some(broker) => Arc::new(RabbitQueues::new(broker, bindings, shared.clone())),
            None => Arc::new(DatabaseQueues::new(shared.clone(), bindings)),
        };
        let (relay_figures, handled) = (RelayFigures::default(), Handled::default());
        metrics.register(|registry| {
            relay_figures.register(registry);
            handled.register(registry);
        });
        let notifier = is(ServiceRole::Notifier).then_some(notifier);
        if let Some(notifier) = &notifier {
            metrics.register(|registry| notifier.figures().register(registry));
        }
        let readiness = Readiness::default();
        let routes = router::routes(
            Features {
                auth: auth.clone().map(AuthApi::new),
                search: search.as_ref().map(|search| {
                    let search = SearchApi::new(Arc::clone(search), Arc::clone(&clock));
                    (search, FlightsApi::new(flights.clone()))
                }),
                bookings: bookings
                    .as_ref()
                    .zip(live.as_ref())
                    .map(|(bookings, live)| {
                        let queues = QueuesApi::new(bookings.queues.clone());
                        let bookings = BookingsApi::new(bookings.service.clone());
                        (bookings, EventsApi::new(Arc::clone(live)), queues)
                    }),
                admin: users.clone().zip(uploads).map(|(users, uploads)| {
                    (
                        AdminFlightsApi::new(flights),
                        AdminBookingsApi::new(Reading::new(shared.clone())),
                        UploadsApi::new(uploads),
                        UsersApi::new(users),
                        AuditApi::new(shared.clone()),
                        AnalyticsApi::new(Analytics::new(shared.clone())),
                        DeadLettersApi::new(DeadLetters::new(
                            shared.clone(),
                            Arc::clone(&queues),
                            Arc::clone(&clock),
                        )),
                        IngestApi::new(Sources::new(shared.clone(), Arc::clone(&clock))),
                        MailsApi::new(Mails::new(shared.clone())),
                        WebhooksApi::new(Webhooks::new(
                            shared.clone(),
                            settings.webhooks.reach(),
                            Arc::clone(&clock),
                        )),
                    )
                }),
            },
            Operations {
                measure: Arc::new(Depths::register(
                    &metrics,
                    &database,
                    &roles,
                    bookings.as_ref().map(|bookings| &bookings.service),
                    roles
                        .contains(ServiceRole::Relay)
                        .then(|| Arc::clone(&queues)),
                    notifier.clone(),
                )),
                metrics: Arc::clone(&metrics),
                readiness: readiness.clone(),
                needs: Arc::new(Needs {
                    roles: roles.clone(),
                    database: database.clone(),
                    keys: Arc::clone(&keys),
                    redis,
                    queues: Arc::clone(&queues),
                }),
            },
        );
        let http = Outermost::new(
            routes,
            Arc::new(verifier),
            rates,
            metrics,
            readiness.clone(),
            settings.http.trusted_proxies.clone(),
            settings.log.requests,
        );
        Ok(Self {
            http: Arc::new(http),
            readiness,
            database,
            keys,
            revocations,
            auth,
            users,
            bookings,
            live,
            search,
            worker,
            ingest,
            bus,
            retention: settings.events.retention(),
            consumers: roles::consumers::of(all, &roles),
            queues,
            handled,
            notifier,
            relay_figures,
            clock,
            roles,
        })
    }
}

/// Everything that reacts to what happened, whichever process runs it.
fn consumers(database: &SharedDatabase, notifier: &Notifier) -> Vec<Place> {
    let mut places = notifier.places();
    places.push(Place {
        role: ServiceRole::Worker,
        consumer: Arc::new(QueueKeeper::new(database.clone())),
    });
    places.push(Place {
        role: ServiceRole::Analytics,
        consumer: Arc::new(Analyst::new(database.clone())),
    });
    places
}

/// The servers of the database that a process of these roles speaks to: replicas only where something is read from them.
fn servers(settings: &Settings) -> DatabaseSettings {
    let mut servers = settings.database.clone();
    if !settings.roles.read_replicas() {
        servers.replica_urls.clear();
    }
    servers
}

/// Seats and fares in memory, before those that processes share.
fn cache(redis: Option<&Arc<Link>>, database: &DatabaseSettings, metrics: &Metrics) -> SharedCache {
    let memory = MemoryCache::new(CACHED_FLIGHTS, CACHED_FOR);
    let Some(redis) = redis else {
        return Arc::new(memory);
    };
    // Once more what a replica may lag: it is looked at now and then.
    let lag = (!database.replica_urls.is_empty()).then(|| database.replica_max_lag * 2);
    let behind = RedisCache::new(Arc::clone(redis), CACHED_FOR).behind(lag);
    metrics.register(|registry| behind.register(registry));
    Arc::new(LayeredCache::new(memory, behind))
}

/// What signs access tokens, where this process does, and where the public keys come from.
type Keys = (Option<Arc<Signer>>, Arc<dyn KeySource>);

fn keys(settings: &Settings, folder: &DataFolder, clock: &SharedClock) -> Result<Keys, BuildError> {
    if settings.roles.contains(ServiceRole::Auth) {
        let folder = settings.auth.keys_in(folder);
        let signer = Arc::new(Signer::open(folder, Arc::clone(clock))?);
        return Ok((Some(Arc::clone(&signer)), signer));
    }
    let url = settings.auth.jwks_url.0.clone();
    let url = url.ok_or_else(|| BuildError::NoKeys(settings.roles.clone()))?;
    Ok((None, Arc::new(RemoteKeys::new(url)?)))
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
