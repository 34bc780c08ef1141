//! A process with its consumers, an outbox and seats in the test's hands, and clients that listen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use airside_common::event::Event;
use airside_common::flight::{Cabin, FlightId, FlightStatus};
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::consumers;
use super::super::listening::{HEARTBEAT, Listening};
use super::super::live::{ListenError, Live, Request};
use super::super::store::{EventStore, FlightSeats};
use crate::bus::memory::MemoryBus;
use crate::bus::{Bus, Envelope};
use crate::clock::SystemClock;
use crate::config::EventSettings;
use crate::features::auth::caller::Caller;
use crate::features::auth::revocations::Revocations;
use crate::outbox::{Lane, Lanes, Outbox, OutboxError, Page};
use crate::store::StoreError;

/// Signs of life that a test can wait for.
pub(super) const OFTEN: Duration = Duration::from_millis(200);

/// What should come has so long to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What should not come has so long to come.
const GRACE: Duration = Duration::from_millis(250);

/// An outbox in memory, and the seats of flights.
#[derive(Default)]
pub(super) struct World {
    pub(super) events: Mutex<Vec<Envelope>>,
    pub(super) pruned: Mutex<i64>,
    pub(super) outbox_reads: AtomicUsize,
    pub(super) seats: Mutex<BTreeMap<FlightId, u32>>,
    pub(super) seat_reads: AtomicUsize,
    /// So many looks for seats fail.
    pub(super) failing: AtomicUsize,
}

#[async_trait]
impl Outbox for World {
    async fn present(&self) -> Result<i64, OutboxError> {
        Ok(self.events.lock().last().map_or(0, |last| last.id))
    }

    async fn read_after(&self, position: i64, limit: u32) -> Result<Page, OutboxError> {
        self.outbox_reads.fetch_add(1, Ordering::Relaxed);
        let (events, pruned) = (self.events.lock(), *self.pruned.lock());
        let there = events.iter().filter(|e| e.id > position.max(pruned));
        Ok(Page {
            events: there.take(limit as usize).cloned().map(Ok).collect(),
            pruned,
            newest: events.last().map_or(0, |last| last.id),
        })
    }

    async fn appended(&self) {
        std::future::pending::<()>().await;
    }

    fn lanes(&self) -> Box<dyn Lanes> {
        Box::new(NoLanes)
    }
}

/// Nobody relays here.
pub(super) struct NoLanes;

#[async_trait]
impl Lanes for NoLanes {
    async fn share(&mut self) -> Result<BTreeMap<Lane, i64>, OutboxError> {
        Ok(BTreeMap::new())
    }

    async fn relayed(&mut self, _: &BTreeMap<Lane, i64>) -> Result<(), OutboxError> {
        Ok(())
    }

    async fn prune(&mut self, _: Duration, _: u32) -> Result<u64, OutboxError> {
        Ok(0)
    }

    async fn leave(self: Box<Self>) {}
}

#[async_trait]
impl EventStore for World {
    async fn seats(&self, flights: &[FlightId]) -> Result<Vec<FlightSeats>, StoreError> {
        self.seat_reads.fetch_add(1, Ordering::Relaxed);
        let failing = &self.failing;
        if failing.load(Ordering::Relaxed) > 0 {
            failing.fetch_sub(1, Ordering::Relaxed);
            return Err(StoreError::Database(sqlx::Error::PoolClosed));
        }
        let seats = self.seats.lock();
        let of = |id: &FlightId| {
            let mut cabins = [None; 4];
            cabins[Cabin::Economy.index()] = Some(*seats.get(id)?);
            Some(FlightSeats {
                id: *id,
                version: 1,
                status: FlightStatus::Scheduled,
                cabins,
            })
        };
        Ok(flights.iter().filter_map(of).collect())
    }
}

