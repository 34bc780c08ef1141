//! What a follower does on every outbox.

use std::time::Duration;

use airside_common::event::Event;
use airside_common::flight::FlightId;

use super::*;
use crate::bus::memory::MemoryBus;
use crate::bus::{Delivery, Subscription};
use crate::outbox::contract::prune;
use crate::store::contract::Fixture;
use crate::store::contract::processes::flight;

/// A follower at work, and what its bus says.
struct Followed {
    heard: Box<dyn Subscription>,
    stop: CancellationToken,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Followed {
    async fn start(outbox: impl Outbox) -> Self {
        let (idle, bus) = waiting(outbox).await;
        Self::run(idle, &bus).await
    }

    async fn run(follower: Follower, bus: &SharedBus) -> Self {
        let heard = bus.subscribe("test").await.unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(follower.run(stop.clone()));
        Self { heard, stop }
    }

    async fn next(&mut self) -> Delivery {
        let patience = Duration::from_secs(10);
        let next = tokio::time::timeout(patience, self.heard.next()).await;
        next.expect("heard").unwrap()
    }

    /// The flight whose making is heard of next.
    async fn flight(&mut self) -> FlightId {
        match self.next().await {
            Delivery::Event(envelope) => match envelope.event {
                Event::FlightCreated { flight, .. } => flight,
                _ => panic!("{envelope:?}"),
            },
            Delivery::Lagged => panic!("lagged"),
        }
    }
}

/// A follower that is not yet at work, with its bus.
async fn waiting(outbox: impl Outbox) -> (Follower, SharedBus) {
    let bus: SharedBus = Arc::new(MemoryBus::default());
    let follower = Follower::at_present(Arc::new(outbox), Arc::clone(&bus)).await;
    (follower.unwrap(), bus)
}

pub(crate) async fn who_starts_begins_at_the_present(fixture: &impl Fixture) {
    let store = fixture.database();
    flight(store, 1, 10).await;
    // Somebody has read that one; nobody the next.
    store.read_after(0, 10).await.unwrap();
    let (idle, bus) = waiting(store.clone()).await;
    let between = flight(store, 2, 10).await.id;
    let mut followed = Followed::run(idle, &bus).await;
    assert_eq!(followed.flight().await, between);
    let after = flight(store, 3, 10).await.id;
    assert_eq!(followed.flight().await, after);
}

pub(crate) async fn who_was_away_for_too_long_is_told(fixture: &impl Fixture) {
    let store = fixture.database();
    let (idle, bus) = waiting(store.clone()).await;
    flight(store, 1, 10).await;
    assert_eq!(prune(store).await, 1);
    let left = flight(store, 2, 10).await.id;
    let mut followed = Followed::run(idle, &bus).await;
    assert_eq!(followed.next().await, Delivery::Lagged);
    assert_eq!(followed.flight().await, left, "what is still there");
    // Told once; what it has heard may go.
    assert_eq!(prune(store).await, 1);
    let next = flight(store, 3, 10).await.id;
    assert_eq!(followed.flight().await, next);
}

/// As where a replica takes over that has not replayed everything.
pub(crate) async fn who_is_ahead_of_the_database_begins_anew(fixture: &impl Fixture) {
    let store = fixture.database();
    flight(store, 1, 10).await;
    let (mut idle, bus) = waiting(store.clone()).await;
    idle.position += 1_000;
    let mut followed = Followed::run(idle, &bus).await;
    assert_eq!(followed.next().await, Delivery::Lagged);
    let next = flight(store, 2, 10).await.id;
    // The first, which had no position yet, may come again.
    while followed.flight().await != next {}
}

pub(crate) async fn each_of_two_hears_everything(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let mut first = Followed::start(here.clone()).await;
    let mut second = Followed::start(there.clone()).await;
    for number in 1..=6 {
        let writer = if number % 2 == 0 { here } else { &there };
        let made = flight(writer, number, 10).await.id;
        assert_eq!(first.flight().await, made);
        assert_eq!(second.flight().await, made);
    }
}
