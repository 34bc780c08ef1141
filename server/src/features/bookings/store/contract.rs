//! What every implementation of [`BookingStore`] must do.

use std::sync::Arc;
use std::time::Duration;

use airside_common::api::bookings::Booking;
use airside_common::api::problem::Problem;
use airside_common::booking::SegmentStatus;
use airside_common::event::Event;
use airside_common::user::Role;
use serde_json::{Value, json};

use super::*;
use crate::features::auth::caller::{Caller, SessionId};
use crate::features::bookings::command::{Action, Answer, Asked, Fingerprint, IfMatch};
use crate::features::bookings::hold::HoldTerms;

/// A database with nothing in it but what a test puts there.
#[async_trait]
pub(crate) trait Fixture: Send + Sync + Sized {
    /// A new database.
    async fn new() -> Self;

    /// Its bookings.
    fn store(&self) -> Arc<dyn BookingStore>;

    /// A user's row.
    async fn user(&self, caller: &Caller);

    /// A flight JFK-ORD with one economy cabin that departs so many hours from now, by the database's time.
    async fn flight(&self, id: i64, number: u16, hours: i64, capacity: u32);

    /// Another one, ORD-LAX.
    async fn onward(&self, id: i64, number: u16, hours: i64, capacity: u32);

    /// Capacity and sold of the cabin.
    async fn counters(&self, flight: i64) -> (u32, u32);

    /// All that the outbox holds, in order.
    async fn events(&self) -> Vec<Event>;

    /// Makes all idempotency keys older.
    async fn age_keys(&self, hours: i64);

    /// Lets so many hours pass for flights and bookings.
    async fn pass(&self, hours: i64);

    /// Lets the time limits of all holds be so far ahead, by the database's time.
    async fn limits_in(&self, ahead: Duration);

    /// Changes a flight's capacity, as a change of the flight does.
    async fn resize(&self, flight: i64, capacity: u32);

    /// Cancels a flight.
    async fn ground(&self, flight: i64);

    /// Lets the database refuse a booking that is made with this key.
    async fn refuse(&self, key: &str);
}

/// A test case a function, so that each implementation runs all of them, each by its name.
macro_rules! contract {
    ($fixture:ty) => {
        $crate::features::bookings::store::contract::cases!($fixture:
            a_booking_is_found_as_it_was_answered
            the_same_key_gives_the_same_answer
            the_last_seats_go_to_the_first
            a_seat_moves_within_a_batch
            a_cancellation_gives_back_and_its_retry_is_answered
            a_refused_row_undoes_the_whole_batch
            the_database_says_what_has_departed
            lists_are_filtered_and_paged
            old_keys_are_forgotten
            events_tell_what_was_committed
            a_hold_keeps_its_seats_until_it_is_confirmed
            a_hold_ends_by_the_time_of_the_database
            of_confirmation_and_expiry_one_wins
            a_time_limit_has_bounds
            a_time_limit_that_is_near_is_told_once
            a_party_waits_for_all_its_flights_or_for_none
            free_seats_go_to_those_who_came_first
            a_party_that_is_too_large_is_passed_over_and_keeps_its_place
            what_is_given_back_goes_to_those_who_wait_in_the_same_batch
            new_seats_are_given_to_those_who_wait
            a_waitlist_ends_with_its_flight
            what_nobody_asked_for_is_in_the_history_of_nobody
        );
    };
}
macro_rules! cases {
    ($fixture:ty: $($case:ident)*) => {
        $(#[tokio::test]
        async fn $case() {
            let fixture = <$fixture as $crate::features::bookings::store::contract::Fixture>::new().await;
            $crate::features::bookings::store::contract::$case(&fixture).await;
            assert_eq!(fixture.store().violations().await.unwrap(), []);
        })*
    };
}
pub(crate) use {cases, contract};

pub(crate) fn agent(name: &str, office: &str) -> Caller {
    Caller {
        user_id: UserId::new(),
        username: name.parse().unwrap(),
        role: Role::Agent,
        office: office.parse().unwrap(),
        session: SessionId::new(),
    }
}

pub(crate) fn create(
    caller: &Caller,
    key: &str,
    flight: i64,
    change: impl FnOnce(&mut Value),
) -> Command {
    let mut body = json!({
        "segments": [{"flight_id": flight.to_string(), "cabin": "economy"}],
        "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
        "contact": {"phone": "212-5550100"},
    });
    change(&mut body);
    let action = Action::Create {
        body: Box::new(serde_json::from_value(body.clone()).unwrap()),
        terms: HoldTerms::default(),
    };
    asked(caller, key, ("/v1/bookings", &body), action)
}

