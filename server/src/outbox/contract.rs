//! What every outbox must do.

use std::time::Duration;

use airside_common::event::Event;

use super::*;
use crate::features::flights::store::FlightStore;
use crate::features::flights::store::contract::plan;
use crate::features::users::store::contract::entry;
use crate::store::Database as _;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{flight, now};

const ALL: u32 = 1_000;

async fn ids(outbox: &impl Outbox, after: i64, limit: u32) -> Vec<i64> {
    let page = outbox.read_after(after, limit).await.unwrap();
    let ids = page.events.into_iter().map(|event| event.unwrap().id);
    ids.collect()
}

/// Everything that is there has been relayed.
async fn relay_all(outbox: &impl Outbox, lanes: &mut Box<dyn Lanes>) {
    let newest = outbox.read_after(0, 0).await.unwrap().newest;
    let mine = lanes.share().await.unwrap();
    assert_eq!(
        mine.len(),
        usize::from(Lane::COUNT),
        "no other relay is there"
    );
    let all = mine.into_keys().map(|lane| (lane, newest)).collect();
    lanes.relayed(&all).await.unwrap();
}

/// Deletes all that is there.
pub(crate) async fn prune(outbox: &impl Outbox) -> u64 {
    let mut lanes = outbox.lanes();
    relay_all(outbox, &mut lanes).await;
    let deleted = lanes.prune(Duration::ZERO, ALL).await.unwrap();
    lanes.leave().await;
    deleted
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
    let page = here.read_after(0, 10).await.unwrap();
    let all: Vec<_> = page.events.into_iter().map(Result::unwrap).collect();
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
    assert_eq!((page.pruned, page.newest), (0, all[4]));
    assert_eq!(here.present().await.unwrap(), all[4]);
    assert_eq!(ids(&there, 0, 2).await, all[..2]);
    assert_eq!(ids(&there, all[1], 2).await, all[2..4]);

    assert_eq!(prune(here).await, 5);
    assert_eq!(prune(here).await, 0);
    let page = there.read_after(all[1], 10).await.unwrap();
    assert!(page.events.is_empty());
    assert_eq!((page.pruned, page.newest), (all[4], all[4]));
    assert_eq!(there.present().await.unwrap(), all[4]);
    flight(here, 6, 10).await;
    let next = ids(here, 0, 10).await;
    assert!(
        next.len() == 1 && next[0] > all[4],
        "{next:?} after {all:?}"
    );
}

pub(crate) async fn events_stay_as_long_as_said_by_the_databases_clock(fixture: &impl Fixture) {
    let store = fixture.database();
    // By its writer's clock the one is ancient and the other of the far future.
    for (number, now) in [(1, "1970-01-02T00:00:00Z"), (2, "2098-01-01T00:00:00Z")] {
        let plan = plan(number, "2099-12-07T08:00", "2099-12-07T11:00");
        let made = store.create(plan, now.parse().unwrap(), entry("flight.created"));
        made.await.unwrap();
    }
    let all = ids(store, 0, 10).await;
    let mut lanes = store.lanes();
    relay_all(store, &mut lanes).await;
    let hour = Duration::from_hours(1);
    assert_eq!(lanes.prune(hour, ALL).await.unwrap(), 0);
    assert_eq!(ids(store, 0, 10).await, all);
    assert_eq!(lanes.prune(Duration::ZERO, ALL).await.unwrap(), 2);
    assert_eq!(ids(store, 0, 10).await, [0_i64; 0]);
}

pub(crate) async fn so_many_are_deleted_at_a_time(fixture: &impl Fixture) {
    let store = fixture.database();
    for number in 1..=5 {
        flight(store, number, 10).await;
    }
    let all = ids(store, 0, 10).await;
    let mut lanes = store.lanes();
    relay_all(store, &mut lanes).await;
    for (deleted, pruned, left) in [
        (2, all[1], 3),
        (2, all[3], 1),
        (1, all[4], 0),
        (0, all[4], 0),
    ] {
        assert_eq!(lanes.prune(Duration::ZERO, 2).await.unwrap(), deleted);
        let page = store.read_after(0, 10).await.unwrap();
        assert_eq!((page.pruned, page.events.len()), (pruned, left));
        assert_eq!(page.newest, all[4]);
    }
}

pub(crate) async fn nothing_is_deleted_that_a_lane_has_not_relayed(fixture: &impl Fixture) {
    let store = fixture.database();
    for number in 1..=3 {
        flight(store, number, 10).await;
    }
    let all = ids(store, 0, 10).await;
    let mut lanes = store.lanes();
    let mut reached = lanes.share().await.unwrap();
    for relayed in reached.values_mut() {
        *relayed = all[2];
    }
    let last = *reached.keys().last().unwrap();
    reached.insert(last, all[0]);
    lanes.relayed(&reached).await.unwrap();
    assert_eq!(lanes.prune(Duration::ZERO, ALL).await.unwrap(), 1);
    assert_eq!(ids(store, 0, 10).await, all[1..]);
    assert_eq!(lanes.share().await.unwrap(), reached);
    // Nor does a lane go back.
    lanes
        .relayed(&reached.keys().map(|lane| (*lane, 0)).collect())
        .await
        .unwrap();
    assert_eq!(lanes.share().await.unwrap(), reached);
}

pub(crate) async fn the_depth_is_what_was_not_relayed(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let depths = async || {
        let depths = (here.outbox_depth().await, there.outbox_depth().await);
        (depths.0.unwrap(), depths.1.unwrap())
    };
    assert_eq!(depths().await, (0, 0));
    flight(here, 1, 10).await;
    // Whether somebody has read it or not.
    ids(here, 0, 10).await;
    flight(&there, 2, 10).await;
    assert_eq!(depths().await, (2, 2));
    relay_all(here, &mut here.lanes()).await;
    assert_eq!(depths().await, (0, 0));
    assert_eq!(ids(&there, 0, 10).await.len(), 2, "they stay to be read");
    flight(&there, 3, 10).await;
    assert_eq!(depths().await, (1, 1));
}

/// Two relays never have the same lane, and one has those that the other has left.
pub(crate) async fn lanes_are_shared(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let (mut first, mut second) = (here.lanes(), there.lanes());
    let all: Vec<Lane> = Lane::all().collect();
    let of = async |lanes: &mut Box<dyn Lanes>| -> Vec<Lane> {
        lanes.share().await.unwrap().into_keys().collect()
    };
    assert_eq!(of(&mut first).await, all);
    for _ in 0..3 {
        // Who comes is first noticed, and then given its part.
        of(&mut second).await;
        of(&mut first).await;
    }
    let (mine, others) = (of(&mut first).await, of(&mut second).await);
    assert!(
        mine.iter().all(|lane| !others.contains(lane)),
        "{mine:?} {others:?}"
    );
    assert_eq!(mine.len() + others.len(), all.len());
    // Of a lane that is another's nothing is recorded.
    flight(here, 1, 10).await;
    let newest = ids(here, 0, 10).await[0];
    second
        .relayed(&all.iter().map(|lane| (*lane, newest)).collect())
        .await
        .unwrap();
    let seen = first.share().await.unwrap();
    assert!(seen.values().all(|relayed| *relayed < newest), "{seen:?}");
    first.leave().await;
    assert_eq!(of(&mut second).await, all);
    second.leave().await;
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
