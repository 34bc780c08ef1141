//! Live events over an outbox and seats in the test's hands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use airside_common::event::{BookingEvent, Event};
use airside_common::flight::{Cabin, FlightId, FlightStatus};
use airside_common::time::Instant as Moment;
use airside_common::user::{Role, SessionId, UserId};
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::consumers;
use super::listeners::QUEUE;
use super::listening::{HEARTBEAT, Listening};
use super::live::{ListenError, Live, Request};
use super::past;
use super::store::{EventStore, FlightSeats};
use crate::bus::memory::MemoryBus;
use crate::bus::{Bus, Envelope};
use crate::clock::SystemClock;
use crate::config::EventSettings;
use crate::features::auth::caller::Caller;
use crate::features::auth::revocations::Revocations;
use crate::features::bookings::store::contract::agent;
use crate::outbox::{Lane, Lanes, Outbox, OutboxError, Page};
use crate::store::StoreError;

const NYC: &str = "NYC1A0001";
const LON: &str = "LON1A0001";

/// Signs of life that a test can wait for.
const OFTEN: Duration = Duration::from_millis(200);

/// An outbox in memory, and the seats of flights.
#[derive(Default)]
struct World {
    events: Mutex<Vec<Envelope>>,
    pruned: Mutex<i64>,
    outbox_reads: AtomicUsize,
    seats: Mutex<BTreeMap<FlightId, u32>>,
    seat_reads: AtomicUsize,
    /// So many looks for seats fail.
    failing: AtomicUsize,
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
struct NoLanes;

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
struct Process {
    world: Arc<World>,
    live: Arc<Live>,
    bus: MemoryBus,
    revocations: Arc<Revocations>,
    stop: CancellationToken,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Process {
    async fn new() -> Self {
        Self::on(Arc::default(), &EventSettings::default()).await
    }

    /// One whose signs of life come often.
    async fn often() -> Self {
        Self::with(Arc::default(), &EventSettings::default(), OFTEN).await
    }

    async fn on(world: Arc<World>, settings: &EventSettings) -> Self {
        Self::with(world, settings, HEARTBEAT).await
    }

    async fn with(world: Arc<World>, settings: &EventSettings, heartbeat: Duration) -> Self {
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
    async fn happens(&self, event: Event) -> i64 {
        let envelope = self.world.append(event);
        let id = envelope.id;
        self.bus.publish(vec![envelope]).await.unwrap();
        while self.live.told() < id {
            tokio::task::yield_now().await;
        }
        id
    }

    async fn listens(&self, caller: &Caller, after: Option<i64>) -> Client {
        self.listens_to(caller, after, &[]).await.unwrap()
    }

    async fn listens_to(
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

    fn figure(&self, name: &str) -> String {
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
    fn append(&self, event: Event) -> Envelope {
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
struct Client {
    listening: Listening,
    last: Option<i64>,
}

/// A message: its type and data.
type Message = (String, Value);

impl Client {
    fn of(listening: Listening) -> Self {
        Self {
            listening,
            last: None,
        }
    }

    /// The next piece's messages; `None` at the end.
    async fn hears(&mut self) -> Option<Vec<Message>> {
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
    async fn hears_all(&mut self, count: usize) -> Vec<String> {
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
    async fn hears_only(&mut self, expected: impl IntoIterator<Item = impl Into<String>>) {
        let expected: Vec<String> = expected.into_iter().map(Into::into).collect();
        assert_eq!(self.hears_all(expected.len()).await, expected);
    }

    async fn hears_nothing(&mut self) {
        self.hears_only([""; 0]).await;
    }
}

/// What should come has so long to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What should not come has so long to come.
const GRACE: Duration = Duration::from_millis(250);

const LOCATORS: [&str; 4] = ["AAAAAA", "BBBBBB", "CCCCCC", "DDDDDD"];

/// A booking of an office was made by somebody.
fn made(number: usize, by: &Caller) -> Event {
    Event::BookingCreated(BookingEvent {
        locator: LOCATORS[number].parse().unwrap(),
        version: 1,
        office: by.office.clone(),
        operation: Some("key".parse().unwrap()),
        sent_by: Some(by.user_id),
    })
}

fn created(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    let told = |number: usize| format!("booking.created {}", LOCATORS[number]);
    numbers.into_iter().map(told).collect()
}

fn seats_of(flights: &[i64]) -> Event {
    Event::InventoryChanged {
        flights: flights.iter().copied().map(FlightId::from_raw).collect(),
    }
}

#[tokio::test]
async fn an_office_hears_of_its_own_and_an_admin_of_all_and_a_key_is_its_senders() {
    let process = Process::new().await;
    let (ada, bob, eve) = (agent("ada", NYC), agent("bob", NYC), agent("eve", LON));
    let root = Caller {
        role: Role::Admin,
        ..agent("root", NYC)
    };
    let mut clients = Vec::new();
    for caller in [&ada, &bob, &eve, &root] {
        let mut client = process.listens(caller, None).await;
        client.hears_only(["reset"]).await;
        clients.push(client);
    }
    process.happens(made(0, &ada)).await;
    process.happens(made(1, &eve)).await;
    let keys = [
        [Some("key"), None],
        [None, None],
        [None, Some("key")],
        [None, None],
    ];
    for ((client, numbers), keys) in clients.iter_mut().zip([0..1, 0..1, 1..2, 0..2]).zip(keys) {
        let heard = client.hears().await.unwrap();
        let told: Vec<String> = heard
            .iter()
            .map(|(kind, data)| format!("{kind} {}", data["locator"].as_str().unwrap()))
            .collect();
        assert_eq!(told, created(numbers.clone()));
        for (number, (_, data)) in numbers.zip(&heard) {
            assert_eq!(data.get("operation").and_then(Value::as_str), keys[number]);
            assert!(data.get("sent_by").is_none(), "{data}");
        }
    }
    // Those of the release before do not say whose key it is.
    let Event::BookingCreated(mut unsaid) = made(2, &ada) else {
        panic!("a booking");
    };
    unsaid.sent_by = None;
    process.happens(Event::BookingCreated(unsaid)).await;
    let heard = clients[0].hears().await.unwrap();
    assert!(heard[0].1.get("operation").is_none(), "{heard:?}");
    // A queue is its office's, as bookings are.
    process
        .happens(Event::QueueChanged {
            office: LON.parse().unwrap(),
            queue: "7".parse().unwrap(),
        })
        .await;
    let queue = json!({"type": "queue.changed", "office": LON, "queue": 7});
    for client in [2, 3] {
        let heard = clients[client].hears().await.unwrap();
        let last = heard.last().unwrap();
        assert_eq!((last.0.as_str(), &last.1), ("queue.changed", &queue));
    }
    process.happens(made(3, &ada)).await;
    let heard = clients[0].hears().await.unwrap();
    assert!(
        heard.iter().all(|(kind, _)| kind != "queue.changed"),
        "{heard:?}"
    );
    assert_eq!(process.figure("event_listeners"), "4");
    clients.clear();
    assert_eq!(process.figure("event_listeners"), "0");
}

#[tokio::test]
async fn who_comes_back_hears_what_was_missed_once_and_in_order() {
    let process = Process::new().await;
    let (ada, eve) = (agent("ada", NYC), agent("eve", LON));
    let mut client = process.listens(&ada, None).await;
    client.hears_only(["reset"]).await;
    process.happens(made(0, &ada)).await;
    client.hears_only(created([0])).await;
    let last = client.last;
    drop(client);
    process.happens(made(1, &ada)).await;
    process.happens(made(2, &eve)).await;
    let newest = process.happens(made(3, &ada)).await;
    let mut client = process.listens(&ada, last).await;
    client.hears_only(created([1, 3])).await;
    assert_eq!(client.last, Some(newest));
    // Nothing was missed.
    let mut client = process.listens(&ada, client.last).await;
    client.hears_nothing().await;
    process.happens(made(0, &ada)).await;
    client.hears_only(created([0])).await;
    assert_eq!(process.world.outbox_reads.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_was_before_the_process_is_read_from_the_outbox_once_for_all() {
    let world = Arc::new(World::default());
    let ada = agent("ada", NYC);
    let before = world.append(made(0, &ada)).id;
    for number in 1..4 {
        world.append(made(number, &ada));
        world.append(seats_of(&[1]));
    }
    let process = Process::on(world, &EventSettings::default()).await;
    let back = (0..8).map(|_| process.listens_to(&ada, Some(before), &[]));
    for client in futures_util::future::join_all(back).await {
        assert_eq!(client.unwrap().hears_all(3).await, created(1..4));
    }
    assert_eq!(process.world.outbox_reads.load(Ordering::Relaxed), 1);
    // One that is of a little earlier reads that little more.
    let mut client = process.listens(&ada, Some(0)).await;
    client.hears_only(created(0..4)).await;
    let mut client = process.listens(&ada, Some(before + 2)).await;
    client.hears_only(created(2..4)).await;
    assert_eq!(process.world.outbox_reads.load(Ordering::Relaxed), 2);
}

#[rstest]
#[case::deleted(Some(10), Some(2))]
#[case::of_another_outbox(None, Some(100))]
#[case::no_position(None, None)]
#[tokio::test]
async fn where_events_are_gone_the_client_is_told(
    #[case] pruned: Option<i64>,
    #[case] after: Option<i64>,
) {
    let world = Arc::new(World::default());
    let ada = agent("ada", NYC);
    for number in [0, 1, 2, 3, 0, 1] {
        world.append(made(number, &ada));
    }
    *world.pruned.lock() = pruned.unwrap_or(0);
    let process = Process::on(world, &EventSettings::default()).await;
    let mut client = process.listens(&ada, after).await;
    client.hears_only(["reset"]).await;
    assert_eq!(client.last, Some(12), "from here on it hears everything");
    process.happens(made(3, &ada)).await;
    client.hears_only(created([3])).await;
}

#[tokio::test]
async fn of_more_than_is_remembered_the_client_is_told() {
    let world = Arc::new(World::default());
    let ada = agent("ada", NYC);
    let first = world.append(made(0, &ada)).id;
    for _ in 0..=past::MOST {
        world.append(made(1, &ada));
    }
    let process = Process::on(world, &EventSettings::default()).await;
    let mut client = process.listens(&ada, Some(first)).await;
    client.hears_only(["reset"]).await;
    let mut client = process.listens(&ada, Some(first + 2)).await;
    assert_eq!(client.hears_all(past::MOST).await.len(), past::MOST);
    // The oldest is forgotten for the newest.
    process.happens(made(2, &ada)).await;
    let mut client = process.listens(&ada, Some(first + 2)).await;
    client.hears_only(["reset"]).await;
}

#[tokio::test]
async fn who_was_with_a_process_that_is_ahead_hears_nothing_twice() {
    let process = Process::new().await;
    let ada = agent("ada", NYC);
    let seen = process.world.append(made(0, &ada));
    let mut client = process.listens(&ada, Some(seen.id)).await;
    process.bus.publish(vec![seen]).await.unwrap();
    process.happens(made(1, &ada)).await;
    client.hears_only(created([1])).await;
}

#[tokio::test]
async fn a_slow_reader_is_cut_off_and_misses_nothing_when_it_comes_back() {
    let process = Process::often().await;
    let ada = agent("ada", NYC);
    let mut slow = process.listens(&ada, None).await;
    let mut quick = process.listens(&ada, None).await;
    let mut taken = 0;
    slow.hears_only(["reset"]).await;
    for number in 0..QUEUE + 3 {
        process.happens(made(number % 4, &ada)).await;
        if number % 300 == 0 {
            taken += quick.hears().await.unwrap().len();
        }
    }
    assert_eq!(process.figure("event_listeners_cut_total"), "1");
    assert_eq!(process.figure("event_listeners"), "1");
    // The signs of life of one that was cut off do not say that it has heard the rest.
    tokio::time::sleep(OFTEN).await;
    let heard = slow.hears_all(QUEUE + 1).await;
    assert_eq!(heard.len(), QUEUE + 1);
    assert_eq!(heard.last().unwrap(), "end");
    let mut back = process.listens(&ada, slow.last).await;
    assert_eq!(back.hears_all(3).await.len(), 3);
    process.happens(made(0, &ada)).await;
    // A reset, all of these, and the last.
    let left = QUEUE + 5 - taken;
    assert_eq!(quick.hears_all(left).await.len(), left);
}

#[tokio::test]
async fn a_sign_of_life_comes_and_says_how_far_it_has_heard() {
    let process = Process::often().await;
    let (ada, eve) = (agent("ada", NYC), agent("eve", LON));
    let mut client = process.listens(&ada, None).await;
    assert_eq!(client.hears().await.unwrap().len(), 1, "the reset");
    let others = process.happens(made(0, &eve)).await;
    assert!(client.last < Some(others));
    for _ in 0..3 {
        assert_eq!(client.hears().await, Some(vec![]));
        assert_eq!(client.last, Some(others));
    }
    // So that it is not told of a reset although its own office's last event is long gone.
    *process.world.pruned.lock() = others;
    let mut client = process.listens(&ada, client.last).await;
    client.hears_nothing().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let process = Process::new().await;
    let expires = Timestamp::now() + Duration::from_millis(300);
    let request = Request {
        caller: agent("ada", NYC),
        expires,
        after: None,
        flights: Vec::new(),
    };
    let mut client = Client::of(process.live.listen(request).await.unwrap());
    client.hears_only(["reset", "end"]).await;
    assert!(Timestamp::now() >= expires);
}

#[tokio::test]
async fn a_stream_ends_with_its_session_also_where_no_event_tells() {
    let process = Process::often().await;
    let (ada, eve) = (agent("ada", NYC), agent("eve", NYC));
    let mut told = process.listens(&ada, None).await;
    let mut stays = process.listens(&eve, None).await;
    let until = Timestamp::now() + Duration::from_mins(15);
    let sessions = vec![ada.session];
    let ended = Event::SessionsEnded {
        sessions,
        until: Moment(until),
    };
    process.happens(ended).await;
    told.hears_only(["reset", "end"]).await;
    assert_eq!(stays.hears().await.unwrap().len(), 1, "the reset");
    assert_eq!(stays.hears().await, Some(vec![]), "a sign of life");
    process.revocations.add(eve.session, until);
    stays.hears_only(["end"]).await;
}

#[tokio::test]
async fn streams_are_bounded_by_user_and_process() {
    let settings = EventSettings {
        max_streams: 3.try_into().unwrap(),
        max_streams_per_user: 2.try_into().unwrap(),
        ..EventSettings::default()
    };
    let process = Process::on(Arc::default(), &settings).await;
    let (ada, eve) = (agent("ada", NYC), agent("eve", LON));
    let one = process.listens(&ada, None).await;
    let _two = process.listens(&ada, None).await;
    let third = process.listens_to(&ada, None, &[]).await;
    assert!(matches!(third, Err(ListenError::TooManyOfUser(2))));
    let _three = process.listens(&eve, None).await;
    let fourth = process.listens_to(&eve, None, &[]).await;
    assert!(matches!(fourth, Err(ListenError::TooMany)));
    drop(one);
    process.listens_to(&ada, None, &[]).await.unwrap();
}

#[tokio::test]
async fn at_the_end_all_are_told_to_come_back_and_nobody_is_taken() {
    let process = Process::new().await;
    let ada = agent("ada", NYC);
    let mut client = process.listens(&ada, None).await;
    client.hears_only(["reset"]).await;
    process.live.close();
    let last = client.listening.next().await.unwrap();
    let wait = std::str::from_utf8(&last).unwrap();
    let wait: u64 = wait
        .trim()
        .strip_prefix("retry: ")
        .unwrap()
        .parse()
        .unwrap();
    assert!((500..=1500).contains(&wait), "{wait}");
    assert_eq!(client.hears().await, None);
    let refused = process.listens_to(&ada, None, &[]).await;
    assert!(matches!(refused, Err(ListenError::Ending)));
}

#[tokio::test]
async fn seats_are_read_once_for_all_who_named_the_flight() {
    let process = Process::new().await;
    let world = &process.world;
    let flights = [(1, 10), (2, 20), (3, 30)];
    let flights = flights.map(|(id, seats)| (FlightId::from_raw(id), seats));
    world.seats.lock().extend(flights);
    let mut clients = Vec::new();
    for number in 0..5 {
        let caller = agent(&format!("agent{number}"), NYC);
        let named: &[i64] = if number == 4 { &[3] } else { &[1, 2] };
        clients.push(process.listens_to(&caller, None, named).await.unwrap());
    }
    let reads = || world.seat_reads.load(Ordering::Relaxed);
    let both = ["reset", "inventory.changed 1", "inventory.changed 2"];
    for client in &mut clients[..4] {
        client.hears_only(both).await;
    }
    assert_eq!(
        clients[4].hears_all(2).await,
        ["reset", "inventory.changed 3"]
    );
    assert_eq!(reads(), 1, "they came at about the same time");

    // Many changes at about the same time are read as one.
    world.seats.lock().insert(FlightId::from_raw(1), 4);
    for _ in 0..50 {
        process.happens(seats_of(&[1, 7])).await;
    }
    for client in &mut clients[..4] {
        let heard = client.hears().await.unwrap();
        let [(_, seats)] = &heard[..] else {
            panic!("{heard:?}");
        };
        let cabins = json!([{"cabin": "economy", "available": 4}]);
        assert_eq!(
            (&seats["flight_id"], &seats["cabins"]),
            (&json!("1"), &cabins)
        );
    }
    clients[4].hears_nothing().await;
    assert_eq!(reads(), 2);

    // Nobody has named it: nothing is read.
    process.happens(seats_of(&[7])).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(reads(), 2);

    // Who comes is told, and those who were there are not.
    let mut new = process
        .listens_to(&agent("new", LON), None, &[1])
        .await
        .unwrap();
    new.hears_only(["reset", "inventory.changed 1"]).await;
    clients[0].hears_nothing().await;

    // A look that fails is tried again.
    world.failing.store(2, Ordering::Relaxed);
    process.happens(seats_of(&[2])).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    clients[0].hears_only(["inventory.changed 2"]).await;
    let flight = FlightId::from_raw(3);
    process
        .happens(Event::FlightChanged { flight, version: 2 })
        .await;
    clients[4].hears_only(["inventory.changed 3"]).await;
}

#[tokio::test]
async fn where_events_are_lost_all_are_told_to_begin_anew() {
    let process = Process::new().await;
    process.world.seats.lock().insert(FlightId::from_raw(1), 4);
    let ada = agent("ada", NYC);
    let mut client = process.listens_to(&ada, None, &[1]).await.unwrap();
    client.hears_only(["reset", "inventory.changed 1"]).await;
    let lost = process.world.append(made(0, &ada)).id;
    process.bus.skip().await.unwrap();
    client.hears_only(["reset", "inventory.changed 1"]).await;
    assert_eq!(client.last, Some(lost));
    let mut back = process.listens(&ada, client.last).await;
    back.hears_nothing().await;

    // A database that is another one has lower positions: those count from now on.
    process.world.events.lock().clear();
    client.last = None;
    process.bus.skip().await.unwrap();
    client.hears_only(["reset", "inventory.changed 1"]).await;
    assert_eq!(client.last, Some(0));
    process.happens(made(1, &ada)).await;
    client.hears_only(created([1])).await;
    assert_eq!(client.last, Some(2));
}

#[tokio::test]
async fn a_thousand_listen_and_each_hears_all_of_its_own() {
    let process = Process::new().await;
    let offices: Vec<String> = (0..10).map(|n| format!("OFF{n:06}")).collect();
    let mut clients = Vec::new();
    for number in 0..1_000 {
        let caller = Caller {
            user_id: UserId::new(),
            session: SessionId::new(),
            ..agent(&format!("agent{number}"), &offices[number % 10])
        };
        clients.push((caller.clone(), process.listens(&caller, None).await));
    }
    assert_eq!(process.figure("event_listeners"), "1000");
    for (number, (caller, _)) in clients.iter().take(40).enumerate() {
        process.happens(made(number % 4, caller)).await;
    }
    for (number, (_, client)) in clients.iter_mut().enumerate() {
        let mut heard = client.hears().await.unwrap();
        heard.extend(client.hears().await.unwrap());
        assert_eq!(heard.len(), 5, "a reset, and four of its office");
        let office = &offices[number % 10];
        assert!(
            heard[1..]
                .iter()
                .all(|(_, data)| data["office"] == **office)
        );
    }
    assert_eq!(process.figure("events_sent_total"), "4000");
}
