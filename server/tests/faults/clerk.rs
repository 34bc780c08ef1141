//! A consumer of bookings' events that writes down what it did, in this process or in one of its own.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use airside_common::event::Event;
use airside_server::bus::memory::MemoryBus;
use airside_server::messages::consumer::{Binding, ConsumeError, Consumer, ConsumerName, Delivery};
use airside_server::messages::database::DatabaseQueues;
use airside_server::messages::queues::SharedQueues;
use airside_server::messages::rabbitmq::{self, RabbitQueues};
use airside_server::messages::runner::{Handled, Runner};
use airside_server::outbox::follower::Follower;
use airside_server::outbox::relay::{Relay, RelayFigures};
use airside_server::store::postgres::Postgres;
use async_trait::async_trait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Row};
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::bookers::Booked;
use crate::process::Place;
use crate::waiting::until;

const PATIENCE: Duration = Duration::from_mins(1);

/// The clerk's name, and so the end of its queue's.
pub(crate) const CLERK: ConsumerName = ConsumerName("clerk");
/// Somebody else who gets the same events, and never comes for them.
pub(crate) const ABSENT: ConsumerName = ConsumerName("absent");

const EVENTS: &[&str] = &["booking.created", "booking.cancelled"];

/// Where messages go from and to.
#[derive(Clone)]
pub(crate) struct Office {
    database: String,
    /// Where RabbitMQ carries messages.
    broker: Option<String>,
}

/// The names by which a process of its own is told the same.
const DATABASE: &str = "CLERK_DATABASE";
const BROKER: &str = "CLERK_BROKER";
const WORK: &str = "CLERK_WORK";

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Relay,
    Consume,
}

impl Office {
    /// On the database of a place, with the paper that clerks write on.
    pub(crate) async fn open(place: &Place, broker: Option<&str>) -> Self {
        let office = Self {
            database: place.database(),
            broker: broker.map(str::to_owned),
        };
        let paper = "CREATE TABLE done (at bigint GENERATED ALWAYS AS IDENTITY, message bigint, locator text, version bigint)";
        sqlx::query(paper).execute(&office.pool()).await.unwrap();
        // A server that knows no clerk relays to the queues that are there.
        office.queues().await.depths().await.unwrap();
        office
    }

    fn pool(&self) -> PgPool {
        let options = PgPoolOptions::new().max_connections(2);
        options.connect_lazy(&self.database).unwrap()
    }

    /// The queues, as a process of its own has them.
    pub(crate) async fn queues(&self) -> SharedQueues {
        let store = Arc::new(Postgres::open(&self.database).await.unwrap());
        let binding = |consumer| Binding {
            consumer,
            events: EVENTS,
        };
        match &self.broker {
            Some(url) => {
                let broker = rabbitmq::Broker {
                    url: url.clone(),
                    prefix: "airside".to_owned(),
                    certificates: None,
                };
                let bindings = vec![binding(CLERK), binding(ABSENT)];
                Arc::new(RabbitQueues::new(broker, bindings, store))
            }
            None => Arc::new(DatabaseQueues::new(store, vec![binding(CLERK)])),
        }
    }

    /// A clerk who does nothing until it is told what it hates.
    pub(crate) async fn clerk_that_waits(&self) -> AtWork {
        let at_work = self.clerk().await;
        at_work.clerk.waits.store(true, Ordering::Relaxed);
        at_work
    }

    /// A clerk at work in this process.
    pub(crate) async fn clerk(&self) -> AtWork {
        let (stop, clerk) = (CancellationToken::new(), Arc::new(Clerk::new(self.pool())));
        let runner = Runner::new(
            self.queues().await,
            Arc::clone(&clerk) as _,
            Handled::default(),
        );
        let task = tokio::spawn(runner.run(stop.clone()));
        AtWork { clerk, stop, task }
    }

    /// What was done, in its order.
    pub(crate) async fn done(&self) -> Vec<(String, u64)> {
        let rows = sqlx::query("SELECT locator, version FROM done ORDER BY at")
            .fetch_all(&self.pool())
            .await;
        let row = |row: sqlx::postgres::PgRow| {
            let version: i64 = row.get("version");
            (row.get("locator"), version.cast_unsigned())
        };
        // While the database is away nobody knows.
        rows.map(|rows| rows.into_iter().map(row).collect())
            .unwrap_or_default()
    }

    /// Waits until each change of each booking was done, and fails where one was done twice.
    pub(crate) async fn all_done(&self, within: Duration, booked: &[Booked]) {
        let changes: u64 = booked.iter().map(|booking| booking.version).sum();
        until(within, &format!("{changes} changes done"), async || {
            self.done().await.len() as u64 >= changes
        })
        .await;
        let mut done = self.done().await;
        done.sort();
        let mut expected: Vec<(String, u64)> = booked
            .iter()
            .flat_map(|one| (1..=one.version).map(|version| (one.locator.clone(), version)))
            .collect();
        expected.sort();
        let missing: Vec<_> = expected.iter().filter(|one| !done.contains(one)).collect();
        assert!(missing.is_empty(), "never done: {missing:?}");
        assert!(done == expected, "something was done twice");
    }

    /// Fails where a change of a booking was done before one that came earlier.
    pub(crate) async fn in_order(&self) {
        let mut versions = HashMap::new();
        for (locator, version) in self.done().await {
            let before = versions.insert(locator.clone(), version).unwrap_or(0);
            assert!(before < version, "{locator}: {version} after {before}");
        }
    }