pub(crate) fn cancel(caller: &Caller, key: &str, locator: Locator, version: u64) -> Command {
    let expected = IfMatch::Version(version);
    let action = Action::Cancel { locator, expected };
    let path = format!("/cancel/{locator}");
    asked(caller, key, (&path, &Value::Null), action)
}

pub(crate) fn confirm(caller: &Caller, key: &str, locator: Locator, version: u64) -> Command {
    let expected = IfMatch::Version(version);
    let action = Action::Confirm { locator, expected };
    let path = format!("/confirm/{locator}");
    asked(caller, key, (&path, &Value::Null), action)
}

fn asked(caller: &Caller, key: &str, (path, body): (&str, &Value), action: Action) -> Command {
    Command::Asked(Box::new(Asked {
        caller: caller.clone(),
        request_id: "request-1".to_owned(),
        key: key.parse().unwrap(),
        fingerprint: Fingerprint::of("POST", path, body).unwrap(),
        action,
    }))
}

pub(crate) fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered(answer) if answer.status < 300 => answer.status.to_string(),
        Outcome::Answered(answer) => serde_json::from_str::<Problem>(&answer.body)
            .unwrap()
            .code
            .word(),
        Outcome::Refused(problem) => problem.code.word(),
        Outcome::Settled(changed) => format!("{changed} settled"),
    }
}

fn words(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(word).collect()
}

pub(crate) fn booking(outcome: &Outcome) -> Booking {
    match outcome {
        Outcome::Answered(Answer { body, .. }) => serde_json::from_str(body).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn one(store: &dyn BookingStore, command: Command) -> Outcome {
    store.execute(&[command]).await.unwrap().remove(0)
}

async fn with_user(fixture: &impl Fixture) -> (Arc<dyn BookingStore>, Caller) {
    let ada = agent("ada", "NYC1A0001");
    fixture.user(&ada).await;
    (fixture.store(), ada)
}

pub(crate) async fn a_booking_is_found_as_it_was_answered(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 30).await;
    let command = create(&ada, "k", 1, |b| {
        b["passengers"] = json!([
            {"given_name": "Zoë", "surname": "O'Brien-Łukasz", "title": "DR", "type": "adult"},
            {"given_name": "李", "surname": "Byron", "type": "infant", "date_of_birth": "2026-05-05"},
            {"given_name": "Max", "surname": "Byron", "type": "child", "date_of_birth": "2020-05-05"},
        ]);
        b["contact"] = json!({"email": "a@example.com", "phone": "+1 212 5550100"});
        b["seats"] = json!([{"segment": 1, "passenger": 3, "seat": "2C"}, {"segment": 1, "passenger": 1, "seat": "2A"}]);
    });
    let outcome = one(&*store, command).await;
    assert_eq!(word(&outcome), "201");
    let mut answered = booking(&outcome);
    let found = store.booking(answered.locator).await.unwrap().unwrap();
    assert_eq!(found.made_by, ada.user_id);
    answered.seats.sort_by_key(|c| c.passenger);
    assert_eq!(found.booking, answered);
    assert_eq!(
        fixture.counters(1).await,
        (30, 2),
        "an infant takes no seat"
    );
    let history = store.history(answered.locator).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].action, "booking.created");
    assert_eq!(history[0].by.as_str(), "ada");
}

pub(crate) async fn the_same_key_gives_the_same_answer(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    let bob = agent("bob", "NYC1A0001");
    fixture.user(&bob).await;
    fixture.flight(1, 1545, 48, 2).await;
    let first = one(&*store, create(&ada, "k", 1, |_| {})).await;
    assert_eq!(first, one(&*store, create(&ada, "k", 1, |_| {})).await);
    let other = create(&ada, "k", 1, |b| b["contact"]["phone"] = json!("99999"));
    assert_eq!(word(&one(&*store, other).await), "idempotency_mismatch");
    assert_eq!(
        word(&one(&*store, create(&bob, "k", 1, |_| {})).await),
        "201",
        "keys are a user's own"
    );
    let late = one(&*store, create(&bob, "late", 1, |_| {})).await;
    assert_eq!(word(&late), "sold_out");
    let locator = booking(&first).locator;
    one(&*store, cancel(&ada, "c", locator, 1)).await;
    assert_eq!(
        late,
        one(&*store, create(&bob, "late", 1, |_| {})).await,
        "a refusal is kept"
    );
    let gone = create(&ada, "gone", 9, |_| {});
    assert_eq!(word(&one(&*store, gone.clone()).await), "invalid_request");
    fixture.flight(9, 9, 48, 1).await;
    assert_eq!(
        word(&one(&*store, gone).await),
        "201",
        "what is invalid is not kept"
    );
}

