//! Live events over an outbox and seats in the test's hands.

mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use airside_common::event::{BookingEvent, Event};
use airside_common::flight::FlightId;
use airside_common::time::Instant as Moment;
use airside_common::upload::{UploadId, UploadStatus};
use airside_common::user::{Role, SessionId, UserId};
use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use self::world::{Client, OFTEN, Process, World};
use super::listeners::QUEUE;
use super::live::{ListenError, Request};
use super::past;
use crate::bus::Bus;
use crate::config::EventSettings;
use crate::features::auth::caller::Caller;
use crate::features::bookings::store::contract::agent;

/// By when an event has come, far later than it does.
const SOON: Duration = Duration::from_secs(20);

const NYC: &str = "NYC1A0001";
const LON: &str = "LON1A0001";

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

/// The events of an upload from its arrival to its end, and how they are told.
fn uploaded() -> ([Event; 3], [Value; 3]) {
    let upload = UploadId::new();
    let (rows_done, bytes_done, bytes_total) = (7, 400, 1000);
    let status = UploadStatus::Failed;
    let events = [
        Event::UploadReceived { upload },
        Event::UploadProgressed {
            upload,
            rows_done,
            bytes_done,
            bytes_total,
        },
        Event::UploadCompleted { upload, status },
    ];
    let progress = json!({"rows_done": 7, "bytes_done": 400, "bytes_total": 1000});
    let told = [
        json!({"type": "upload.received", "upload_id": upload, "status": "queued"}),
        json!({"type": "upload.progressed", "upload_id": upload, "status": "processing", "progress": progress}),
        json!({"type": "upload.completed", "upload_id": upload, "status": "failed"}),
    ];
    (events, told)
}

/// Also who comes back, and whether what was missed is remembered or read from the outbox.
#[tokio::test]
async fn uploads_are_told_to_admins_of_all_offices_and_to_nobody_else() {
    let process = Process::new().await;
    let ada = agent("ada", NYC);
    let admin = |name, office| Caller {
        role: Role::Admin,
        ..agent(name, office)
    };
    let admins = [admin("root", NYC), admin("boss", LON)];
    let mut agents = process.listens(&ada, None).await;
    agents.hears_only(["reset"]).await;
    let mut streams = Vec::new();
    for caller in &admins {
        let mut stream = process.listens(caller, None).await;
        stream.hears_only(["reset"]).await;
        streams.push(stream);
    }
    let before = agents.last;
    let (events, told) = uploaded();
    for event in events {
        process.happens(event).await;
    }
    let booking = process.happens(made(0, &ada)).await;

    agents.hears_only(created([0])).await;
    let hears_all = async |stream: &mut Client| {
        let mut heard = Vec::new();
        while heard.len() < 4 {
            let more = tokio::time::timeout(SOON, stream.hears()).await;
            heard.extend(more.expect("it comes").expect("it goes on"));
        }
        let data: Vec<Value> = heard.into_iter().map(|(_, data)| data).collect();
        assert_eq!(data[..3], told);
        assert_eq!(data[3]["type"], "booking.created");
        assert_eq!(stream.last, Some(booking));
    };
    for stream in &mut streams {
        hears_all(stream).await;
    }
    let new = Process::on(Arc::clone(&process.world), &EventSettings::default()).await;
    for process in [&process, &new] {
        hears_all(&mut process.listens(&admins[1], before).await).await;
        let mut back = process.listens(&ada, before).await;
        back.hears_only(created([0])).await;
    }
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
