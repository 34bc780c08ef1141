//! Messages: how long an event takes from its commit to its consumer, how fast the relay is beside the broker's own
//! confirms, and what both take from bookings.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use airside_common::event::Event;
use airside_server::bus::memory::MemoryBus;
use airside_server::config::DatabaseSettings;
use airside_server::data_folder::DataFolder;
use airside_server::features::bookings::command::Outcome;
use airside_server::features::bookings::store::BookingStore;
use airside_server::features::bookings::writer::Writer;
use airside_server::messages::cloud_event;
use airside_server::messages::consumer::{Binding, ConsumeError, Consumer, ConsumerName, Delivery};
use airside_server::messages::database::DatabaseQueues;
use airside_server::messages::queues::SharedQueues;
use airside_server::messages::rabbitmq::{Broker, RabbitQueues};
use airside_server::messages::runner::{Handled, Runner};
use airside_server::outbox::Outbox;
use airside_server::outbox::follower::Follower;
use airside_server::outbox::relay::{Relay, RelayFigures};
use airside_server::store::postgres::Postgres;
use airside_server::store::{self, SharedDatabase};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::bookings::{Shop, Way, rate_of};
use super::confirms::Confirms;
use super::place::Folder;
use super::postgres::{ADDRESS, empty_database};
use super::report::{Aim, Report};
use super::rounds::{in_turn, median, quantile};

/// Where RabbitMQ is: `scripts/services` starts one.
const RABBITMQ: &str = "AIRSIDE_TEST_RABBITMQ";

const ROUNDS: usize = 3;

/// Bookings whose events are timed, one after the other, and the pause between two.
const TIMED: usize = 500;
const PAUSE: Duration = Duration::from_millis(7);

/// Bookings whose events wait for the relay; each has two.
const WAITING: usize = 10_000;

const PATIENCE: Duration = Duration::from_mins(2);

/// Events of bookings, and who gets them.
const BINDING: Binding = Binding {
    consumer: ConsumerName("bench"),
    events: &["booking.created", "booking.cancelled"],
};

pub(crate) fn measure(report: &mut Report) {
    let (Ok(address), Ok(broker)) = (std::env::var(ADDRESS), std::env::var(RABBITMQ)) else {
        eprintln!(
            "  left out: {ADDRESS} and {RABBITMQ} do not say where PostgreSQL and RabbitMQ are"
        );
        return;
    };
    let runtime = Runtime::new().unwrap();
    let folder = Folder::new("messages");
    let data = DataFolder::open(Some(&folder.join("data"))).unwrap();
    let embedded: SharedDatabase = runtime
        .block_on(store::open(&DatabaseSettings::default(), &data))
        .unwrap();
    let url = runtime.block_on(empty_database(&address, "airside_bench"));
    let postgres: SharedDatabase = Arc::new(runtime.block_on(Postgres::open(&url)).unwrap());
    let shop = |database| Arc::new(runtime.block_on(Shop::open(database)));
    let on_postgres = shop(&postgres);
    let carriers = [
        Carrier::tables("SQLite", &embedded, shop(&embedded)),
        Carrier::tables("PostgreSQL", &postgres, Arc::clone(&on_postgres)),
        Carrier::broker("RabbitMQ", &postgres, on_postgres, &broker),
    ];
    for carrier in &carriers {
        carrier.time(report, &runtime);
    }
    for carrier in &carriers {
        carrier.relay(report, &runtime);
    }
    for carrier in &carriers {
        carrier.bookings_beside(report, &runtime);
    }
    runtime.block_on(async {
        embedded.close().await;
        postgres.close().await;
    });
}

/// A database and what carries its messages.
struct Carrier {
    name: &'static str,
    database: SharedDatabase,
    queues: SharedQueues,
    shop: Arc<Shop>,
    /// The broker, where it is one.
    broker: Option<Broker>,
}

impl Carrier {
    fn tables(name: &'static str, database: &SharedDatabase, shop: Arc<Shop>) -> Self {
        Self {
            name,
            database: Arc::clone(database),
            queues: Arc::new(DatabaseQueues::new(
                Arc::clone(database) as _,
                vec![BINDING],
            )),
            shop,
            broker: None,
        }
    }

