//! What all queues must do.

use std::collections::BTreeSet;
use std::time::Duration;

use airside_common::event::{BookingEvent, Event};
use airside_common::flight::FlightId;
use jiff::Timestamp;

use super::*;
use crate::bus::Envelope;
use crate::messages::cloud_event;
use crate::messages::store::{DeadLetter, LetterFilter, MessageStore};

pub(crate) const MAIL: ConsumerName = ConsumerName("mail");
pub(crate) const FIGURES: ConsumerName = ConsumerName("figures");

/// Two consumers: one of bookings alone, one of bookings and flights.
pub(crate) fn bindings() -> Vec<Binding> {
    vec![
        Binding {
            consumer: MAIL,
            events: &["booking.created", "booking.cancelled"],
        },
        Binding {
            consumer: FIGURES,
            events: &["booking.created", "flight.changed"],
        },
    ]
}

/// The same queues as two processes see them, with nothing in them.
pub(crate) struct Two {
    pub(crate) here: SharedQueues,
    pub(crate) there: SharedQueues,
    pub(crate) store: Arc<dyn MessageStore>,
}

pub(crate) fn envelope(id: i64, event: Event) -> Envelope {
    Envelope {
        id,
        at: Timestamp::UNIX_EPOCH,
        event,
    }
}

pub(crate) fn booking(id: i64) -> Envelope {
    let event = BookingEvent {
        locator: "K7QW2M".parse().unwrap(),
        version: u64::try_from(id).unwrap(),
        office: "NYC1A0001".parse().unwrap(),
        operation: None,
        sent_by: None,
    };
    envelope(id, Event::BookingCreated(event))
}

pub(crate) fn flight(id: i64) -> Envelope {
    let flight = FlightId::from_raw(1);
    envelope(id, Event::FlightChanged { flight, version: 1 })
}

pub(crate) fn message(envelope: &Envelope) -> Message {
    Message {
        id: envelope.id,
        kind: envelope.event.kind(),
        body: cloud_event::encode(envelope).unwrap(),
    }
}

async fn publish(queues: &SharedQueues, envelopes: &[Envelope]) {
    let messages: Vec<Message> = envelopes.iter().map(message).collect();
    let published = queues.publish(&messages).await.unwrap();
    assert_eq!(published, vec![Published::Kept; messages.len()]);
}

/// Takes so many, however they come.
async fn take(inlet: &mut dyn Inlet, count: usize) -> Vec<Received> {
    let taking = async {
        let mut taken = Vec::new();
        while taken.len() < count {
            inlet.ready().await.unwrap();
            taken.extend(inlet.take(count - taken.len()).await.unwrap());
        }
        taken
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, taking)
        .await
        .expect("so many come")
}

async fn is_empty(inlet: &mut dyn Inlet) -> bool {
    // Twice, since the first may only notice that something was called out before.
    for _ in 0..2 {
        inlet.ready().await.unwrap();
        if !inlet.take(10).await.unwrap().is_empty() {
            return false;
        }
    }
    true
}

fn ids(received: &[Received]) -> Vec<i64> {
    received.iter().map(|one| one.id).collect()
}

pub(crate) async fn each_consumer_gets_what_it_is_bound_to_in_order(two: &Two) {
    publish(&two.here, &[booking(1), flight(2), booking(3)]).await;
    let mut mail = two.here.open(MAIL).await.unwrap();
    let mut figures = two.there.open(FIGURES).await.unwrap();
    let taken = take(&mut *mail, 2).await;
    assert_eq!(ids(&taken), [1, 3]);
    assert_eq!(cloud_event::decode(&taken[1].body).unwrap(), booking(3));
    assert_eq!(ids(&take(&mut *figures, 3).await), [1, 2, 3]);
}

pub(crate) async fn what_nobody_is_bound_to_is_taken_and_goes_nowhere(two: &Two) {
    let event = Event::FlightsImported {
        flights: Vec::new(),
    };
    publish(&two.here, &[envelope(1, event), flight(2)]).await;
    let mut figures = two.here.open(FIGURES).await.unwrap();
    assert_eq!(ids(&take(&mut *figures, 1).await), [2]);
}

