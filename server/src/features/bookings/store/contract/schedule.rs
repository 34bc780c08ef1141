//! Flights that change under their bookings, on a whole database: flights write what happened, bookings are told.

use airside_common::api::flights::PatchFlight;

use super::*;
use crate::features::flights::store::{
    Expect, FlightChange, FlightRecord, FlightStore, PlannedRow, Unsaid,
};
use crate::features::users::store::contract::entry;
use crate::outbox::Outbox;
use crate::store::Database;
use crate::store::contract::Fixture as OfDatabase;
use crate::store::contract::processes::{agent, flight, now};

const LATER: &str = r#"{"departure":"2099-12-07T09:00","arrival":"2099-12-07T12:00"}"#;
const LATEST: &str = r#"{"departure":"2099-12-07T09:30","arrival":"2099-12-07T12:30"}"#;
const AS_BOOKED: &str = r#"{"departure":"2099-12-07T08:00","arrival":"2099-12-07T11:00"}"#;

pub(crate) fn rebook(caller: &Caller, key: &str, of: &Booking, body: &Value) -> Command {
    let action = Action::Rebook {
        locator: of.locator,
        expected: IfMatch::Version(of.version),
        body: Box::new(serde_json::from_value(body.clone()).unwrap()),
    };
    let path = format!("/rebook/{}", of.locator);
    asked(caller, key, (&path, body), action)
}

/// The flight as it is after a change.
pub(crate) async fn moved(store: &impl FlightStore, id: FlightId, patch: &str) -> FlightRecord {
    let patch: PatchFlight = serde_json::from_str(patch).unwrap();
    let version = store.flight(id).await.unwrap().unwrap().version;
    let change = FlightChange { id, version, patch };
    let audit = entry("flight.changed");
    store.change(change, now(), audit).await.unwrap()
}

pub(crate) async fn grounded(store: &impl FlightStore, id: FlightId) {
    let version = store.flight(id).await.unwrap().unwrap().version;
    let audit = entry("flight.cancelled");
    store.cancel(id, version, now(), audit).await.unwrap();
}

/// Tells all bookings what they do not know; answers how many changed by it.
pub(crate) async fn tell(store: &impl BookingStore) -> usize {
    let mut changed = 0;
    for _ in 0..20 {
        let due = store.due(Look::Everything, 100).await.unwrap();
        let commands: Vec<Command> = due.into_iter().map(Command::Due).collect();
        if commands.is_empty() {
            return changed;
        }
        for outcome in store.execute(&commands).await.unwrap() {
            let Outcome::Settled(count) = outcome else {
                panic!("{outcome:?}");
            };
            changed += count;
        }
    }
    panic!("there is always something that is due");
}

/// So many bookings of one person on a flight, each with a seat of its own.
pub(crate) async fn book(
    store: &impl BookingStore,
    ada: &Caller,
    flight: FlightId,
    count: usize,
) -> Vec<Booking> {
    let command = |n: usize| {
        let seat = format!("{}{}", 1 + n / 6, ["A", "B", "C", "D", "E", "F"][n % 6]);
        create(ada, &format!("{flight}-{n}"), flight.raw(), |body| {
            body["seats"] = json!([{"segment": 1, "passenger": 1, "seat": seat}]);
        })
    };
    let commands: Vec<Command> = (0..count).map(command).collect();
    let outcomes = store.execute(&commands).await.unwrap();
    outcomes.iter().map(booking).collect()
}

async fn now_is(store: &impl BookingStore, of: &Booking) -> Booking {
    store.booking(of.locator).await.unwrap().unwrap().booking
}

/// The events of bookings after a position: type and locator.
async fn told_after(store: &impl Outbox, position: i64) -> Vec<(String, Locator)> {
    let page = store.read_after(position, 1_000).await.unwrap();
    let events = page.events.into_iter().map(|event| event.unwrap().event);
    events
        .filter_map(|event| Some((event.kind().to_owned(), event.booking()?.locator)))
        .collect()
}

async fn position(store: &impl Outbox) -> i64 {
    store.read_after(0, 1_000).await.unwrap().newest
}