    fn broker(name: &'static str, database: &SharedDatabase, shop: Arc<Shop>, url: &str) -> Self {
        let broker = Broker {
            url: url.to_owned(),
            prefix: format!("bench-{}", Uuid::new_v4()),
            certificates: None,
        };
        let queues = RabbitQueues::new(broker.clone(), vec![BINDING], Arc::clone(database) as _);
        Self {
            name,
            database: Arc::clone(database),
            queues: Arc::new(queues),
            shop,
            broker: Some(broker),
        }
    }

    /// From the commit of a booking until its consumer has its event.
    fn time(&self, report: &mut Report, runtime: &Runtime) {
        let times = runtime.block_on(async {
            let clerk = Arc::new(Clerk::new(&self.database));
            let carried = Carried::start(self, Some(&clerk)).await;
            let mut committed = HashMap::new();
            let store: Arc<dyn BookingStore> = Arc::clone(&self.database) as _;
            for _ in 0..TIMED {
                let command = self.shop.command(self.shop.flights.len());
                let outcome = store.execute(&[command]).await.unwrap().pop().unwrap();
                let Outcome::Answered(answer) = outcome else {
                    panic!("every booking is made");
                };
                let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
                committed.insert(body["locator"].as_str().unwrap().to_owned(), Instant::now());
                tokio::time::sleep(PAUSE).await;
            }
            clerk.has(TIMED as u64).await;
            carried.end().await;
            let came = clerk.came.lock();
            let took = |(locator, committed): (&String, &Instant)| {
                came[locator].saturating_duration_since(*committed)
            };
            committed
                .iter()
                .map(took)
                .map(|took| took.as_secs_f64() * 1e3)
                .collect::<Vec<f64>>()
        });
        let name = format!("messages on {}, commit to consumer, the median", self.name);
        report.alone(&name, "ms", median(times.clone()), Aim::None);
        let slow = quantile(times, 0.99);
        report.alone("&nbsp; 99 of 100 within", "ms", slow, Aim::None);
    }

