//! What every database must do with queues.

use std::collections::HashSet;

use airside_common::api::bookings::Booking;
use airside_common::api::queues::QueueItemState;
use airside_common::flight::FlightId;
use airside_common::queue::QueueReason;

use super::*;
use crate::features::audit::store::{AuditStore, Filter};
use crate::features::auth::caller::Caller;
use crate::features::bookings::store::BookingStore;
use crate::features::bookings::store::contract as bookings;
use crate::features::bookings::store::contract::schedule::{book, grounded, moved, rebook, tell};
use crate::features::users::store::contract::entry;
use crate::messages::consumer::ConsumerName;
use crate::outbox::Outbox;
use crate::store::Database;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{agent, flight};

const LATER: &str = r#"{"departure":"2099-12-07T09:00","arrival":"2099-12-07T12:00"}"#;
const LEASE: SignedDuration = SignedDuration::from_mins(10);

/// All that happened after a position, as messages, and the position after them.
async fn messages(store: &impl Outbox, after: i64) -> (Vec<Delivery>, i64) {
    let page = store.read_after(after, 1_000).await.unwrap();
    let delivery = |envelope| Delivery {
        consumer: ConsumerName("queues"),
        envelope,
    };
    let events = page.events.into_iter();
    (
        events.map(|event| delivery(event.unwrap())).collect(),
        page.newest,
    )
}

fn of(caller: &Caller, queue: QueueNumber) -> OfQueue {
    OfQueue {
        office: caller.office.clone(),
        queue,
    }
}

fn work(caller: &Caller, item: &QueueItem) -> OfItem {
    OfItem {
        queue: of(caller, item.queue.try_into().unwrap()),
        id: item.id,
        by: caller.username.clone(),
    }
}

/// How many wait, are in somebody's hands and are put off on a queue.
async fn totals(store: &impl QueueStore, caller: &Caller, queue: QueueNumber) -> (u64, u64, u64) {
    let totals = store.totals(&caller.office).await.unwrap();
    let numbers: Vec<u8> = totals.iter().map(|total| total.number).collect();
    assert_eq!(numbers, [0, 1, 2, 7, 8]);
    let total = totals
        .iter()
        .find(|total| total.number == queue.get())
        .unwrap();
    (total.waiting, total.in_hand, total.delayed)
}

async fn carry_out(
    store: &impl BookingStore,
    command: crate::features::bookings::command::Command,
) -> Booking {
    bookings::booking(&store.execute(&[command]).await.unwrap()[0])
}

/// So many bookings whose flight has moved, and messages of it.
async fn moved_bookings<D: Database>(
    store: &D,
    count: u32,
) -> (Caller, Vec<Booking>, Vec<Delivery>) {
    let ada = agent(store, "ada").await;
    let id = flight(store, 1, count).await.id;
    let made = book(store, &ada, id, count as usize).await;
    moved(store, id, LATER).await;
    assert_eq!(tell(store).await, made.len());
    let (messages, _) = messages(store, 0).await;
    (ada, made, messages)
}

pub(crate) async fn ten_deliveries_make_one_entry(fixture: &impl Fixture) {
    let store = fixture.database();
    let other = fixture.of_another_process().await;
    let (ada, made, mut told) = moved_bookings(store, 3).await;
    told.reverse();
    for part in told.chunks(2) {
        store.react(part).await.unwrap();
    }
    for _ in 0..4 {
        let (here, there) = tokio::join!(store.react(&told), other.react(&told));
        here.unwrap();
        there.unwrap();
    }
    let changed = of(&ada, QueueNumber::Changed);
    let items = store.items(&changed, None, 10).await.unwrap();
    assert_eq!(items.len(), 3);
    let locators: HashSet<Locator> = items.iter().map(|item| item.locator).collect();
    assert_eq!(
        locators,
        made.iter().map(|booking| booking.locator).collect()
    );
    for item in &items {
        assert_eq!(item.reason, QueueReason::ScheduleChanged);
        assert_eq!(item.state, QueueItemState::Waiting);
        assert_eq!(item.placed_by.as_str(), "system");
        assert_eq!((item.queue, &item.office), (7, &ada.office));
    }
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (3, 0, 0));
    assert_eq!(totals(store, &ada, QueueNumber::Cancelled).await, (0, 0, 0));
    // Whoever listens is told that the queue has changed, by the events of those alone that changed it.
    let (all, _) = messages(store, 0).await;
    let kinds = all.iter().map(|delivery| delivery.envelope.event.kind());
    let count = kinds.filter(|kind| *kind == "queue.changed").count();
    assert!((1..=3).contains(&count), "{count}");
    // Pages go on behind the one before.
    let first = store.items(&changed, None, 1).await.unwrap().remove(0);
    let behind = Position {
        due_at: first.due_at.0.as_microsecond(),
        id: first.id.raw(),
    };
    let rest = store.items(&changed, Some(behind), 10).await.unwrap();
    assert_eq!((&first, &rest[..]), (&items[0], &items[1..]));
}