async fn is_sound(store: &impl Database) {
    assert_eq!(store.violations().await.unwrap(), []);
}

pub(crate) async fn bookings_are_told_of_new_times_once(fixture: &impl OfDatabase) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let id = flight(store, 1, 6).await.id;
    let bookings = book(store, &ada, id, 5).await;
    let before = position(store).await;
    moved(store, id, LATER).await;
    // Who books now has agreed to the new times.
    let after = one(store, create(&ada, "after", id.raw(), |_| {})).await;
    let after = booking(&after);
    let due = store.due(Look::Flights(&[id]), 100).await.unwrap();
    let mut expected: Vec<Duty> = bookings
        .iter()
        .map(|b| Duty::Reschedule(b.locator))
        .collect();
    let mut found = due.clone();
    let by_name = |duty: &Duty| Command::Due(*duty).name();
    found.sort_by_key(by_name);
    expected.sort_by_key(by_name);
    assert_eq!(found, expected);
    assert_eq!(store.settle_changes().await.unwrap(), 0, "they do not know");
    // Two processes hear of it, and each looks twice.
    let other = fixture.of_another_process().await;
    let commands: Vec<Command> = due.into_iter().map(Command::Due).collect();
    let (here, there) = tokio::join!(store.execute(&commands), other.execute(&commands));
    let settled = here.unwrap().into_iter().chain(there.unwrap());
    let changed = settled.map(|outcome| match outcome {
        Outcome::Settled(count) => count,
        other => panic!("{other:?}"),
    });
    assert_eq!(changed.sum::<usize>(), 5);
    assert_eq!(tell(store).await, 0);
    assert_eq!(store.settle_changes().await.unwrap(), 1);
    assert_eq!(store.settle_changes().await.unwrap(), 0);

    for made in &bookings {
        let now = now_is(store, made).await;
        assert_eq!((now.version, now.status), (2, made.status));
        let segment = &now.segments[0];
        assert_eq!(segment.status, SegmentStatus::Tk);
        assert_eq!(segment.departure.to_string(), "2099-12-07T09:00:00-05:00");
        assert_eq!(segment.previous_departure, Some(made.segments[0].departure));
        assert_eq!(segment.previous_arrival, Some(made.segments[0].arrival));
        assert_eq!(now.seats, made.seats);
        let history = store.history(made.locator).await.unwrap();
        let last = &history[1..];
        assert_eq!(last.len(), 1);
        assert_eq!(last[0].action, "booking.changed");
        assert_eq!(last[0].by.as_str(), "system");
        assert!(
            last[0].detail.contains("0900-1200 now, not 0800-1100"),
            "{}",
            last[0].detail
        );
    }
    let now = now_is(store, &after).await;
    assert_eq!(
        (now.version, now.segments[0].status),
        (1, SegmentStatus::Hk)
    );
    let mut told = told_after(store, before).await;
    told.retain(|(kind, _)| kind == "booking.changed");
    told.sort_by_key(|(_, locator)| *locator);
    let mut expected: Vec<Locator> = bookings.iter().map(|b| b.locator).collect();
    expected.sort_unstable();
    assert_eq!(told.iter().map(|(_, l)| *l).collect::<Vec<_>>(), expected);
    is_sound(store).await;
}