pub(crate) async fn the_last_seats_go_to_the_first(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 3).await;
    let two = |b: &mut Value| b["passengers"] = vec![b["passengers"][0].clone(); 2].into();
    let batch = [
        create(&ada, "a", 1, two),
        create(&ada, "b", 1, two),
        create(&ada, "c", 1, |_| {}),
        create(&ada, "d", 1, |_| {}),
    ];
    assert_eq!(
        words(&store.execute(&batch).await.unwrap()),
        ["201", "sold_out", "201", "sold_out"]
    );
    assert_eq!(fixture.counters(1).await, (3, 3));
}

pub(crate) async fn a_seat_moves_within_a_batch(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 6).await;
    let seat = |b: &mut Value| b["seats"] = json!([{"segment": 1, "passenger": 1, "seat": "1A"}]);
    let first = booking(&one(&*store, create(&ada, "a", 1, seat)).await);
    let batch = [
        create(&ada, "b", 1, seat),
        cancel(&ada, "c", first.locator, 1),
        create(&ada, "d", 1, seat),
        create(&ada, "e", 1, seat),
    ];
    assert_eq!(
        words(&store.execute(&batch).await.unwrap()),
        ["seat_taken", "200", "201", "seat_taken"]
    );
    assert_eq!(fixture.counters(1).await, (6, 1));
}

pub(crate) async fn a_cancellation_gives_back_and_its_retry_is_answered(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 6).await;
    let made = booking(&one(&*store, create(&ada, "a", 1, |_| {})).await);
    let stale = one(&*store, cancel(&ada, "s", made.locator, 7)).await;
    assert_eq!(word(&stale), "stale_version");
    let done = one(&*store, cancel(&ada, "c", made.locator, 1)).await;
    let after = booking(&done);
    assert_eq!(
        (after.version, after.status, after.segments[0].status),
        (2, BookingStatus::Cancelled, SegmentStatus::Xx)
    );
    assert_eq!(
        done,
        one(&*store, cancel(&ada, "c", made.locator, 1)).await,
        "the key comes before the version"
    );
    let again = one(&*store, cancel(&ada, "d", made.locator, 2)).await;
    assert_eq!(word(&again), "conflict");
    assert_eq!(fixture.counters(1).await, (6, 0));
    let found = store.booking(made.locator).await.unwrap().unwrap();
    assert_eq!(found.booking, after);
    let actions: Vec<String> = store
        .history(made.locator)
        .await
        .unwrap()
        .into_iter()
        .map(|h| h.action)
        .collect();
    assert_eq!(actions, ["booking.created", "booking.cancelled"]);
}

pub(crate) async fn a_refused_row_undoes_the_whole_batch(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 6).await;
    fixture.refuse("b").await;
    let batch = [create(&ada, "a", 1, |_| {}), create(&ada, "b", 1, |_| {})];
    assert!(matches!(
        store.execute(&batch).await,
        Err(StoreError::Data(_))
    ));
    assert_eq!(fixture.counters(1).await, (6, 0));
    assert_eq!(fixture.events().await, []);
    assert_eq!(word(&one(&*store, batch[0].clone()).await), "201");
}

pub(crate) async fn the_database_says_what_has_departed(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, -1, 6).await;
    fixture.flight(2, 1546, 1, 6).await;
    let batch = [create(&ada, "a", 1, |_| {}), create(&ada, "b", 2, |_| {})];
    assert_eq!(
        words(&store.execute(&batch).await.unwrap()),
        ["flight_not_bookable", "201"]
    );
}