/// A process whose consumers run.
pub(super) struct Process {
    pub(super) world: Arc<World>,
    pub(super) live: Arc<Live>,
    pub(super) bus: MemoryBus,
    pub(super) revocations: Arc<Revocations>,
    pub(super) stop: CancellationToken,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Process {
    pub(super) async fn new() -> Self {
        Self::on(Arc::default(), &EventSettings::default()).await
    }

    /// One whose signs of life come often.
    pub(super) async fn often() -> Self {
        Self::with(Arc::default(), &EventSettings::default(), OFTEN).await
    }

    pub(super) async fn on(world: Arc<World>, settings: &EventSettings) -> Self {
        Self::with(world, settings, HEARTBEAT).await
    }

    pub(super) async fn with(
        world: Arc<World>,
        settings: &EventSettings,
        heartbeat: Duration,
    ) -> Self {
        let revocations = Arc::new(Revocations::default());
        let mut live = Live::new(
            world.clone(),
            world.clone(),
            Arc::clone(&revocations),
            Arc::new(SystemClock),
            settings,
        );
        live.heartbeat = heartbeat;
        let live = Arc::new(live);
        let bus = MemoryBus::default();
        let events = bus.subscribe("events").await.unwrap();
        live.begin().await.unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(consumers::follow(Arc::clone(&live), events, stop.clone()));
        tokio::spawn(consumers::tell_seats(Arc::clone(&live), stop.clone()));
        Self {
            world,
            live,
            bus,
            revocations,
            stop,
        }
    }

    /// Something is committed, and heard of here.
    pub(super) async fn happens(&self, event: Event) -> i64 {
        let envelope = self.world.append(event);
        let id = envelope.id;
        self.bus.publish(vec![envelope]).await.unwrap();
        while self.live.told() < id {
            tokio::task::yield_now().await;
        }
        id
    }

    pub(super) async fn listens(&self, caller: &Caller, after: Option<i64>) -> Client {
        self.listens_to(caller, after, &[]).await.unwrap()
    }

    pub(super) async fn listens_to(
        &self,
        caller: &Caller,
        after: Option<i64>,
        flights: &[i64],
    ) -> Result<Client, ListenError> {
        let request = Request {
            caller: caller.clone(),
            expires: Timestamp::now() + Duration::from_mins(15),
            after,
            flights: flights.iter().copied().map(FlightId::from_raw).collect(),
        };
        let listening = self.live.listen(request).await?;
        Ok(Client::of(listening))
    }

    pub(super) fn figure(&self, name: &str) -> String {
        let mut registry = Registry::default();
        self.live.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap().to_owned()
    }
}

impl World {
    pub(super) fn append(&self, event: Event) -> Envelope {
        let mut events = self.events.lock();
        let envelope = Envelope {
            // Positions have gaps.
            id: events.last().map_or(0, |last| last.id) + 2,
            at: Timestamp::now(),
            event,
        };
        events.push(envelope.clone());
        envelope
    }
}

/// What a client has heard.
pub(super) struct Client {
    pub(super) listening: Listening,
    pub(super) last: Option<i64>,
}

/// A message: its type and data.
pub(super) type Message = (String, Value);

impl Client {
    pub(super) fn of(listening: Listening) -> Self {
        Self {
            listening,
            last: None,
        }
    }

    /// The next piece's messages; `None` at the end.
    pub(super) async fn hears(&mut self) -> Option<Vec<Message>> {
        let piece = self.listening.next().await?;
        let text = std::str::from_utf8(&piece).unwrap();
        assert!(text.ends_with("\n\n"), "whole messages: {text:?}");
        let mut messages = Vec::new();
        for block in text.split_terminator("\n\n") {
            let field = |name: &str| {
                let mut lines = block.lines();
                lines.find_map(|line| line.strip_prefix(name))
            };
            if let Some(id) = field("id: ") {
                let id = id.parse().unwrap();
                assert!(
                    self.last.is_none_or(|last| last <= id),
                    "{:?} then {id}",
                    self.last
                );
                self.last = Some(id);
            }
            if let Some(data) = field("data: ") {
                let data: Value = serde_json::from_str(data).unwrap();
                assert_eq!(field("event: "), data["type"].as_str());
                messages.push((data["type"].as_str().unwrap().to_owned(), data));
            }
        }
        Some(messages)
    }

    /// So many messages, as types and locators, the end as one; and all that comes with them.
    pub(super) async fn hears_all(&mut self, count: usize) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let mut until = Instant::now() + PATIENCE;
        loop {
            if all.len() >= count {
                until = until.min(Instant::now() + GRACE);
            }
            let Ok(heard) = tokio::time::timeout_at(until, self.hears()).await else {
                return all;
            };
            let Some(heard) = heard else {
                all.push("end".to_owned());
                return all;
            };
            all.extend(heard.into_iter().map(|(kind, data)| {
                let of = data["locator"].as_str().or(data["flight_id"].as_str());
                match of {
                    Some(of) => format!("{kind} {of}"),
                    None => kind,
                }
            }));
        }
    }

    /// Fails where something else is heard, or more.
    pub(super) async fn hears_only(
        &mut self,
        expected: impl IntoIterator<Item = impl Into<String>>,
    ) {
        let expected: Vec<String> = expected.into_iter().map(Into::into).collect();
        assert_eq!(self.hears_all(expected.len()).await, expected);
    }

    pub(super) async fn hears_nothing(&mut self) {
        self.hears_only([""; 0]).await;
    }
}
