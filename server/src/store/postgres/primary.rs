//! The server that takes the writes: which of the configured ones it is, found again when another has taken its place.
//!
//! Each connection is asked when it is made, and all servers are asked all the time ([`super::watch`]): whoever is in
//! recovery takes no writes, nor does a server of a timeline below the highest that was seen. So nothing has to go wrong
//! for the search to begin, and a primary that was replaced and comes back is not written to.

use std::collections::HashMap;
use std::sync::{Arc, Once};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use parking_lot::Mutex;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::at_once::send_at_once;
use super::bookings::BATCHES;
use super::front::Front;
use super::standing::{History, NotPrimary, Silent, Standing, ask};
use super::{CONNECT, MOST_CONNECTIONS, OpenError, migrate};

/// How long a connection is taken to live after its last answer; no server is restarted in less.
const FRESH: Duration = Duration::from_millis(50);

/// Host and port of a server, which are no secret.
pub(super) fn name(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => format!("{}:{}", socket.display(), options.get_port()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// What sessions are told that find all rows by keys. The planner goes by how large tables were when somebody counted last,
/// and keeps a plan: on tables that grow it would go on to read from end to end what has become large. One plan is as good
/// for all keys, so it is made once.
const LOOKUPS: [(&str, &str); 6] = [
    ("enable_seqscan", "off"),
    // It gives up the order of an index: the first few of a queue would be found by sorting all of it.
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    // A look into each of many months seems worth it to the planner, and to start a worker takes longer than all of them.
    ("max_parallel_workers_per_gather", "0"),
];

/// Such sessions of a process: one for each batch of the one writer, and some for the outbox.
const MOST_LOOKUPS: u32 = BATCHES + 4;

/// Connections to the server that takes the writes now.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) pool: PgPool,
    /// For statements that find their rows by keys and are asked for all the time.
    pub(super) lookups: PgPool,
    pub(super) options: PgConnectOptions,
    /// Where events without a position may begin, by their ids.
    pub(super) open_events: Front,
    /// Where messages may begin that wait for each consumer.
    queues: Mutex<HashMap<String, Arc<Front>>>,
    candidate: usize,
    timeline: u32,
    replaced: CancellationToken,
}

impl Serving {
    fn new(
        candidate: usize,
        options: PgConnectOptions,
        timeline: u32,
        history: &Arc<History>,
    ) -> Self {
        Self {
            pool: pool(options.clone(), history, MOST_CONNECTIONS),
            lookups: pool(options.clone().options(LOOKUPS), history, MOST_LOOKUPS),
            options,
            open_events: Front::default(),
            queues: Mutex::default(),
            candidate,
            timeline,
            replaced: CancellationToken::new(),
        }
    }

    /// Gives work up once another server has taken the place of this one, which may never answer again.
    pub(super) async fn unless_replaced<T, E: From<sqlx::Error>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.replaced.cancelled() => Err(sqlx::Error::from(std::io::Error::new(
                std::io::ErrorKind::ConnectionAborted,
                "another server takes the writes",
            ))
            .into()),
        }
    }

    /// Where messages may begin that wait for a consumer.
    pub(super) fn queue(&self, consumer: &str) -> Arc<Front> {
        let mut queues = self.queues.lock();
        let known = queues.get(consumer).cloned();
        known.unwrap_or_else(|| Arc::clone(queues.entry(consumer.to_owned()).or_default()))
    }

    /// Waits until another server takes the writes.
    pub(super) async fn replaced(&self) {
        self.replaced.cancelled().await;
    }

    /// Nobody gets a connection any more, and who waits for this server stops.
    fn retire(&self) {
        self.replaced.cancel();
        let (pool, lookups) = (self.pool.clone(), self.lookups.clone());
        // They end when the last connection does, which may take its time.
        tokio::spawn(async move { tokio::join!(pool.close(), lookups.close()) });
    }
}

/// It is the same for all connections of the process.
static DELAYED: Once = Once::new();

