//! Replicas, and what may be read from them.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use airside_common::flight::FlightId;
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustc_hash::FxBuildHasher;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres as Db};
use tokio::time::Instant;

use super::past::Past;
use super::primary::name;
use super::standing::{History, Lsn, Silent, Standing, WalPosition};
use super::{MIGRATIONS, MOST_CONNECTIONS, Postgres};
use crate::consistency;
use crate::store::{ReplicaHealth, newest};

/// How long a replica may take to give a connection and say how far it is.
const CONNECTION: Duration = Duration::from_millis(500);

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Moments at which flights have changed; flights share them, so that a change may also send a neighbour to the primary.
const MOMENTS: usize = 1 << 16;

/// All that may be read from a replica, and so may be as old as `database.replica_max_lag`. Everything else is read on the
/// primary: what decides, logging in, single bookings and flights, seat maps, the outbox, and the schedule, which follows
/// the events.
#[derive(Debug, Clone, Copy)]
pub(super) enum MayBeOld<'a> {
    /// Seats left and fares of flights, for searches that miss the cache; never older than an event that spoke of them.
    Offers(&'a [FlightId]),
    /// Versions, with which the timetable is compared; what differs is read on the primary.
    Versions,
    /// Lists of bookings, but for the question whether a write of one's own has arrived.
    Bookings,
    /// The history of a booking.
    History,
    /// Lists of flights.
    Flights,
    /// Figures.
    Analytics,
    /// The audit log.
    Audit,
    /// Lists of users.
    Users,
}

impl MayBeOld<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::Offers(_) => "offers",
            Self::Versions => "versions",
            Self::Bookings => "bookings",
            Self::History => "history",
            Self::Flights => "flights",
            Self::Analytics => "analytics",
            Self::Audit => "audit",
            Self::Users => "users",
        }
    }
}

/// Why a replica is read from, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Serving,
    Silent,
    Lagging,
    Unmigrated,
    Overtaken,
    NoReplica,
    Foreign,
}

impl State {
    fn words(self) -> &'static str {
        match self {
            Self::Unknown => "was not asked yet",
            Self::Serving => "serving",
            Self::Silent => "does not answer",
            Self::Lagging => "lags",
            Self::Unmigrated => "lacks a migration",
            Self::Overtaken => "follows a server that was replaced",
            Self::NoReplica => "is no replica",
            Self::Foreign => "is of another cluster",
        }
    }
}

#[derive(Debug)]
struct Replica {
    name: String,
    options: PgConnectOptions,
    /// Connections, as long as it is read from.
    pool: ArcSwapOption<PgPool>,
    /// Which history it follows, as it said last.
    timeline: AtomicU32,
    health: Mutex<(State, Option<Duration>)>,
}

impl Replica {
    fn new(options: PgConnectOptions) -> Self {
        Self {
            name: name(&options),
            options,
            pool: ArcSwapOption::empty(),
            timeline: AtomicU32::new(0),
            health: Mutex::new((State::Unknown, None)),
        }
    }

    /// Takes it into the pool or out of it. What is out loses its connections, since those to a server that does not answer
    /// may never come back.
    fn turn(&self, state: State, lag: Option<Duration>) {
        let before = std::mem::replace(&mut *self.health.lock(), (state, lag)).0;
        if state != State::Serving {
            self.pool.store(None);
        } else if self.pool.load().is_none() {
            let pool = PgPoolOptions::new()
                .max_connections(MOST_CONNECTIONS)
                .acquire_timeout(CONNECTION)
                // Each is asked how far it is.
                .test_before_acquire(false)
                .connect_lazy_with(self.options.clone());
            self.pool.store(Some(Arc::new(pool)));
        }
        if before == state {
            return;
        }
        let (replica, state) = (&self.name, state.words());
        if self.pool.load().is_some() {
            tracing::info!(replica, "the replica is read from");
        } else {
            tracing::warn!(replica, state, "the replica is not read from");
        }
    }

