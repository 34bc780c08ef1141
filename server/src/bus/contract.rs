//! What every implementation of [`Bus`] must do.

use airside_common::flight::FlightId;

use super::*;

pub(crate) fn envelopes(ids: std::ops::RangeInclusive<i64>) -> Vec<Envelope> {
    ids.map(|id| Envelope {
        id,
        at: Timestamp::UNIX_EPOCH,
        event: Event::FlightChanged {
            flight: FlightId::from_raw(id),
            version: 1,
        },
    })
    .collect()
}

async fn take(subscription: &mut dyn Subscription, count: usize) -> Vec<i64> {
    let mut ids = Vec::new();
    while ids.len() < count {
        match subscription.next().await {
            Some(Delivery::Event(envelope)) => ids.push(envelope.id),
            other => panic!("{other:?}"),
        }
    }
    ids
}

pub(crate) async fn every_consumer_gets_every_event_in_order(bus: &dyn Bus) {
    let mut first = bus.subscribe("first").await.unwrap();
    let mut second = bus.subscribe("second").await.unwrap();
    bus.publish(envelopes(1..=3)).await.unwrap();
    bus.publish(envelopes(4..=5)).await.unwrap();
    for subscription in [&mut first, &mut second] {
        assert_eq!(take(&mut **subscription, 5).await, [1, 2, 3, 4, 5]);
    }
}

pub(crate) async fn publishing_to_nobody_is_no_fault(bus: &dyn Bus) {
    bus.publish(envelopes(1..=3)).await.unwrap();
}

pub(crate) async fn a_dropped_wait_loses_nothing(bus: &dyn Bus) {
    let mut subscription = bus.subscribe("impatient").await.unwrap();
    assert!(futures_util::FutureExt::now_or_never(subscription.next()).is_none());
    bus.publish(envelopes(1..=1)).await.unwrap();
    assert_eq!(take(&mut *subscription, 1).await, [1]);
}

pub(crate) async fn who_subscribes_late_hears_what_comes_then(bus: &dyn Bus) {
    let mut early = bus.subscribe("early").await.unwrap();
    bus.publish(envelopes(1..=2)).await.unwrap();
    let mut late = bus.subscribe("late").await.unwrap();
    bus.publish(envelopes(3..=3)).await.unwrap();
    assert_eq!(take(&mut *early, 3).await, [1, 2, 3]);
    assert_eq!(take(&mut *late, 1).await, [3]);
}

/// A consumer that is gone holds up neither the publisher nor the others.
pub(crate) async fn a_consumer_that_leaves_is_forgotten(bus: &dyn Bus) {
    let leaving = bus.subscribe("leaving").await.unwrap();
    let mut staying = bus.subscribe("staying").await.unwrap();
    bus.publish(envelopes(1..=1)).await.unwrap();
    drop(leaving);
    bus.publish(Vec::new()).await.unwrap();
    bus.publish(envelopes(2..=3)).await.unwrap();
    assert_eq!(take(&mut *staying, 3).await, [1, 2, 3]);
}

/// Between the events on both sides of it.
pub(crate) async fn every_consumer_is_told_of_a_gap_where_it_is(bus: &dyn Bus) {
    bus.skip().await.unwrap();
    let mut first = bus.subscribe("first").await.unwrap();
    let mut second = bus.subscribe("second").await.unwrap();
    bus.publish(envelopes(1..=2)).await.unwrap();
    bus.skip().await.unwrap();
    bus.publish(envelopes(5..=6)).await.unwrap();
    for subscription in [&mut first, &mut second] {
        assert_eq!(take(&mut **subscription, 2).await, [1, 2]);
        assert_eq!(subscription.next().await, Some(Delivery::Lagged));
        assert_eq!(take(&mut **subscription, 2).await, [5, 6]);
    }
}

/// What was handed over before comes whole, as it was, and in its order while more is being published.
pub(crate) async fn events_come_as_they_were_while_others_are_published(bus: &dyn Bus) {
    let mut subscription = bus.subscribe("steady").await.unwrap();
    let publishing = async {
        for first in (1..=1_000).step_by(100) {
            bus.publish(envelopes(first..=first + 99)).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let taking = async {
        let mut taken = Vec::new();
        while taken.len() < 1_000 {
            match subscription.next().await {
                Some(Delivery::Event(envelope)) => taken.push(Envelope::clone(&envelope)),
                other => panic!("{other:?}"),
            }
        }
        taken
    };
    let ((), taken) = tokio::join!(publishing, taking);
    assert_eq!(taken, envelopes(1..=1_000));
}