/// Connections that were each asked whether they lead to a server that may be given writes.
pub(super) fn pool(
    options: PgConnectOptions,
    history: &Arc<History>,
    most_connections: u32,
) -> PgPool {
    let history = Arc::clone(history);
    let port = options.get_port();
    PgPoolOptions::new()
        .max_connections(most_connections)
        .acquire_timeout(CONNECT)
        // After a restart of the server nobody is given a connection that is dead.
        .test_before_acquire(false)
        .before_acquire(|connection, found| {
            Box::pin(async move {
                // It has just answered, and asking again is a round trip.
                if found.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let history = Arc::clone(&history);
            Box::pin(async move {
                if let Err(error) = send_at_once(port) {
                    DELAYED.call_once(|| {
                        tracing::warn!(%error, "what is sent to PostgreSQL may be put off by up to 40 ms");
                    });
                }
                let standing = ask(connection).await?;
                let admitted = history.admits(&standing);
                admitted.map_err(|refusal| sqlx::Error::Configuration(refusal.into()))
            })
        })
        .connect_lazy_with(options)
}

/// The choice among the configured servers.
#[derive(Debug)]
pub(super) struct Primary {
    candidates: Vec<PgConnectOptions>,
    history: Arc<History>,
    serving: ArcSwap<Serving>,
}

/// Opens a connection to a server and asks how it stands.
async fn meet(options: &PgConnectOptions) -> Result<(PgConnection, Standing), sqlx::Error> {
    // Not through a pool, which would only say that it waited for too long.
    let met = tokio::time::timeout(CONNECT, async {
        let mut connection = PgConnection::connect_with(options).await?;
        let standing = ask(&mut connection).await?;
        Ok((connection, standing))
    });
    met.await
        .map_err(|late| sqlx::Error::from(std::io::Error::from(late)))?
}

impl Primary {
    /// Asks all servers, waits for all answers, and takes the one that takes writes; answers a connection to it as well.
    pub(super) async fn find(
        candidates: Vec<PgConnectOptions>,
    ) -> Result<(Self, PgConnection), OpenError> {
        let mut met: Vec<_> = join_all(candidates.iter().map(meet)).await;
        if let [Err(_)] = met[..] {
            // The only one: its error says all.
            met.remove(0)?;
        }
        let found = met
            .iter()
            .enumerate()
            .filter_map(|(at, met)| Some((at, met.as_ref().ok()?.1)))
            .filter(|(_, standing)| standing.takes_writes)
            .max_by_key(|(_, standing)| standing.timeline);
        let history = found.map(|(_, standing)| Arc::new(History::of(&standing)));
        if let Some(history) = &history {
            let answered = met.iter().filter_map(|met| met.as_ref().ok());
            answered.for_each(|(_, standing)| history.saw(standing));
        }
        let (Some((at, standing)), Some(history)) = (found, history) else {
            return Err(OpenError::NoPrimary(reasons(&candidates, &met, None)));
        };
        if history.admits(&standing).is_err() {
            let reasons = reasons(&candidates, &met, Some(&history));
            return Err(OpenError::NoPrimary(reasons));
        }
        let serving = Serving::new(at, candidates[at].clone(), standing.timeline, &history);
        let (connection, _) = met.remove(at)?;
        let primary = Self {
            candidates,
            history,
            serving: ArcSwap::from_pointee(serving),
        };
        Ok((primary, connection))
    }

    pub(super) fn candidates(&self) -> &[PgConnectOptions] {
        &self.candidates
    }

    pub(super) fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// The server that takes the writes, or that did so last.
    pub(super) fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Takes note of how all candidates stand, and goes over to another where it has to; answers how the one that takes the
    /// writes stands.
    pub(super) async fn consider(
        &self,
        asked: &[Result<(Standing, Option<i64>), Silent>],
    ) -> Option<Standing> {
        let answered = asked.iter().filter_map(|asked| asked.as_ref().ok());
        answered.for_each(|(standing, _)| self.history.saw(standing));
        let verdict = |at: usize| match &asked[at] {
            Ok((standing, _)) => Some(self.history.admits(standing).map(|()| *standing)),
            Err(_) => None,
        };
        let serving = self.serving();
        let retired = serving.replaced.is_cancelled();
        match verdict(serving.candidate) {
            Some(Ok(standing)) if !retired && standing.timeline == serving.timeline => {
                return Some(standing);
            }
            Some(Err(refusal)) if !retired => {
                let server = name(&serving.options);
                tracing::error!(server, %refusal, "the server takes no writes any more");
                serving.retire();
            }
            _ => {}
        }
        let (at, standing) = (0..asked.len())
            .filter_map(|at| Some((at, verdict(at)?.ok()?)))
            .max_by_key(|(_, standing)| standing.timeline)?;
        let schema = asked[at].as_ref().ok().and_then(|(_, schema)| *schema);
        self.go_over(at, standing, schema).await
    }

    async fn go_over(
        &self,
        at: usize,
        standing: Standing,
        schema: Option<i64>,
    ) -> Option<Standing> {
        let options = self.candidates[at].clone();
        let server = name(&options);
        let next = Serving::new(at, options, standing.timeline, &self.history);
        if let Err(error) = migrate::bring_along(&next.options, &next.pool, schema).await {
            tracing::error!(server, %error, "the server that takes the writes now cannot be used");
            return None;
        }
        tracing::warn!(
            server,
            timeline = standing.timeline,
            "another server takes the writes"
        );
        self.serving.swap(Arc::new(next)).retire();
        Some(standing)
    }
}

/// Why no server was taken, one after the other.
fn reasons(
    candidates: &[PgConnectOptions],
    met: &[Result<(PgConnection, Standing), sqlx::Error>],
    history: Option<&History>,
) -> String {
    let reason = |met: &Result<(PgConnection, Standing), sqlx::Error>| match met {
        Err(error) => error.to_string(),
        Ok((_, standing)) => match history.map(|history| history.admits(standing)) {
            Some(Err(refusal)) => refusal.to_string(),
            _ => NotPrimary::Replica.to_string(),
        },
    };
    let reasons = candidates
        .iter()
        .zip(met)
        .map(|(options, met)| format!("{}: {}", name(options), reason(met)));
    reasons.collect::<Vec<_>>().join("; ")
}