pub(crate) async fn entries_are_done_when_their_reason_is_gone(fixture: &impl Fixture) {
    let store = fixture.database();
    let (ada, made, told) = moved_bookings(store, 3).await;
    let now = store
        .booking(made[0].locator)
        .await
        .unwrap()
        .unwrap()
        .booking;
    let accept = rebook(
        &ada,
        "accept",
        &now,
        &serde_json::json!({"segments": [{"segment": 1}]}),
    );
    carry_out(store, accept).await;
    // It was accepted before anybody has put it on the queue.
    let (all, mut heard) = messages(store, 0).await;
    assert!(all.len() > told.len());
    store.react(&told).await.unwrap();
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (2, 0, 0));
    store.react(&all).await.unwrap();
    let changed = of(&ada, QueueNumber::Changed);
    let taken = store
        .take(&changed, &ada.username, LEASE)
        .await
        .unwrap()
        .unwrap();
    let hear = async |heard: &mut i64| {
        let (new, newest) = messages(store, *heard).await;
        *heard = newest;
        store.react(&new).await.unwrap();
    };
    // One is cancelled while somebody has it in hand, the other gets a second reason, and then a third.
    carry_out(store, bookings::cancel(&ada, "cancel", taken.locator, 2)).await;
    let place = |queue| NewItem {
        queue: of(&ada, queue),
        locator: made[0].locator,
        remark: Some("CALL BACK".parse().unwrap()),
        by: ada.username.clone(),
    };
    let placed = store
        .place(&place(QueueNumber::General), entry("queue.placed"))
        .await
        .unwrap();
    assert_eq!(placed.remark.as_ref().unwrap().as_str(), "CALL BACK");
    grounded(store, made[0].segments[0].flight_id).await;
    assert_eq!(tell(store).await, 2);
    hear(&mut heard).await;
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (0, 0, 0));
    assert_eq!(totals(store, &ada, QueueNumber::Cancelled).await, (2, 0, 0));
    assert_eq!(totals(store, &ada, QueueNumber::General).await, (1, 0, 0));
    let ended = store
        .finish(&work(&ada, &taken), entry("queue.done"))
        .await
        .unwrap();
    assert_eq!(ended.state, QueueItemState::Done);
    for booking in &made {
        let now = store
            .booking(booking.locator)
            .await
            .unwrap()
            .unwrap()
            .booking;
        if now.locator != taken.locator {
            let key = format!("gone-{}", now.locator);
            carry_out(
                store,
                bookings::cancel(&ada, &key, now.locator, now.version),
            )
            .await;
        }
    }
    hear(&mut heard).await;
    for queue in QueueNumber::ALL {
        assert_eq!(totals(store, &ada, queue).await, (0, 0, 0), "{queue}");
    }
}

pub(crate) async fn of_many_agents_each_gets_another_entry(fixture: &impl Fixture) {
    let store = fixture.database();
    let other = fixture.of_another_process().await;
    let (ada, made, told) = moved_bookings(store, 12).await;
    store.react(&told).await.unwrap();
    let changed = of(&ada, QueueNumber::Changed);
    let names: Vec<Username> = ["bob", "eve"].map(|name| name.parse().unwrap()).into();
    let take = async |store: &dyn QueueStore, by: &Username| {
        let mut taken = Vec::new();
        while let Some(item) = store.take(&changed, by, LEASE).await.unwrap() {
            assert_eq!(item.state, QueueItemState::InHand);
            assert_eq!(item.taken_by.as_ref(), Some(by));
            taken.push(item.locator);
            assert!(taken.len() <= 12, "one of them twice");
        }
        taken
    };
    let (mut taken, others) = tokio::join!(take(store, &names[0]), take(&other, &names[1]));
    taken.extend(others);
    assert_eq!(taken.len(), 12);
    let distinct: HashSet<Locator> = taken.into_iter().collect();
    assert_eq!(
        distinct,
        made.iter().map(|booking| booking.locator).collect()
    );
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (0, 12, 0));
}