pub(crate) async fn the_last_times_are_told_and_what_was_agreed_stays(fixture: &impl OfDatabase) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let id = flight(store, 1, 6).await.id;
    let made = book(store, &ada, id, 1).await.remove(0);
    let before = position(store).await;
    // There and back before anybody has looked: nobody is told.
    moved(store, id, LATER).await;
    moved(store, id, AS_BOOKED).await;
    assert_eq!(tell(store).await, 1, "it is noted");
    assert_eq!(store.settle_changes().await.unwrap(), 2);
    assert_eq!(now_is(store, &made).await, made);
    assert_eq!(told_after(store, before).await, []);
    // Moved twice at once, and then back.
    moved(store, id, LATER).await;
    moved(store, id, LATEST).await;
    assert_eq!(tell(store).await, 1);
    let now = now_is(store, &made).await;
    assert_eq!(
        (now.version, now.segments[0].status),
        (2, SegmentStatus::Tk)
    );
    assert_eq!(
        now.segments[0].previous_departure,
        Some(made.segments[0].departure)
    );
    moved(store, id, LATER).await;
    assert_eq!(tell(store).await, 1);
    let now = now_is(store, &made).await;
    assert_eq!(
        now.segments[0].previous_departure,
        Some(made.segments[0].departure)
    );
    moved(store, id, AS_BOOKED).await;
    assert_eq!(tell(store).await, 1);
    let now = now_is(store, &made).await;
    assert_eq!(
        (now.version, now.segments[0].status),
        (4, SegmentStatus::Hk)
    );
    assert_eq!(now.segments, made.segments);
    // What is no change of times is no news.
    let fare = r#"{"cabins":[{"cabin":"economy","capacity":6,"fare":{"amount":"1.00","currency":"USD"}}]}"#;
    moved(store, id, fare).await;
    assert_eq!(store.due(Look::Everything, 10).await.unwrap(), []);
    is_sound(store).await;
}

pub(crate) async fn a_file_moves_flights_as_an_admin_does(fixture: &impl OfDatabase) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let record = flight(store, 1, 6).await;
    let made = book(store, &ada, record.id, 2).await;
    let empty = flight(store, 2, 6).await;
    let rows: Vec<PlannedRow> = [&record, &empty]
        .into_iter()
        .zip(2..)
        .map(|(record, line)| {
            let mut plan = record.plan.clone();
            plan.departure = "2099-12-07T08:15:00-05:00".parse().unwrap();
            PlannedRow {
                unsaid: Unsaid::Nothing,
                line,
                plan,
            }
        })
        .collect();
    for expected in [2, 0, 0] {
        store.merge(&rows, Expect::Known, now()).await.unwrap();
        assert_eq!(tell(store).await, expected);
    }
    assert_eq!(
        store.settle_changes().await.unwrap(),
        1,
        "the empty flight has nobody to be told"
    );
    store.merge(&rows, Expect::New, now()).await.unwrap();
    assert_eq!(
        store.settle_changes().await.unwrap(),
        0,
        "the same file again is no news"
    );
    for made in made {
        let now = now_is(store, &made).await;
        assert_eq!(
            (now.version, now.segments[0].status),
            (2, SegmentStatus::Tk)
        );
        assert_eq!(
            now.segments[0].previous_arrival,
            Some(now.segments[0].arrival)
        );
    }
    is_sound(store).await;
}

pub(crate) async fn a_cancelled_flight_gives_its_seats_back(fixture: &impl OfDatabase) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let id = flight(store, 1, 2).await.id;
    let bookings = book(store, &ada, id, 2).await;
    let waits = create(&ada, "waits", id.raw(), |body| {
        body["waitlist"] = true.into();
    });
    let waits = booking(&one(store, waits).await);
    moved(store, id, LATER).await;
    grounded(store, id).await;
    // From its commit on nobody books it, whoever was told.
    let late = one(store, create(&ada, "late", id.raw(), |_| {})).await;
    assert_eq!(word(&late), "flight_not_bookable");
    assert_eq!(tell(store).await, 3);
    assert_eq!(store.settle_changes().await.unwrap(), 2);
    for made in &bookings {
        let now = now_is(store, made).await;
        assert_eq!((now.version, now.status), (2, BookingStatus::Confirmed));
        assert_eq!(now.segments[0].status, SegmentStatus::Un);
        assert_eq!(
            now.segments[0].previous_departure,
            Some(made.segments[0].departure)
        );
        assert_eq!((now.seats.len(), now.total), (0, made.total));
    }
    assert_eq!(now_is(store, &waits).await.status, BookingStatus::Cancelled);
    let sold = store.flight(id).await.unwrap().unwrap().sold;
    assert_eq!(sold, [0; 4]);
    is_sound(store).await;
    let gone = cancel(&ada, "gone", bookings[0].locator, 2);
    assert_eq!(word(&one(store, gone).await), "200");
    assert_eq!(store.flight(id).await.unwrap().unwrap().sold, [0; 4]);
    is_sound(store).await;
}

