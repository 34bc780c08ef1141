//! What every database must do with mails.

use airside_common::event::{BookingEvent, Event};
use airside_common::flight::FlightId;
use serde_json::json;

use super::*;
use crate::features::auth::caller::Caller;
use crate::features::bookings::command::{Command, Outcome};
use crate::features::bookings::store::contract::schedule::{moved, tell};
use crate::features::bookings::store::{BookingStore, contract as bookings};
use crate::features::notifications::mail::letter::tests::{delivery, writer};
use crate::features::notifications::mail::occasions::EVENTS;
use crate::messages::consumer::ConsumerName;
use crate::outbox::Outbox;
use crate::store::Database;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{agent, flight};

const WHILE: Duration = Duration::from_mins(1);
const NO_TIME: Duration = Duration::ZERO;

/// Makes a booking with a contact address.
async fn book(store: &impl Database, ada: &Caller, key: &str, email: &str) -> Locator {
    let number = u16::try_from(key.len()).unwrap() * 100 + u16::from(key.as_bytes()[0]);
    let flight = flight(store, number, 9).await;
    let command: Command = bookings::create(ada, key, flight.id.raw(), |body| {
        body["contact"] = json!({"email": email});
    });
    let outcomes = BookingStore::execute(store, &[command]).await.unwrap();
    let Outcome::Answered(answer) = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    body["locator"].as_str().unwrap().parse().unwrap()
}

async fn all(store: &impl Database) -> Vec<Mail> {
    let filter = MailFilter {
        limit: 100,
        ..MailFilter::default()
    };
    store.mails(&filter).await.unwrap()
}

fn created(id: i64, locator: Locator) -> Delivery {
    delivery(
        id,
        locator,
        Event::BookingCreated as fn(BookingEvent) -> Event,
    )
}

pub(crate) async fn a_message_leads_to_one_mail(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = agent(here, "ada").await;
    let locator = book(here, &ada, "a", "ada@example.com").await;
    let batch = [created(7, locator)];
    let writer = writer();
    let (first, second) = tokio::join!(
        here.queue_mails(&batch, &writer),
        there.queue_mails(&batch, &writer)
    );
    assert_eq!(first.unwrap() + second.unwrap(), 1);
    for _ in 0..8 {
        assert_eq!(here.queue_mails(&batch, &writer).await.unwrap(), 0);
    }
    let mails = all(here).await;
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(mail.locator, locator);
    assert_eq!(
        (&*mail.event, &*mail.recipient),
        ("booking.created", "ada@example.com")
    );
    assert_eq!((mail.state, mail.attempts), (MailState::Waiting, 0));
    assert!(mail.next_attempt_at.is_some() && mail.ended_at.is_none());
    assert_eq!(here.waiting_mails().await.unwrap(), 1);
}

pub(crate) async fn a_mail_is_in_one_hand_for_a_while(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = agent(here, "ada").await;
    let locator = book(here, &ada, "a", "ada@example.com").await;
    let batch = [created(7, locator)];
    here.queue_mails(&batch, &writer()).await.unwrap();
    // It is in hand for no time at all.
    let late = here.claim_mails(9, NO_TIME).await.unwrap();
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].recipient, "ada@example.com");
    assert!(late[0].body.starts_with(b"From: Airside"));
    let taken = there.claim_mails(9, WHILE).await.unwrap();
    assert_eq!(taken[0].hand.attempt, 2);
    // Whoever was late ends nothing.
    here.settle_mail(late[0].hand, Verdict::Failed, "late")
        .await
        .unwrap();
    assert!(here.claim_mails(9, WHILE).await.unwrap().is_empty());
    assert_eq!(all(here).await[0].state, MailState::Waiting);
    let hand = taken[0].hand;
    there
        .settle_mail(hand, Verdict::Again(NO_TIME), "451 later")
        .await
        .unwrap();
    let again = here.claim_mails(9, WHILE).await.unwrap();
    assert_eq!(again[0].body, taken[0].body);
    assert_eq!(all(here).await[0].answer.as_deref(), Some("451 later"));
    here.settle_mail(again[0].hand, Verdict::Done, "250 OK")
        .await
        .unwrap();
    let mail = &all(here).await[0];
    assert_eq!((mail.state, mail.attempts), (MailState::Sent, 3));
    assert_eq!(mail.answer.as_deref(), Some("250 OK"));
    assert!(mail.ended_at.is_some() && mail.next_attempt_at.is_none());
    assert!(here.claim_mails(9, NO_TIME).await.unwrap().is_empty());
    assert_eq!(here.waiting_mails().await.unwrap(), 0);
    // What waits for its time waits.
    let (batch, writer) = ([created(8, locator)], writer());
    here.queue_mails(&batch, &writer).await.unwrap();
    let taken = here.claim_mails(9, WHILE).await.unwrap();
    here.settle_mail(taken[0].hand, Verdict::Again(WHILE), "451")
        .await
        .unwrap();
    assert!(here.claim_mails(9, WHILE).await.unwrap().is_empty());
}