pub(crate) async fn an_entry_is_whose_who_has_taken_it_for_a_while(fixture: &impl Fixture) {
    let store = fixture.database();
    let (ada, _, told) = moved_bookings(store, 1).await;
    store.react(&told).await.unwrap();
    let changed = of(&ada, QueueNumber::Changed);
    let bob = Caller {
        username: "bob".parse().unwrap(),
        ..ada.clone()
    };
    let at_once = store
        .take(&changed, &bob.username, SignedDuration::ZERO)
        .await
        .unwrap()
        .unwrap();
    // Bob has had it for no time at all.
    let taken = store
        .take(&changed, &ada.username, LEASE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(taken.id, at_once.id);
    assert!(
        store
            .take(&changed, &bob.username, LEASE)
            .await
            .unwrap()
            .is_none()
    );
    let refused = store.finish(&work(&bob, &taken), entry("queue.done")).await;
    assert!(matches!(refused, Err(QueueStoreError::InHand(name)) if name == ada.username));
    let later = Until::In(SignedDuration::from_hours(1));
    let refused = store
        .delay(&work(&bob, &taken), later, entry("queue.delayed"))
        .await;
    assert!(matches!(refused, Err(QueueStoreError::InHand(_))));

    let past = Until::At("2020-01-01T00:00:00Z".parse().unwrap());
    let never = Until::In(SignedDuration::from_hours(24 * 400));
    for wrong in [past, never] {
        let refused = store
            .delay(&work(&ada, &taken), wrong, entry("queue.delayed"))
            .await;
        assert!(matches!(refused, Err(QueueStoreError::Past)));
    }
    let delayed = store
        .delay(&work(&ada, &taken), later, entry("queue.delayed"))
        .await
        .unwrap();
    assert_eq!(
        (delayed.state, delayed.taken_by),
        (QueueItemState::Delayed, None)
    );
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (0, 0, 1));
    assert!(
        store
            .take(&changed, &ada.username, LEASE)
            .await
            .unwrap()
            .is_none()
    );
    // Another change is news: it comes back.
    let (_, heard) = messages(store, 0).await;
    let id = store
        .booking(taken.locator)
        .await
        .unwrap()
        .unwrap()
        .booking
        .segments[0]
        .flight_id;
    moved(store, id, r#"{"departure":"2099-12-07T09:10"}"#).await;
    assert_eq!(tell(store).await, 1);
    let (news, _) = messages(store, heard).await;
    store.react(&news).await.unwrap();
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (1, 0, 0));
    // Nobody has it in hand: whoever likes may be done with it, once and again.
    for _ in 0..2 {
        let done = store
            .finish(&work(&bob, &taken), entry("queue.done"))
            .await
            .unwrap();
        assert_eq!(done.state, QueueItemState::Done);
    }
    let refused = store
        .delay(&work(&bob, &taken), later, entry("queue.delayed"))
        .await;
    assert!(matches!(refused, Err(QueueStoreError::Done)));
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (0, 0, 0));
}