pub(crate) async fn a_booking_is_rebooked_in_one_step(fixture: &impl OfDatabase) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let (first, second) = (flight(store, 1, 1).await.id, flight(store, 2, 1).await.id);
    let made = book(store, &ada, first, 1).await.remove(0);
    let waits = create(&ada, "waits", first.raw(), |body| {
        body["waitlist"] = true.into();
    });
    let waits = booking(&one(store, waits).await);
    let other = book(store, &ada, second, 1).await.remove(0);
    let change = json!({"segments": [
        {"segment": 1, "replacement": {"flight_id": second.to_string(), "cabin": "economy"}}
    ]});
    let refused = one(store, rebook(&ada, "full", &made, &change)).await;
    assert_eq!(word(&refused), "sold_out");
    assert_eq!(now_is(store, &made).await, made, "it keeps what it has");
    let free = cancel(&ada, "free", other.locator, 1);
    assert_eq!(word(&one(store, free).await), "200");
    let command = rebook(&ada, "other", &made, &change);
    let answer = one(store, command.clone()).await;
    let rebooked = booking(&answer);
    assert_eq!(
        one(store, command).await,
        answer,
        "the same key gives the same answer"
    );
    let stale = rebook(&ada, "stale", &made, &change);
    assert_eq!(word(&one(store, stale).await), "stale_version");
    assert_eq!(now_is(store, &made).await, rebooked);
    let seen: Vec<_> = rebooked
        .segments
        .iter()
        .map(|s| (s.flight_id, s.status))
        .collect();
    assert_eq!(
        seen,
        [(first, SegmentStatus::Xx), (second, SegmentStatus::Hk)]
    );
    assert_eq!((rebooked.version, rebooked.seats.len()), (2, 0));
    let stored = store.booking(made.locator).await.unwrap().unwrap();
    assert!(stored.terms[0].ended_at.is_some() && stored.terms[1].booked_at.is_some());
    // Who waited for what was given back has it, by the same transaction.
    assert_eq!(now_is(store, &waits).await.status, BookingStatus::Confirmed);
    let history = store.history(made.locator).await.unwrap();
    assert_eq!(history[1].action, "booking.changed");
    assert_eq!(history[1].by, ada.username);
    is_sound(store).await;

    // The end of all of it.
    moved(store, second, LATER).await;
    grounded(store, first).await;
    assert_eq!(tell(store).await, 2);
    let told = now_is(store, &made).await;
    let statuses: Vec<_> = told.segments.iter().map(|s| s.status).collect();
    assert_eq!(statuses, [SegmentStatus::Xx, SegmentStatus::Tk]);
    let accept = rebook(
        &ada,
        "accept",
        &told,
        &json!({"segments": [{"segment": 2}]}),
    );
    let accepted = booking(&one(store, accept).await);
    assert_eq!(accepted.segments[1].status, SegmentStatus::Hk);
    assert_eq!(accepted.segments[1].previous_departure, None);
    assert_eq!(now_is(store, &made).await, accepted);
    let gone = cancel(&ada, "gone", made.locator, accepted.version);
    let gone = booking(&one(store, gone).await);
    assert!(gone.segments.iter().all(|s| s.status == SegmentStatus::Xx));
    let terms = store.booking(made.locator).await.unwrap().unwrap().terms;
    assert_eq!(terms[0], stored.terms[0], "it ended before");
    is_sound(store).await;
}

