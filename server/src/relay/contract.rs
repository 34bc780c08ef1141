//! What every outbox must do.

use std::time::Duration;

use airside_common::event::Event;

use super::*;
use crate::features::flights::store::FlightStore;
use crate::features::users::store::contract::entry;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{flight, now};

async fn ids(outbox: &impl Outbox, after: i64, limit: u32) -> Vec<i64> {
    let read = outbox.read_after(after, limit).await.unwrap();
    read.into_iter().map(|envelope| envelope.id).collect()
}

pub(crate) async fn events_come_in_order_and_a_position_is_used_once(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    assert_eq!(ids(here, 0, 10).await, [0_i64; 0]);
    let mut made = Vec::new();
    for number in 1..=5 {
        let writer = if number % 2 == 0 { here } else { &there };
        made.push(flight(writer, number, 10).await.id);
    }
    let all = here.read_after(0, 10).await.unwrap();
    let flights: Vec<_> = all
        .iter()
        .map(|envelope| match &envelope.event {
            Event::FlightCreated { flight, .. } => *flight,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(flights, made, "in the order of their commits");
    let all: Vec<i64> = all.iter().map(|envelope| envelope.id).collect();
    assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
    assert_eq!(ids(&there, 0, 2).await, all[..2]);
    assert_eq!(ids(&there, all[1], 2).await, all[2..4]);

    assert_eq!(here.prune(all[2]).await.unwrap(), 3);
    assert_eq!(here.prune(all[2]).await.unwrap(), 0);
    assert_eq!(ids(&there, 0, 10).await, all[3..]);
    assert_eq!(here.prune(all[4]).await.unwrap(), 2);
    flight(here, 6, 10).await;
    let next = ids(here, 0, 10).await;
    assert!(
        next.len() == 1 && next[0] > all[4],
        "{next:?} after {all:?}"
    );
}

pub(crate) async fn a_commit_wakes_who_waits(fixture: &impl Fixture) {
    let store = fixture.database();
    // Before the wait it is not lost either.
    flight(store, 1, 10).await;
    let patience = Duration::from_secs(10);
    let waited = tokio::time::timeout(patience, store.appended()).await;
    waited.expect("woken by the commit before the wait");
    let waits = store.appended();
    let (woken, _) = tokio::join!(tokio::time::timeout(patience, waits), flight(store, 2, 10));
    woken.expect("woken by the commit during the wait");
}

pub(crate) async fn what_was_refused_left_no_event(fixture: &impl Fixture) {
    let store = fixture.database();
    let made = flight(store, 1, 10).await;
    let before = ids(store, 0, 10).await;
    let again = store
        .create(made.plan, now(), entry("flight.created"))
        .await;
    assert!(again.is_err());
    let stale = store.cancel(made.id, 9, now(), entry("flight.cancelled"));
    assert!(stale.await.is_err());
    assert_eq!(ids(store, 0, 10).await, before);
}
