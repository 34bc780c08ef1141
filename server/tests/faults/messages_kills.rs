//! Processes that relay and consume, killed again and again while bookings are made.

use std::time::Duration;

use nix::sys::signal::Signal;
use rstest::rstest;

use crate::bookers::Bookers;
use crate::broker::Broker;
use crate::clerk::{Office, Work};
use crate::cluster::Cluster;
use crate::process::{Place, Store};
use crate::waiting::until;

/// By when lanes have been taken over, and all that waited is done.
const SOON: Duration = Duration::from_secs(30);

/// What carries messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Database,
    RabbitMq,
}

impl Carrier {
    pub(crate) async fn broker(self) -> Option<Broker> {
        match self {
            Self::Database => None,
            Self::RabbitMq => Some(Broker::start().await),
        }
    }
}

/// Takes bookings, and leaves their events to others.
async fn place_that_books() -> Place {
    let place = Place::on(Store::Postgres, 20, 900).await;
    place.with("AIRSIDE_ROLES", "auth,search,bookings,admin")
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn relays_that_are_killed_lose_nothing_and_change_no_order(
    #[values(Carrier::Database, Carrier::RabbitMq)] carrier: Carrier,
) {
    let broker = carrier.broker().await;
    let place = place_that_books().await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let office = Office::open(&place, broker.as_ref().map(Broker::url)).await;
    let clerk = office.clerk().await;
    let mut relays: Vec<_> = (0..3).map(|_| office.start(Work::Relay)).collect();
    let bookers = Bookers::of(&client);
    for round in 0..6 {
        let done = office.done().await.len();
        until(SOON, "events come", async || {
            office.done().await.len() >= done + 30
        })
        .await;
        let killed = std::mem::replace(&mut relays[round % 3], office.start(Work::Relay));
        killed.kill().await;
    }
    assert_eq!(bookers.refused(), 0);
    let booked = bookers.end().await;
    office.all_done(SOON, &booked).await;
    office.in_order().await;
    for relay in relays {
        assert!(relay.stop(SOON).await.success());
    }
    clerk.stop().await;
    server.stop().await;
    place.check().await;
}

/// The same change is in two hands at a time, and in none: it is done once.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_are_killed_do_nothing_twice(
    #[values(Carrier::Database, Carrier::RabbitMq)] carrier: Carrier,
) {
    let broker = carrier.broker().await;
    let place = place_that_books().await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let office = Office::open(&place, broker.as_ref().map(Broker::url)).await;
    let relay = office.start(Work::Relay);
    let mut clerks: Vec<_> = (0..2).map(|_| office.start(Work::Consume)).collect();
    let bookers = Bookers::of(&client);
    for round in 0..6 {
        let done = office.done().await.len();
        until(SOON, "messages are done", async || {
            office.done().await.len() >= done + 30
        })
        .await;
        let killed = std::mem::replace(&mut clerks[round % 2], office.start(Work::Consume));
        killed.kill().await;
    }
    let booked = bookers.end().await;
    // What was in hand comes again after half a minute, where the database carries it.
    office.all_done(SOON * 2, &booked).await;
    // They stop after what they have in hand.
    for process in clerks.into_iter().chain([relay]) {
        let status = process.stop(SOON).await;
        assert!(status.success(), "{status}");
    }
    server.stop().await;
    place.check().await;
}

#[rstest]
#[case::ends_all_connections(Signal::SIGINT, Carrier::Database)]
#[case::crashes(Signal::SIGQUIT, Carrier::Database)]
#[case::crashes_beside_the_broker(Signal::SIGQUIT, Carrier::RabbitMq)]
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_loses_no_event(
    #[case] signal: Signal,
    #[case] carrier: Carrier,
) {
    let broker = carrier.broker().await;
    let postgres = Cluster::start(0).await;
    let place = Place::on_server(postgres.address("postgres").to_owned(), 20, 900).await;
    let place = place.with("AIRSIDE_ROLES", "auth,search,bookings,admin");
    let server = place.start().await;
    let client = server.login("ada").await;
    let office = Office::open(&place, broker.as_ref().map(Broker::url)).await;
    let (relay, consumer) = (office.start(Work::Relay), office.start(Work::Consume));
    let bookers = Bookers::of(&client);
    bookers.make(50).await;
    postgres.end("postgres", signal).await;
    // Longer than the first pauses of those who wait for it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    postgres.again("postgres").await;
    bookers.make(50).await;
    assert!(bookers.refused() > 0, "it was away");
    let booked = bookers.end().await;
    office.all_done(SOON * 2, &booked).await;
    let log = relay.log();
    // Not even that where it was only waited for.
    assert!(
        log.matches("events wait to be relayed").count() <= 1,
        "{log}"
    );
    for process in [consumer, relay] {
        assert!(process.stop(SOON).await.success());
    }
    server.stop().await;
    place.check().await;
}