    /// A connection to it, if it has replayed as much.
    async fn connection(
        &self,
        pool: &PgPool,
        least: Lsn,
    ) -> Result<Option<PoolConnection<Db>>, sqlx::Error> {
        let mut connection = pool.acquire().await?;
        let (replica, replayed): (bool, i64) = sqlx::query_as(
            "SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint",
        )
        .fetch_one(&mut *connection)
        .await?;
        // One that was promoted meanwhile may have a history of its own.
        Ok((replica && replayed.cast_unsigned() >= least).then_some(connection))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReplicaLabel {
    server: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadLabel {
    read: &'static str,
    source: &'static str,
}

#[derive(Debug, Default)]
struct Figures {
    reads: Family<ReadLabel, Counter>,
    serving: Family<ReplicaLabel, Gauge>,
    lag: Family<ReplicaLabel, Gauge<f64, AtomicU64>>,
}

/// All replicas of a process.
#[derive(Debug)]
pub(super) struct Replicas {
    all: Vec<Replica>,
    history: Arc<History>,
    max_lag: Duration,
    past: Mutex<Past>,
    /// When flights were last said to have changed, in microseconds since `start`, by a hash of the flight.
    changed: Box<[AtomicU64]>,
    start: Instant,
    turn: AtomicUsize,
    figures: Figures,
}

impl Replicas {
    pub(super) fn new(
        addresses: Vec<PgConnectOptions>,
        max_lag: Duration,
        history: Arc<History>,
    ) -> Self {
        let moments = if addresses.is_empty() { 0 } else { MOMENTS };
        Self {
            all: addresses.into_iter().map(Replica::new).collect(),
            history,
            max_lag,
            // Twice as far as is asked for, so that figures tell by how much the bound is missed.
            past: Mutex::new(Past::new(max_lag * 2 + Duration::from_mins(1))),
            changed: (0..moments).map(|_| AtomicU64::new(0)).collect(),
            start: Instant::now(),
            turn: AtomicUsize::new(0),
            figures: Figures::default(),
        }
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = PgConnectOptions> + '_ {
        self.all.iter().map(|replica| replica.options.clone())
    }

    /// Takes note of how the primary and all replicas stand, as asked at a moment. While no primary answers there is nothing
    /// newer than what replicas have, and so none of them falls behind.
    pub(super) fn compare(
        &self,
        at: Instant,
        primary: Option<Standing>,
        asked: Vec<Result<(Standing, Option<i64>), Silent>>,
    ) {
        let mut past = self.past.lock();
        match primary {
            Some(primary) => past.add(at, &primary),
            None => past.add_nothing(),
        }
        for (replica, asked) in self.all.iter().zip(asked) {
            let (state, lag) = match asked {
                Err(error) => {
                    tracing::debug!(replica = replica.name, %error, "asked a replica");
                    (State::Silent, None)
                }
                Ok((standing, schema)) => {
                    let timeline = standing.timeline;
                    replica.timeline.store(timeline, Ordering::Release);
                    let lag = past.lag(standing.durable, Instant::now());
                    (self.verdict(&standing, schema, lag), Some(lag))
                }
            };
            replica.turn(state, lag);
            let label = ReplicaLabel {
                server: replica.name.clone(),
            };
            let serving = self.figures.serving.get_or_create(&label);
            serving.set(i64::from(state == State::Serving));
            if let Some(lag) = lag {
                self.figures
                    .lag
                    .get_or_create(&label)
                    .set(lag.as_secs_f64());
            }
        }
    }

    fn verdict(&self, standing: &Standing, schema: Option<i64>, lag: Duration) -> State {
        if standing.system != self.history.system {
            State::Foreign
        } else if standing.takes_writes {
            State::NoReplica
        } else if standing.timeline < self.history.timeline() {
            State::Overtaken
        } else if schema.is_none_or(|found| found < newest(&MIGRATIONS)) {
            State::Unmigrated
        } else if lag > self.max_lag {
            State::Lagging
        } else {
            State::Serving
        }
    }

    /// Takes note that flights have changed: what is read of them from now on shows at least this moment.
    pub(super) fn changed(&self, flights: &[FlightId]) {
        if self.changed.is_empty() {
            return;
        }
        let now = self.start.elapsed().as_micros();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        for flight in flights {
            self.changed[moment(*flight)].fetch_max(now, Ordering::AcqRel);
        }
    }

    /// How far a replica must be for a read of the request in progress; `None` where only the primary will do.
    fn least(&self, what: MayBeOld<'_>) -> Option<Lsn> {
        let past = self.past.lock();
        let mut least = past.position(self.max_lag, Instant::now());
        if let MayBeOld::Offers(flights) = what {
            let changes = flights.iter().map(|flight| &self.changed[moment(*flight)]);
            let change = changes.map(|change| change.load(Ordering::Acquire)).max();
            if let Some(change) = change.filter(|change| *change > 0) {
                // It is written down in whole microseconds.
                let change = self.start + Duration::from_micros(change + 1);
                least = least.max(past.position_at(change)?);
            }
        }
        for token in consistency::wanted() {
            let wanted = WalPosition::of_token(&token)?;
            // All that serve are on the highest timeline that is known. What a token names of a lower one they have, or
            // nobody has it any more.
            let known = self.history.timeline();
            if wanted.system != self.history.system || wanted.timeline > known {
                return None;
            }
            least = least.max(wanted.lsn);
        }
        Some(least)
    }

    /// The next replica that serves.
    fn next(&self) -> Option<(&Replica, Arc<PgPool>)> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.all.len();
        (0..count)
            .map(|step| &self.all[(turn + step) % count])
            .find_map(|replica| Some((replica, replica.pool.load_full()?)))
    }

    fn count(&self, what: MayBeOld<'_>, source: &'static str) {
        let label = ReadLabel {
            read: what.word(),
            source,
        };
        self.figures.reads.get_or_create(&label).inc();
    }

    pub(super) fn health(&self) -> Vec<ReplicaHealth> {
        let health = self.all.iter().map(|replica| {
            let (state, lag) = *replica.health.lock();
            ReplicaHealth {
                server: replica.name.clone(),
                state: state.words(),
                lag,
            }
        });
        health.collect()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let Figures {
            reads,
            serving,
            lag,
        } = &self.figures;
        registry.register(
            "database_reads",
            "Reads that may be a little old, by the server that answered",
            reads.clone(),
        );
        registry.register(
            "database_replica_serving",
            "Whether a replica is read from",
            serving.clone(),
        );
        registry.register(
            "database_replica_lag_seconds",
            "How old the state is that a replica shows",
            lag.clone(),
        );
    }
}

fn moment(flight: FlightId) -> usize {
    let hash = FxBuildHasher.hash_one(flight.raw());
    // The upper bits are the good ones.
    usize::try_from(hash >> 48).unwrap_or(0) % MOMENTS
}

impl Postgres {
    /// Reads from a replica, or from the primary where no replica is there, far enough and quick enough, or where its answer
    /// is an error.
    pub(super) async fn read<T, R>(
        &self,
        what: MayBeOld<'_>,
        read: impl Fn(PoolConnection<Db>) -> R + Send + Sync,
    ) -> Result<T, sqlx::Error>
    where
        R: Future<Output = Result<T, sqlx::Error>> + Send,
    {
        if let Some(found) = self.read_from_replica(what, &read).await {
            self.replicas.count(what, "replica");
            return Ok(found);
        }
        self.replicas.count(what, "primary");
        let serving = self.primary.serving();
        serving
            .unless_replaced(async { read(serving.pool.acquire().await?).await })
            .await
    }

    async fn read_from_replica<T, R>(
        &self,
        what: MayBeOld<'_>,
        read: impl Fn(PoolConnection<Db>) -> R + Send + Sync,
    ) -> Option<T>
    where
        R: Future<Output = Result<T, sqlx::Error>> + Send,
    {
        let (replica, pool) = self.replicas.next()?;
        if replica.timeline.load(Ordering::Acquire) < self.replicas.history.timeline() {
            return None;
        }
        let least = self.replicas.least(what)?;
        let connection = tokio::time::timeout(CONNECTION, replica.connection(&pool, least)).await;
        let answer = match connection {
            Ok(Ok(Some(connection))) => tokio::time::timeout(ANSWER, read(connection)).await,
            Ok(Ok(None)) => return None,
            Ok(Err(error)) => Ok(Err(error)),
            Err(late) => Err(late),
        };
        match answer {
            Ok(Ok(found)) => Some(found),
            // A conflict with what is replayed, say: the next read may well succeed.
            Ok(Err(sqlx::Error::Database(error))) => {
                tracing::debug!(replica = replica.name, %error, "a replica gave up a read");
                None
            }
            // All its connections are in use, which is not silence; the next look tells.
            Ok(Err(_)) | Err(_) if pool.num_idle() == 0 && pool.size() >= MOST_CONNECTIONS => None,
            Ok(Err(_)) | Err(_) => {
                replica.turn(State::Silent, None);
                None
            }
        }
    }
}