    /// Events a second from the outbox to the queues.
    fn relay(&self, report: &mut Report, runtime: &Runtime) {
        let name = format!("relay to {}, {} events that wait", self.name, 2 * WAITING);
        let Some(broker) = &self.broker else {
            let rates = (0..ROUNDS).map(|_| runtime.block_on(self.relayed()).0);
            return report.alone(&name, "/s", median(rates), Aim::None);
        };
        let confirms = runtime.block_on(Confirms::open(broker));
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (rate, messages) = runtime.block_on(self.relayed());
            ours.push(rate);
            others.push(runtime.block_on(confirms.publish(&messages)));
        }
        let pair = (median(ours), median(others));
        report.beside(&name, "/s", pair, Aim::Ratio(0.5));
    }

    /// The rate, and what was relayed: types and bodies.
    async fn relayed(&self) -> (f64, Vec<(&'static str, String)>) {
        let outbox: Arc<dyn Outbox> = Arc::clone(&self.database) as _;
        let before = outbox.present().await.unwrap();
        let store: Arc<dyn BookingStore> = Arc::clone(&self.database) as _;
        for _ in 0..WAITING / 50 {
            let commands: Vec<_> = (0..50)
                .map(|_| self.shop.command(self.shop.flights.len()))
                .collect();
            store.execute(&commands).await.unwrap();
        }
        let mut messages = Vec::new();
        let mut position = before;
        loop {
            let page = outbox.read_after(position, 512).await.unwrap();
            if page.events.is_empty() {
                break;
            }
            for event in page.events {
                let envelope = event.unwrap();
                position = envelope.id;
                messages.push((
                    envelope.event.kind(),
                    cloud_event::encode(&envelope).unwrap(),
                ));
            }
        }
        let begun = Instant::now();
        let carried = Carried::start(self, None).await;
        let drained = async {
            while self.database.outbox_depth().await.unwrap() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, drained).await.unwrap();
        let rate = messages.len() as f64 / begun.elapsed().as_secs_f64();
        carried.end().await;
        self.empty().await;
        (rate, messages)
    }

    /// Bookings a second, with somebody who does something about each and without.
    fn bookings_beside(&self, report: &mut Report, runtime: &Runtime) {
        let store: Arc<dyn BookingStore> = Arc::clone(&self.database) as _;
        let (writer, writing) = {
            let _inside = runtime.enter();
            Writer::start(store)
        };
        let way = Way::Writer(writer);
        let (with, without) = in_turn(
            ROUNDS,
            || {
                let clerk = Arc::new(Clerk::new(&self.database));
                let carried = runtime.block_on(Carried::start(self, Some(&clerk)));
                let rate = runtime.block_on(rate_of(&self.shop, &way, self.shop.flights.len()));
                runtime.block_on(carried.end());
                rate
            },
            || {
                // The events of the round stay for the next.
                let rate = runtime.block_on(rate_of(&self.shop, &way, self.shop.flights.len()));
                runtime.block_on(async {
                    let carried = Carried::start(self, None).await;
                    let drained = async {
                        while self.database.outbox_depth().await.unwrap() > 0 {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    };
                    tokio::time::timeout(PATIENCE, drained).await.unwrap();
                    carried.end().await;
                    self.empty().await;
                });
                rate
            },
        );
        drop(way);
        runtime.block_on(writing).unwrap();
        let name = format!("bookings with messages on {}", self.name);
        let pair = (median(with), median(without));
        report.beside(&name, "/s", pair, Aim::None);
    }

    /// Has all messages done that wait.
    async fn empty(&self) {
        let (stop, clerk) = (
            CancellationToken::new(),
            Arc::new(Clerk::new(&self.database)),
        );
        let runner = Runner::new(Arc::clone(&self.queues), clerk, Handled::default());
        let task = tokio::spawn(runner.run(stop.clone()));
        let emptied = async {
            while self.queues.depths().await.unwrap()[0].1 > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, emptied).await.unwrap();
        stop.cancel();
        task.await.unwrap();
    }
}

/// A relay and, where there is a clerk, a consumer at work.
struct Carried {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Carried {
    async fn start(carrier: &Carrier, clerk: Option<&Arc<Clerk>>) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let outbox: Arc<dyn Outbox> = Arc::clone(&carrier.database) as _;
        let bus = Arc::new(MemoryBus::default());
        let follower = Follower::at_present(Arc::clone(&outbox), bus)
            .await
            .unwrap();
        let relay = Relay::new(
            outbox,
            Arc::clone(&carrier.queues),
            Duration::from_hours(1),
            RelayFigures::default(),
            follower.news(),
        );
        tasks.spawn(follower.run(stop.clone()));
        tasks.spawn(relay.run(stop.clone()));
        if let Some(clerk) = clerk {
            let (queues, clerk) = (Arc::clone(&carrier.queues), Arc::clone(clerk));
            let runner = Runner::new(queues, clerk, Handled::default());
            tasks.spawn(runner.run(stop.clone()));
        }
        Self { tasks, stop }
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait())
            .await
            .unwrap();
    }
}

/// Writes a row for each batch, in one transaction, and notes when each message came.
struct Clerk {
    database: SharedDatabase,
    came: Mutex<HashMap<String, Instant>>,
    count: AtomicU64,
}

impl Clerk {
    fn new(database: &SharedDatabase) -> Self {
        Self {
            database: Arc::clone(database),
            came: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    /// Waits until so many came.
    async fn has(&self, count: u64) {
        let all = async {
            while self.count.load(Ordering::Relaxed) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap();
    }
}

#[async_trait]
impl Consumer for Clerk {
    fn binding(&self) -> Binding {
        BINDING
    }

    async fn consume(&self, batch: &[Delivery]) -> Result<(), ConsumeError> {
        let now = Instant::now();
        for delivery in batch {
            if let Event::BookingCreated(booking) = &delivery.envelope.event {
                let mut came = self.came.lock();
                came.entry(booking.locator.to_string()).or_insert(now);
            }
        }
        let id = batch[0].envelope.id;
        let noted = self.database.note_failure("bench", id, "none").await;
        noted.map_err(|error| ConsumeError::Unavailable(Box::new(error)))?;
        self.count.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}