pub(crate) async fn many_hands_take_each_mail_once(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = agent(here, "ada").await;
    let locator = book(here, &ada, "a", "ada@example.com").await;
    let batch: Vec<Delivery> = (1..=20).map(|id| created(id, locator)).collect();
    assert_eq!(here.queue_mails(&batch, &writer()).await.unwrap(), 20);
    let mut taken = Vec::new();
    for _ in 0..10 {
        let (one, other) = tokio::join!(here.claim_mails(3, WHILE), there.claim_mails(3, WHILE));
        taken.extend(one.unwrap());
        taken.extend(other.unwrap());
    }
    let mut ids: Vec<i64> = taken.iter().map(|mail| mail.hand.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), taken.len()), (20, 20));
}

pub(crate) async fn mails_are_listed_and_forgotten(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let one = book(store, &ada, "a", "ada@example.com").await;
    let other = book(store, &ada, "b", "a..b@example.com").await;
    let batch = [created(1, one), created(2, other), created(3, one)];
    assert_eq!(store.queue_mails(&batch, &writer()).await.unwrap(), 3);
    let mails = all(store).await;
    let of: Vec<Locator> = mails.iter().map(|mail| mail.locator).collect();
    assert_eq!(of, [one, other, one]);
    // Its address is none that mail can have.
    assert_eq!(mails[1].state, MailState::Failed);
    assert!(mails[1].answer.as_ref().unwrap().contains("address"));
    let list = async |filter: MailFilter| store.mails(&filter).await.unwrap();
    let of_one = MailFilter {
        locator: Some(one),
        before: Some(mails[0].id.parse().unwrap()),
        limit: 9,
        ..MailFilter::default()
    };
    assert_eq!(list(of_one).await, mails[2..]);
    let failed = MailFilter {
        state: Some(MailState::Failed),
        limit: 9,
        ..MailFilter::default()
    };
    assert_eq!(list(failed).await, mails[1..2]);
    // What waits is not forgotten however old it is.
    assert_eq!(store.forget_mails(WHILE, 9).await.unwrap(), 0);
    assert_eq!(store.forget_mails(NO_TIME, 9).await.unwrap(), 1);
    assert_eq!(all(store).await.len(), 2);
}

pub(crate) async fn a_booking_that_is_not_there_leads_to_none(fixture: &impl Fixture) {
    let store = fixture.database();
    let nowhere = created(1, "K7QW2M".parse().unwrap());
    assert_eq!(store.queue_mails(&[nowhere], &writer()).await.unwrap(), 0);
    assert!(all(store).await.is_empty());
}

/// Nobody took mails to the passengers while all of it happened.
pub(crate) async fn what_a_later_event_tells_is_told_once(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let (full, free) = (flight(store, 1, 2).await.id, flight(store, 2, 9).await.id);
    let execute = async |command: Command| {
        let outcomes = BookingStore::execute(store, &[command]).await.unwrap();
        bookings::booking(&outcomes[0])
    };
    let make = async |key: &str, flight: FlightId, wish: Option<&str>| {
        let command = bookings::create(&ada, key, flight.raw(), |body| {
            body["contact"] = json!({"email": "ada@example.com"});
            if let Some(wish) = wish {
                body[wish] = true.into();
            }
        });
        execute(command).await.locator
    };
    let held = make("held", full, Some("hold")).await;
    let cancelled = make("cancelled", full, None).await;
    let waits = make("waits", full, Some("waitlist")).await;
    let moved_twice = make("moved", free, None).await;
    let only_held = make("only", free, Some("hold")).await;
    execute(bookings::confirm(&ada, "confirm", held, 1)).await;
    execute(bookings::cancel(&ada, "cancel", cancelled, 1)).await;
    for departure in ["09:00", "09:30"] {
        let patch = format!(r#"{{"departure":"2099-12-07T{departure}"}}"#);
        moved(store, free, &patch).await;
        assert_eq!(tell(store).await, 2);
    }
    let events = store.read_after(0, 100).await.unwrap().events;
    let messages: Vec<Delivery> = events
        .into_iter()
        .map(|envelope| Delivery {
            consumer: ConsumerName("mail"),
            envelope: envelope.unwrap(),
        })
        .filter(|message| EVENTS.contains(&message.envelope.event.kind()))
        .collect();
    assert_eq!(messages.len(), 12);
    for part in messages.chunks(5) {
        store.queue_mails(part, &writer()).await.unwrap();
    }
    let mut told: Vec<(Locator, String)> = all(store)
        .await
        .into_iter()
        .map(|mail| (mail.locator, mail.event))
        .collect();
    let mut expected = [
        (held, "booking.confirmed"),
        (cancelled, "booking.cancelled"),
        (waits, "waitlist.cleared"),
        (moved_twice, "booking.created"),
        (moved_twice, "booking.changed"),
        (only_held, "booking.created"),
        (only_held, "booking.changed"),
    ]
    .map(|(locator, event)| (locator, event.to_owned()));
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}
