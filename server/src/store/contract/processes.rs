//! What must hold where several processes write to one database at the same time.

use airside_common::api::users::User;
use airside_common::user::{Role, UserId};
use jiff::Timestamp;

use super::Fixture;
use crate::features::auth::caller::{Caller, SessionId};
use crate::features::bookings::command::{Command, Outcome};
use crate::features::bookings::store::{BookingStore, StoreError, contract};
use crate::features::flights::store::contract::{plan, seats};
use crate::features::flights::store::{Expect, FlightRecord, FlightStore, PlannedRow, Unsaid};
use crate::features::users::store::UserStore;
use crate::features::users::store::contract::{entry, user};

/// A moment long before every flight of these suites.
pub(crate) fn now() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

/// A flight a long time from now, by the database's clock too.
pub(crate) async fn flight(store: &impl FlightStore, number: u16, capacity: u32) -> FlightRecord {
    let plan = seats(
        plan(number, "2099-12-07T08:00", "2099-12-07T11:00"),
        capacity,
    );
    store
        .create(plan, now(), entry("flight.created"))
        .await
        .unwrap()
}

/// An agent who may book.
pub(crate) async fn agent(store: &impl UserStore, name: &str) -> Caller {
    let User { id, .. } = user(store, name, Role::Agent).await;
    Caller {
        user_id: id,
        ..contract::agent(name, "NYC1A0001")
    }
}

/// A batch of bookings, tried again where another process holds the rows.
async fn book(store: &impl BookingStore, batch: Vec<Command>) -> Vec<Outcome> {
    loop {
        match store.execute(&batch).await {
            Ok(outcomes) => return outcomes,
            Err(StoreError::Locked(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

fn status(outcome: &Outcome) -> u16 {
    match outcome {
        Outcome::Answered(answer) => answer.status,
        Outcome::Refused(problem) => problem.status,
        Outcome::Settled(_) => panic!("{outcome:?}"),
    }
}

pub(crate) async fn two_share_the_last_seats(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = agent(here, "ada").await;
    let flight = flight(here, 1, 25).await;
    let batches = |name: &str| -> Vec<Vec<Command>> {
        (0..10)
            .map(|batch| {
                (0..4)
                    .map(|n| {
                        let key = format!("{name}-{batch}-{n}");
                        contract::create(&ada, &key, flight.id.raw(), |_| {})
                    })
                    .collect()
            })
            .collect()
    };
    let all = async |store, name| {
        let mut statuses = Vec::new();
        for batch in batches(name) {
            statuses.extend(book(store, batch).await.iter().map(status));
        }
        statuses
    };
    let (mut statuses, others) = tokio::join!(all(here, "here"), all(&there, "there"));
    statuses.extend(others);
    let of = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((of(201), of(409), statuses.len()), (25, 55, 80));
    assert_eq!(here.violations().await.unwrap(), []);
}

pub(crate) async fn the_same_key_at_two_is_one_booking(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = agent(here, "ada").await;
    let flight = flight(here, 1, 25).await;
    for n in 0..10 {
        let command = contract::create(&ada, &format!("key-{n}"), flight.id.raw(), |_| {});
        let (first, second) = tokio::join!(
            book(here, vec![command.clone()]),
            book(&there, vec![command.clone()])
        );
        assert_eq!(status(&first[0]), 201);
        assert_eq!(first, second, "one outcome, wherever the key comes");
    }
    let sold = here.flight(flight.id).await.unwrap().unwrap().sold;
    assert_eq!(sold[3], 10);
}

pub(crate) async fn an_import_beside_sales_takes_nothing_back(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = agent(here, "ada").await;
    let flight = flight(here, 1, 20).await;
    let selling = async {
        let mut made = 0;
        for n in 0..30 {
            let command = contract::create(&ada, &format!("key-{n}"), flight.id.raw(), |_| {});
            made += u32::from(status(&book(here, vec![command]).await[0]) == 201);
        }
        made
    };
    let importing = async {
        for capacity in [10, 20, 5, 20, 1, 20] {
            let row = PlannedRow {
                unsaid: Unsaid::Nothing,
                line: 2,
                plan: seats(flight.plan.clone(), capacity),
            };
            let merged = there.merge(&[row], Expect::Known, now()).await.unwrap();
            assert_eq!(merged.len(), 1);
        }
    };
    let (made, ()) = tokio::join!(selling, importing);
    let after = here.flight(flight.id).await.unwrap().unwrap();
    assert_eq!(after.sold[3], made, "every seat that was sold is sold");
    assert!(after.sold[3] <= after.plan.capacities()[3]);
    assert_eq!(here.violations().await.unwrap(), []);
}

/// A session and a user that nobody knows.
pub(crate) fn nobody() -> (UserId, SessionId) {
    (UserId::new(), SessionId::new())
}
