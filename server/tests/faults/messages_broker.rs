//! RabbitMQ that is gone, frozen, started again or cut off: bookings go on, and in the end every event has had its effect
//! once.
//!
//! Their order is asserted only where no connection breaks: what RabbitMQ takes back a second time it puts behind what it
//! took back meanwhile.

use std::time::Duration;

use rstest::rstest;
use tempfile::NamedTempFile;

use crate::bookers::Bookers;
use crate::broker::{Broker, Fault};
use crate::clerk::{Office, Work};
use crate::process::{Client, Place, Server, Store};
use crate::waiting::until;

/// By when an outbox that has grown is empty again.
const SOON: Duration = Duration::from_secs(30);

/// RabbitMQ writes down half a second after the last change which queues it has: one that is killed before starts again
/// with queues that find no leader.
const KEPT: Duration = Duration::from_secs(3);

/// What a relay logs when events begin to wait, and when they no longer do.
const WAIT: &str = "events wait to be relayed";
const AGAIN: &str = "events are relayed again";

/// Longer than any time-out and pause of relay and runner.
const LONG: Duration = Duration::from_secs(20);

/// By when all is done that is done slowly, after pauses that have grown.
const LATE: Duration = Duration::from_mins(2);

/// A server of all roles, which relays to RabbitMQ, and what it logs.
struct Relaying {
    place: Place,
    server: Server,
    client: Client,
    log: NamedTempFile,
}

impl Relaying {
    async fn start(broker: &str) -> Self {
        let place = Place::on(Store::Postgres, 20, 900).await;
        let place = place.with("AIRSIDE_AMQP_URL", broker);
        let log = NamedTempFile::new().unwrap();
        let to_log = format!("exec \"$0\" \"$@\" 2>>'{}'", log.path().display());
        let server = place.start_through(&["sh", "-c", &to_log]).await;
        let client = server.login("ada").await;
        Self {
            place,
            server,
            client,
            log,
        }
    }

    async fn depth(&self) -> i64 {
        let depth = self.client.figure("airside_outbox_depth").await;
        depth.unwrap().parse().unwrap()
    }

    async fn broker_is(&self, said: &str) {
        until(SOON, &format!("RabbitMQ is {said}"), async || {
            let (status, ready) = self.client.get("/readyz").await;
            assert_eq!(status, 200, "{ready}");
            ready["rabbitmq"] == said
        })
        .await;
    }

    async fn is_drained(&self) {
        until(SOON, "the outbox is empty", async || {
            self.depth().await == 0
        })
        .await;
    }

    /// What is logged when events wait, and when they go on, in its order.
    fn told(&self) -> Vec<&'static str> {
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        let told = |line: &str| [WAIT, AGAIN].into_iter().find(|one| line.contains(one));
        log.lines().filter_map(told).collect()
    }

    fn recoveries(&self) -> usize {
        self.told().iter().filter(|one| **one == AGAIN).count()
    }

    /// A fault is told once, and its end; a slow machine may have more of them.
    fn tells_each_fault_once(&self) {
        let told = self.told();
        let expected = [WAIT, AGAIN].into_iter().cycle().take(told.len());
        assert!(told.iter().copied().eq(expected), "{told:?}");
        assert_eq!(told.last(), Some(&AGAIN));
    }

    async fn stop(self) {
        self.server.stop().await;
        self.place.check().await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn without_the_broker_events_wait_and_bookings_do_not(
    #[values(Fault::Killed, Fault::Frozen)] fault: Fault,
) {
    let broker = Broker::start().await;
    let relaying = Relaying::start(broker.url()).await;
    let office = Office::open(&relaying.place, Some(broker.url())).await;
    let clerk = office.clerk().await;
    let bookers = Bookers::of(&relaying.client);
    bookers.make(20).await;
    relaying.broker_is("ok").await;
    tokio::time::sleep(KEPT).await;

    broker.suffer(fault).await;
    relaying.broker_is("does not answer").await;
    let (before, again) = (relaying.depth().await, relaying.recoveries());
    tokio::time::sleep(LONG).await;
    bookers.make(20).await;
    assert!(relaying.depth().await > before + 20, "they wait");
    relaying.broker_is("does not answer").await;
    assert_eq!(relaying.recoveries(), again, "nothing is relayed");
    broker.recover(fault).await;

    let booked = bookers.end().await;
    relaying.is_drained().await;
    relaying.broker_is("ok").await;
    office.all_done(SOON, &booked).await;
    relaying.tells_each_fault_once();
    clerk.stop().await;
    relaying.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_hand_when_the_broker_starts_again_comes_again_without_effect() {
    let broker = Broker::start().await;
    let relaying = Relaying::start(broker.url()).await;
    let office = Office::open(&relaying.place, Some(broker.url())).await;
    let clerk = office.clerk().await;
    // It has done them by then, and not said so.
    clerk.clerk.thinks_for(Duration::from_millis(500));
    let bookers = Bookers::of(&relaying.client);
    for _ in 0..2 {
        bookers.make(20).await;
        tokio::time::sleep(KEPT).await;
        bookers.make(20).await;
        broker.kill().await;
        broker.again().await;
    }
    bookers.make(20).await;
    let booked = bookers.end().await;
    office.all_done(LATE, &booked).await;
    clerk.stop().await;
    relaying.stop().await;
}

/// Two get the same events, so that the broker itself says nothing of one whose queue is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_deleted_is_noticed_and_made_anew() {
    let broker = Broker::start().await;
    let place = Place::on(Store::Postgres, 20, 900).await;
    let place = place.with("AIRSIDE_ROLES", "auth,search,bookings,admin");
    let server = place.start().await;
    let client = server.login("ada").await;
    let office = Office::open(&place, Some(broker.url())).await;
    let relay = office.start(Work::Relay);
    let depth = async || client.figure("airside_outbox_depth").await.unwrap();
    until(SOON, "it relays", async || depth().await == "0").await;

    broker.delete("airside.clerk").await;
    let bookers = Bookers::of(&client);
    bookers.make(20).await;
    let booked = bookers.end().await;
    until(SOON, "all are relayed", async || depth().await == "0").await;
    until(SOON, "that is told", async || relay.log().contains(AGAIN)).await;
    let log = relay.log();
    assert_eq!(log.matches("it goes to no queue").count(), 1, "{log}");
    let clerk = office.clerk().await;
    office.all_done(SOON, &booked).await;
    office.in_order().await;
    clerk.stop().await;
    assert!(relay.stop(SOON).await.success());
    server.stop().await;
}