/// The flight moves, its bookings are told, and the queues hear of it.
async fn moves_again<D: Database>(store: &D, id: FlightId, departure: &str) {
    let (_, heard) = messages(store, 0).await;
    moved(store, id, &format!(r#"{{"departure":"{departure}"}}"#)).await;
    assert_eq!(tell(store).await, 1);
    let (news, _) = messages(store, heard).await;
    store.react(&news).await.unwrap();
}

/// How often somebody was done with an entry, or has put one off, as the audit says.
async fn audited(store: &impl AuditStore, action: &str) -> usize {
    let filter = Filter {
        before: None,
        user: None,
        action: Some(action.to_owned()),
        limit: 100,
    };
    store.entries(&filter).await.unwrap().len()
}

pub(crate) async fn what_comes_while_an_entry_is_in_hand_is_not_done_with_it(
    fixture: &impl Fixture,
) {
    let store = fixture.database();
    let (ada, made, told) = moved_bookings(store, 1).await;
    store.react(&told).await.unwrap();
    let id = made[0].segments[0].flight_id;
    let changed = of(&ada, QueueNumber::Changed);
    let take = async |time| store.take(&changed, &ada.username, time).await.unwrap();
    let taken = take(LEASE).await.unwrap();
    moves_again(store, id, "2099-12-07T09:10").await;
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (0, 1, 0));
    // Its answer may be lost: the same again says the same.
    for _ in 0..2 {
        let stays = store.finish(&work(&ada, &taken), entry("queue.done")).await;
        let stays = stays.unwrap();
        assert_eq!(
            (stays.id, stays.state, stays.taken_by),
            (taken.id, QueueItemState::Waiting, None)
        );
        assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (1, 0, 0));
    }
    assert_eq!(take(LEASE).await.unwrap().id, taken.id);
    moves_again(store, id, "2099-12-07T09:20").await;
    let later = Until::In(SignedDuration::from_hours(24 * 7));
    for _ in 0..2 {
        let stays = store
            .delay(&work(&ada, &taken), later, entry("queue.delayed"))
            .await
            .unwrap();
        assert_eq!(
            (stays.state, stays.due_at),
            (QueueItemState::Waiting, taken.due_at)
        );
    }
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (1, 0, 0));
    // Nor is it done with where the time was over for which it was theirs.
    take(SignedDuration::ZERO).await.unwrap();
    moves_again(store, id, "2099-12-07T09:30").await;
    let stays = store.finish(&work(&ada, &taken), entry("queue.done")).await;
    assert_eq!(stays.unwrap().state, QueueItemState::Waiting);
    assert_eq!(audited(store, "queue.done").await, 0);
    assert_eq!(audited(store, "queue.delayed").await, 0);
    // All of it is known to who takes it now.
    take(LEASE).await.unwrap();
    let done = store.finish(&work(&ada, &taken), entry("queue.done")).await;
    assert_eq!(done.unwrap().state, QueueItemState::Done);
    assert_eq!(audited(store, "queue.done").await, 1);
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (0, 0, 0));
}

pub(crate) async fn what_was_seen_with_the_entry_is_no_news(fixture: &impl Fixture) {
    let store = fixture.database();
    let (ada, made, told) = moved_bookings(store, 1).await;
    store.react(&told).await.unwrap();
    let id = made[0].segments[0].flight_id;
    let changed = of(&ada, QueueNumber::Changed);
    // The booking has changed when it is taken; the message of that comes later.
    let (_, heard) = messages(store, 0).await;
    moved(store, id, r#"{"departure":"2099-12-07T09:10"}"#).await;
    assert_eq!(tell(store).await, 1);
    let (late, _) = messages(store, heard).await;
    let taken = store.take(&changed, &ada.username, LEASE).await.unwrap();
    let taken = taken.unwrap();
    store.react(&late).await.unwrap();
    let later = Until::In(SignedDuration::from_hours(24 * 7));
    let delayed = store
        .delay(&work(&ada, &taken), later, entry("queue.delayed"))
        .await
        .unwrap();
    assert_eq!(delayed.state, QueueItemState::Delayed);
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (0, 0, 1));
    assert_eq!(audited(store, "queue.delayed").await, 1);
    moves_again(store, id, "2099-12-07T09:20").await;
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (1, 0, 0));
    // Nor is it where the message comes only when the entry is put off.
    let (_, heard) = messages(store, 0).await;
    moved(store, id, r#"{"departure":"2099-12-07T09:30"}"#).await;
    assert_eq!(tell(store).await, 1);
    let (late, _) = messages(store, heard).await;
    store.take(&changed, &ada.username, LEASE).await.unwrap();
    store
        .delay(&work(&ada, &taken), later, entry("queue.delayed"))
        .await
        .unwrap();
    store.react(&late).await.unwrap();
    assert_eq!(totals(store, &ada, QueueNumber::Changed).await, (0, 0, 1));
}