pub(crate) async fn lists_are_filtered_and_paged(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    let eve = agent("eve", "LON1A0001");
    fixture.user(&eve).await;
    fixture.flight(1, 1545, 48, 20).await;
    fixture.flight(2, 7, 48, 20).await;
    let named =
        |name: &'static str| move |b: &mut Value| b["passengers"][0]["surname"] = json!(name);
    let batch = [
        create(&ada, "a", 1, named("Łukasz")),
        create(&ada, "b", 2, named("Byron")),
        create(&eve, "c", 1, named("Byron")),
    ];
    let made: Vec<Locator> = store
        .execute(&batch)
        .await
        .unwrap()
        .iter()
        .map(|o| booking(o).locator)
        .collect();
    one(&*store, cancel(&ada, "x", made[1], 1)).await;
    let list = async |filter: Filter| -> Vec<usize> {
        let page = Page {
            before: None,
            limit: 100,
        };
        let found = store.bookings(&filter, page).await.unwrap();
        found
            .iter()
            .map(|s| made.iter().position(|l| *l == s.booking.locator).unwrap())
            .collect()
    };
    let all = Filter::default;
    assert_eq!(list(all()).await, [2, 1, 0], "the newest first");
    let office = Filter {
        office: Some(ada.office.clone()),
        ..all()
    };
    assert_eq!(list(office).await, [1, 0]);
    let surname = |text: &str| Filter {
        surname: Some(text.to_owned()),
        ..all()
    };
    assert_eq!(list(surname("łUKASZ")).await, [0]);
    assert_eq!(list(surname("byron")).await, [2, 1]);
    assert_eq!(list(surname("byr")).await, [0; 0]);
    let flight = Filter {
        flight: Some(("UA".parse().unwrap(), "1545".parse().unwrap())),
        ..all()
    };
    assert_eq!(list(flight).await, [2, 0]);
    let status = Filter {
        status: Some(BookingStatus::Cancelled),
        ..all()
    };
    assert_eq!(list(status).await, [1]);
    let by_id = Filter {
        flight_id: Some(FlightId::from_raw(2)),
        ..all()
    };
    assert_eq!(list(by_id).await, [1]);
    let operation = |user: &Caller| Filter {
        operation: Some((user.user_id, "a".parse().unwrap())),
        ..all()
    };
    assert_eq!(list(operation(&ada)).await, [0]);
    assert_eq!(list(operation(&eve)).await, [0; 0]);

    let page = |before| Page { before, limit: 2 };
    let first = store.bookings(&all(), page(None)).await.unwrap();
    assert_eq!(first.len(), 2);
    let rest = store
        .bookings(&all(), page(Some(first[1].id)))
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].booking.locator, made[0]);

    let next_day = FlightId::new(1, 3).raw();
    fixture.flight(next_day, 1545, 96, 20).await;
    one(&*store, create(&ada, "d", next_day, named("Byron"))).await;
    let number = Filter {
        flight: Some(("UA".parse().unwrap(), "1545".parse().unwrap())),
        ..all()
    };
    let found = store.bookings(&number, page(None)).await.unwrap();
    let flights: Vec<i64> = found
        .iter()
        .map(|s| s.booking.segments[0].flight_id.raw())
        .collect();
    assert_eq!(flights, [next_day, 1], "the same number on two days");
}

pub(crate) async fn old_keys_are_forgotten(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 6).await;
    one(&*store, create(&ada, "old", 1, |_| {})).await;
    fixture.age_keys(24 * 30 + 1).await;
    one(&*store, create(&ada, "new", 1, |_| {})).await;
    let age = SignedDuration::from_hours(24 * 30);
    assert_eq!(store.forget_keys(age, 10).await.unwrap(), 1);
    assert_eq!(store.forget_keys(age, 10).await.unwrap(), 0);
    let other = create(&ada, "new", 1, |b| b["contact"]["phone"] = json!("99999"));
    assert_eq!(word(&one(&*store, other).await), "idempotency_mismatch");
}

pub(crate) async fn events_tell_what_was_committed(fixture: &impl Fixture) {
    let (store, ada) = with_user(fixture).await;
    fixture.flight(1, 1545, 48, 1).await;
    let batch = [create(&ada, "a", 1, |_| {}), create(&ada, "b", 1, |_| {})];
    let made = booking(&store.execute(&batch).await.unwrap()[0]);
    one(&*store, cancel(&ada, "c", made.locator, 1)).await;
    one(&*store, cancel(&ada, "c", made.locator, 1)).await;
    let events = fixture.events().await;
    let kinds: Vec<&str> = events.iter().map(Event::kind).collect();
    assert_eq!(
        kinds,
        [
            "booking.created",
            "inventory.changed",
            "booking.cancelled",
            "inventory.changed"
        ]
    );
    let Event::BookingCreated(created) = &events[0] else {
        panic!("{events:?}");
    };
    assert_eq!(created.locator, made.locator);
    assert_eq!(created.operation, made.operation);
    assert_eq!(created.sent_by, Some(ada.user_id));
    let flights = vec![FlightId::from_raw(1)];
    assert_eq!(events[1], Event::InventoryChanged { flights });
}

mod holds;
pub(crate) mod schedule;
mod waitlists;
pub(crate) use holds::*;
pub(crate) use waitlists::*;