/// Changed more than once by one batch, a booking is written once, as it is in the end.
pub(crate) async fn a_batch_tells_and_rebooks(fixture: &impl OfDatabase) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let (first, second) = (flight(store, 1, 2).await.id, flight(store, 2, 2).await.id);
    let made = book(store, &ada, first, 2).await;
    moved(store, first, LATER).await;
    let told = |booking: &Booking| Booking {
        version: booking.version + 1,
        ..booking.clone()
    };
    let other = json!({"segments": [
        {"segment": 1, "replacement": {"flight_id": second.to_string(), "cabin": "economy"}}
    ]});
    let batch = [
        Command::Due(Duty::Reschedule(made[0].locator)),
        Command::Due(Duty::Reschedule(made[1].locator)),
        rebook(
            &ada,
            "accept",
            &told(&made[0]),
            &json!({"segments": [{"segment": 1}]}),
        ),
        rebook(&ada, "other", &told(&made[1]), &other),
        cancel(&ada, "gone", made[1].locator, 3),
        Command::Due(Duty::Reschedule(made[0].locator)),
    ];
    let outcomes = store.execute(&batch).await.unwrap();
    let expected = ["1 settled", "1 settled", "200", "200", "200", "0 settled"];
    assert_eq!(words(&outcomes), expected);
    let accepted = now_is(store, &made[0]).await;
    assert_eq!(
        (accepted.version, accepted.segments[0].status),
        (3, SegmentStatus::Hk)
    );
    assert_eq!(accepted.seats, made[0].seats);
    let gone = now_is(store, &made[1]).await;
    assert_eq!((gone.version, gone.segments.len()), (4, 2));
    assert_eq!(store.history(gone.locator).await.unwrap().len(), 4);
    for (flight, sold) in [(first, 1), (second, 0)] {
        let record = store.flight(flight).await.unwrap().unwrap();
        assert_eq!(record.sold[3], sold);
    }
    is_sound(store).await;
}

/// A flight of the booking was moved and moved back, and another one is replaced: what is noted goes with the segment, whatever
/// its position becomes.
pub(crate) async fn what_a_batch_notes_stays_with_its_segment(fixture: &impl OfDatabase) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let (first, other) = (flight(store, 1, 2).await.id, flight(store, 2, 2).await.id);
    let mut onward = store.flight(other).await.unwrap().unwrap().plan;
    (onward.origin, onward.destination) = (onward.destination, "SFO".parse().unwrap());
    onward.departure = "2099-12-07T13:00:00-08:00".parse().unwrap();
    onward.arrival = "2099-12-07T14:30:00-08:00".parse().unwrap();
    let onward = store.create(onward, now(), entry("flight.created")).await;
    let onward = onward.unwrap().id;
    let segments = json!([first, onward].map(|id| json!({"flight_id": id, "cabin": "economy"})));
    let made = create(&ada, "made", first.raw(), |body| {
        body["segments"] = segments;
    });
    let made = booking(&one(store, made).await);
    moved(store, onward, r#"{"departure":"2099-12-07T13:10"}"#).await;
    moved(store, onward, r#"{"departure":"2099-12-07T13:00"}"#).await;
    let replaced = json!({"segments": [
        {"segment": 1, "replacement": {"flight_id": other, "cabin": "economy"}}
    ]});
    let batch = [
        Command::Due(Duty::Reschedule(made.locator)),
        rebook(&ada, "other", &made, &replaced),
    ];
    let outcomes = store.execute(&batch).await.unwrap();
    assert_eq!(words(&outcomes), ["1 settled", "200"]);
    let stored = store.booking(made.locator).await.unwrap().unwrap();
    let segments = stored.booking.segments.iter().zip(&stored.terms);
    let known: Vec<_> = segments
        .map(|(segment, terms)| (segment.flight_id, terms.version))
        .collect();
    assert_eq!(
        known,
        [(first, Some(1)), (other, Some(1)), (onward, Some(3))]
    );
    assert_eq!(tell(store).await, 0);
    // The flights that it has now are told.
    moved(store, other, r#"{"departure":"2099-12-07T08:10"}"#).await;
    assert_eq!(tell(store).await, 1);
    moved(store, onward, r#"{"departure":"2099-12-07T13:20"}"#).await;
    assert_eq!(tell(store).await, 1);
    let now = now_is(store, &made).await;
    let statuses: Vec<_> = now.segments.iter().map(|s| s.status).collect();
    assert_eq!(
        statuses,
        [SegmentStatus::Xx, SegmentStatus::Tk, SegmentStatus::Tk]
    );
    is_sound(store).await;
}
