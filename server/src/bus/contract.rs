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