    /// Starts a process of its own for some work.
    pub(crate) fn start(&self, work: Work) -> Process {
        let log = NamedTempFile::new().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "clerk::at_work_by_itself",
                "--ignored",
                "--nocapture",
            ])
            .env(DATABASE, &self.database)
            .env(WORK, format!("{work:?}"))
            .env(BROKER, self.broker.as_deref().unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log.path()).unwrap())
            .kill_on_drop(true);
        Process {
            child: command.spawn().unwrap(),
            log,
        }
    }
}

/// A process that relays or consumes; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    log: NamedTempFile,
}

impl Process {
    /// `kill -9`, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and waits for its end.
    pub(crate) async fn stop(mut self, within: Duration) -> ExitStatus {
        let pid = self.child.id().unwrap().cast_signed();
        kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
        timeout(within, self.child.wait()).await.unwrap().unwrap()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

/// What a process of its own does, until SIGTERM.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process that other tests start"]
async fn at_work_by_itself() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .init();
    let of = |name: &str| std::env::var(name).unwrap();
    let broker = of(BROKER);
    let office = Office {
        database: of(DATABASE),
        broker: (!broker.is_empty()).then_some(broker),
    };
    let stop = CancellationToken::new();
    let mut terminated = signal(SignalKind::terminate()).unwrap();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            terminated.recv().await;
            stop.cancel();
        }
    });
    if of(WORK) == format!("{:?}", Work::Consume) {
        let clerk = Arc::new(Clerk::new(office.pool()));
        let runner = Runner::new(office.queues().await, clerk, Handled::default());
        return runner.run(stop).await;
    }
    let outbox = Arc::new(Postgres::open(&office.database).await.unwrap());
    let follower = Follower::at_present(Arc::clone(&outbox) as _, Arc::new(MemoryBus::default()))
        .await
        .unwrap();
    let (figures, news) = (RelayFigures::default(), follower.news());
    let retention = Duration::from_mins(1);
    let relay = Relay::new(outbox, office.queues().await, retention, figures, news);
    tokio::spawn(follower.run(stop.clone()));
    relay.run(stop).await;
}

/// A clerk at work in this process, until it is told to stop.
pub(crate) struct AtWork {
    pub(crate) clerk: Arc<Clerk>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl AtWork {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

/// Notes each change of a booking, in one transaction with the message.
pub(crate) struct Clerk {
    pool: PgPool,
    /// The booking that it can do nothing about.
    hates: Mutex<Option<String>>,
    /// How many messages it was given.
    given: AtomicUsize,
    /// How often it was given that alone.
    failed: AtomicUsize,
    /// It does nothing until it knows what it hates.
    waits: AtomicBool,
    /// How long it thinks about what it has done before it says so.
    thinks: Mutex<Duration>,
}

#[derive(Debug, thiserror::Error)]
#[error("the clerk does not like it")]
struct Hated;

impl Clerk {
    fn new(pool: PgPool) -> Self {
        Self {
            pool,
            hates: Mutex::default(),
            given: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            waits: AtomicBool::new(false),
            thinks: Mutex::default(),
        }
    }

    pub(crate) fn hates(&self, locator: Option<&str>) {
        *self.hates.lock() = locator.map(str::to_owned);
        self.waits.store(false, Ordering::Relaxed);
    }

    pub(crate) fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    pub(crate) fn thinks_for(&self, time: Duration) {
        *self.thinks.lock() = time;
    }

    async fn note(&self, batch: &[Delivery]) -> Result<(), sqlx::Error> {
        let messages: Vec<i64> = batch.iter().map(|one| one.envelope.id).collect();
        let mut tx = self.pool.begin().await?;
        let mut new: HashSet<i64> = sqlx::query_scalar(
            "INSERT INTO inbox (consumer, message, handled_at)
             SELECT $1, message, clock_timestamp() FROM unnest($2::bigint[]) AS given (message) ORDER BY message
             ON CONFLICT DO NOTHING RETURNING message",
        )
        .bind(CLERK.0)
        .bind(messages)
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .collect();
        for delivery in batch {
            if let Event::BookingCreated(booking) | Event::BookingCancelled(booking) =
                &delivery.envelope.event
                && new.remove(&delivery.envelope.id)
            {
                sqlx::query("INSERT INTO done (message, locator, version) VALUES ($1, $2, $3)")
                    .bind(delivery.envelope.id)
                    .bind(booking.locator.as_str())
                    .bind(booking.version.cast_signed())
                    .execute(&mut *tx)
                    .await?;
            }
        }
        tx.commit().await
    }
}

#[async_trait]
impl Consumer for Clerk {
    fn binding(&self) -> Binding {
        Binding {
            consumer: CLERK,
            events: EVENTS,
        }
    }

    async fn consume(&self, batch: &[Delivery]) -> Result<(), ConsumeError> {
        self.given.fetch_add(batch.len(), Ordering::Relaxed);
        while self.waits.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let hated = self.hates.lock().clone();
        let is_hated = |one: &Delivery| one.envelope.event.subject() == hated;
        if hated.is_some() && batch.iter().any(is_hated) {
            if batch.len() == 1 {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
            return Err(ConsumeError::Failed(Box::new(Hated)));
        }
        let noted = self.note(batch).await;
        noted.map_err(|error| ConsumeError::Unavailable(Box::new(error)))?;
        let thinks = *self.thinks.lock();
        tokio::time::sleep(thinks).await;
        Ok(())
    }
}