pub(crate) async fn what_is_placed_while_an_entry_is_in_hand_stays(fixture: &impl Fixture) {
    let store = fixture.database();
    let (ada, made, _) = moved_bookings(store, 1).await;
    let bob = Caller {
        username: "bob".parse().unwrap(),
        ..ada.clone()
    };
    let general = of(&ada, QueueNumber::General);
    let place = async |by: &Caller, remark: &str| {
        let item = NewItem {
            queue: general.clone(),
            locator: made[0].locator,
            remark: Some(remark.parse().unwrap()),
            by: by.username.clone(),
        };
        store.place(&item, entry("queue.placed")).await.unwrap()
    };
    let take = async || store.take(&general, &ada.username, LEASE).await.unwrap();
    place(&ada, "CALL BACK").await;
    let taken = take().await.unwrap();
    place(&bob, "SEND THE INVOICE").await;
    let stays = store.finish(&work(&ada, &taken), entry("queue.done")).await;
    let stays = stays.unwrap();
    assert_eq!(stays.state, QueueItemState::Waiting);
    assert_eq!(stays.remark.unwrap().as_str(), "SEND THE INVOICE");
    take().await.unwrap();
    // What its holder says of it is known to them.
    place(&ada, "SENT").await;
    let done = store.finish(&work(&ada, &taken), entry("queue.done")).await;
    assert_eq!(done.unwrap().state, QueueItemState::Done);
}

pub(crate) async fn other_offices_have_other_queues(fixture: &impl Fixture) {
    let store = fixture.database();
    let (ada, made, told) = moved_bookings(store, 1).await;
    store.react(&told).await.unwrap();
    let eve = Caller {
        office: "LON1A0001".parse().unwrap(),
        ..ada.clone()
    };
    let changed = of(&eve, QueueNumber::Changed);
    assert_eq!(totals(store, &eve, QueueNumber::Changed).await, (0, 0, 0));
    assert_eq!(store.items(&changed, None, 10).await.unwrap(), []);
    assert!(
        store
            .take(&changed, &eve.username, LEASE)
            .await
            .unwrap()
            .is_none()
    );
    let item = store
        .items(&of(&ada, QueueNumber::Changed), None, 10)
        .await
        .unwrap()
        .remove(0);
    let refused = store.finish(&work(&eve, &item), entry("queue.done")).await;
    assert!(matches!(refused, Err(QueueStoreError::NotFound)));
    let elsewhere = OfItem {
        queue: of(&ada, QueueNumber::General),
        ..work(&ada, &item)
    };
    let refused = store.finish(&elsewhere, entry("queue.done")).await;
    assert!(
        matches!(refused, Err(QueueStoreError::NotFound)),
        "it lies on another queue"
    );
    let place = |caller: &Caller, remark: Option<&str>| NewItem {
        queue: of(caller, QueueNumber::General),
        locator: made[0].locator,
        remark: remark.map(|text| text.parse().unwrap()),
        by: caller.username.clone(),
    };
    let refused = store.place(&place(&eve, None), entry("queue.placed")).await;
    assert!(matches!(refused, Err(QueueStoreError::NotFound)));
    let first = store
        .place(&place(&ada, Some("ONE")), entry("queue.placed"))
        .await
        .unwrap();
    let again = store
        .place(&place(&ada, Some("TWO")), entry("queue.placed"))
        .await
        .unwrap();
    assert_eq!(first.id, again.id);
    assert_eq!(again.remark.unwrap().as_str(), "TWO");
    assert_eq!(
        (first.reason, &first.placed_by),
        (QueueReason::Placed, &ada.username)
    );
    store
        .finish(&work(&ada, &first), entry("queue.done"))
        .await
        .unwrap();
    let anew = store
        .place(&place(&ada, None), entry("queue.placed"))
        .await
        .unwrap();
    assert!(anew.id != first.id && anew.remark.is_none());

    assert_eq!(
        store
            .forget_items(SignedDuration::from_hours(1), 10)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        store.forget_items(SignedDuration::ZERO, 10).await.unwrap(),
        1
    );
    assert_eq!(totals(store, &ada, QueueNumber::General).await, (1, 0, 0));
}