pub(crate) async fn of_two_processes_one_gets_a_message(two: &Two) {
    let mut here = two.here.open(MAIL).await.unwrap();
    let mut there = two.there.open(MAIL).await.unwrap();
    let all: Vec<Envelope> = (1..=20).map(booking).collect();
    publish(&two.here, &all).await;
    let mut got = Vec::new();
    let patience = Duration::from_secs(20);
    let taking = async {
        while got.len() < all.len() {
            for inlet in [&mut here, &mut there] {
                let taken = inlet.take(3).await.unwrap();
                inlet.finish(&taken).await.unwrap();
                got.extend(ids(&taken));
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(patience, taking)
        .await
        .expect("all come");
    assert!(is_empty(&mut *here).await && is_empty(&mut *there).await);
    assert_eq!(got.len(), all.len());
    let unique: BTreeSet<i64> = got.into_iter().collect();
    assert_eq!(unique, (1..=20).collect());
}

pub(crate) async fn what_is_given_back_comes_again(two: &Two) {
    publish(&two.here, &[booking(1)]).await;
    let mut inlet = two.here.open(MAIL).await.unwrap();
    let taken = take(&mut *inlet, 1).await;
    assert!(is_empty(&mut *inlet).await, "it is in hand");
    inlet.keep(&taken).await.unwrap();
    inlet.give_back(&taken).await.unwrap();
    let again = take(&mut *inlet, 1).await;
    assert_eq!((again[0].id, &again[0].body), (1, &taken[0].body));
    inlet.finish(&again).await.unwrap();
    assert!(is_empty(&mut *inlet).await);
}

pub(crate) async fn what_is_given_back_however_often_does_not_die(two: &Two) {
    let all: Vec<Envelope> = (1..=3).map(booking).collect();
    publish(&two.here, &all).await;
    let mut inlet = two.here.open(MAIL).await.unwrap();
    let mut taken = take(&mut *inlet, 3).await;
    for _ in 0..2 * MOST_DELIVERIES {
        inlet.give_back(&taken).await.unwrap();
        taken = take(&mut *inlet, 3).await;
        let mut back = ids(&taken);
        back.sort_unstable();
        assert_eq!(back, [1, 2, 3]);
    }
    // Nothing of it is counted: it may fail as often as one that was never given back.
    let error = "no such airport";
    inlet.fail(&taken[0], error).await.unwrap();
    let again = take(&mut *inlet, 1).await;
    assert_eq!(again[0].id, taken[0].id);
    for done in [&taken[1..], &again] {
        inlet.finish(done).await.unwrap();
    }
    assert!(is_empty(&mut *inlet).await);
}

pub(crate) async fn depths_are_told(two: &Two) {
    let depths = async || -> Vec<(ConsumerName, u64)> {
        let mut depths = two.there.depths().await.unwrap();
        depths.sort_unstable();
        depths
    };
    assert_eq!(depths().await, [(FIGURES, 0), (MAIL, 0)]);
    publish(&two.here, &[booking(1), flight(2)]).await;
    // A broker counts a moment later.
    let patience = Duration::from_secs(20);
    let counted = async {
        while depths().await != [(FIGURES, 2), (MAIL, 1)] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(patience, counted)
        .await
        .expect("counted");
}

pub(crate) async fn one_that_is_closed_gets_nothing_more(two: &Two) {
    publish(&two.here, &[booking(1)]).await;
    let mut closed = two.here.open(MAIL).await.unwrap();
    let taken = take(&mut *closed, 1).await;
    closed.close().await.unwrap();
    publish(&two.here, &[booking(2)]).await;
    assert!(closed.take(10).await.unwrap().is_empty());
    closed.finish(&taken).await.unwrap();
    let mut other = two.there.open(MAIL).await.unwrap();
    assert_eq!(ids(&take(&mut *other, 1).await), [2]);
}

async fn letters(store: &dyn MessageStore) -> Vec<DeadLetter> {
    let all = LetterFilter {
        limit: 10,
        ..LetterFilter::default()
    };
    store.dead_letters(&all).await.unwrap()
}

pub(crate) async fn a_poisonous_message_is_dead_after_four_deliveries_and_comes_when_sent_again(
    two: &Two,
) {
    let stop = CancellationToken::new();
    let burying = tokio::spawn({
        let (queues, stop) = (Arc::clone(&two.there), stop.clone());
        async move { queues.bury(stop).await }
    });
    publish(&two.here, &[booking(1), booking(2)]).await;
    let mut inlet = two.here.open(MAIL).await.unwrap();
    let (mut deliveries, mut done) = (0, Vec::new());
    let patience = Duration::from_secs(30);
    let handling = async {
        while letters(&*two.store).await.is_empty() {
            inlet.ready().await.unwrap();
            for received in inlet.take(10).await.unwrap() {
                if received.id == 1 {
                    deliveries += 1;
                    let error = format!("no such airport, {deliveries}");
                    inlet.fail(&received, &error).await.unwrap();
                } else {
                    inlet.finish(std::slice::from_ref(&received)).await.unwrap();
                    done.push(received.id);
                }
            }
        }
    };
    tokio::time::timeout(patience, handling)
        .await
        .expect("dead");
    assert_eq!(deliveries, MOST_DELIVERIES);
    assert_eq!(done, [2], "the other went on");
    assert!(is_empty(&mut *inlet).await);
    let found = letters(&*two.store).await;
    let [letter] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!((letter.consumer.as_str(), letter.message), (MAIL.0, 1));
    assert_eq!(letter.error, "no such airport, 4");
    assert_eq!(letter.deliveries, MOST_DELIVERIES);
    assert_eq!(cloud_event::decode(&letter.payload).unwrap(), booking(1));

    let mut figures = two.there.open(FIGURES).await.unwrap();
    let others = take(&mut *figures, 2).await;
    figures.finish(&others).await.unwrap();
    let sent = two.there.send_to(MAIL.0, 1, &letter.payload).await.unwrap();
    assert_eq!(sent, Published::Kept);
    let again = take(&mut *inlet, 1).await;
    assert_eq!((again[0].id, &again[0].body), (1, &letter.payload));
    inlet.finish(&again).await.unwrap();
    assert!(is_empty(&mut *figures).await, "it went to the one alone");
    let nobody = two
        .here
        .send_to("nobody", 1, &letter.payload)
        .await
        .unwrap();
    assert_eq!(nobody, Published::Unroutable);
    stop.cancel();
    burying.await.unwrap();
}

/// Every case of the contract, each with queues of its own.
macro_rules! all {
    ($fresh:path) => {
        $crate::messages::queues::contract::cases!($fresh:
            each_consumer_gets_what_it_is_bound_to_in_order
            what_nobody_is_bound_to_is_taken_and_goes_nowhere
            of_two_processes_one_gets_a_message
            what_is_given_back_comes_again
            what_is_given_back_however_often_does_not_die
            depths_are_told
            one_that_is_closed_gets_nothing_more
            a_poisonous_message_is_dead_after_four_deliveries_and_comes_when_sent_again
        );
    };
}
macro_rules! cases {
    ($fresh:path: $($case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (two, _kept) = $fresh().await;
            $crate::messages::queues::contract::$case(&two).await;
        })*
    };
}
pub(crate) use {all, cases};
