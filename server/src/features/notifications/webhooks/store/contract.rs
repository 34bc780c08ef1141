//! What every database must do with webhooks.

use airside_common::api::webhooks::DeliveryState;
use airside_common::event::Event;
use airside_common::flight::FlightId;

use super::*;
use crate::bus::Envelope;
use crate::features::audit::store::{AuditStore, Filter};
use crate::features::users::store::contract::entry;
use crate::messages::consumer::ConsumerName;
use crate::store::Database;
use crate::store::contract::Fixture;
use crate::store::contract::processes::now;

const WHILE: Duration = Duration::from_mins(1);
const NO_TIME: Duration = Duration::ZERO;

pub(crate) fn new(url: &str, events: &[&str]) -> NewWebhook {
    NewWebhook {
        url: url.to_owned(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        description: String::new(),
        secret: Secret("whsec_c2VjcmV0".to_owned()),
    }
}

pub(crate) async fn made(store: &impl Database, url: &str, events: &[&str]) -> i64 {
    let entry = entry("webhook.created");
    let new = new(url, events);
    let made = store.create_webhook(&new, now(), &entry).await.unwrap();
    made.id.parse().unwrap()
}

/// A message that a flight came into the schedule.
pub(crate) fn message(id: i64) -> (Delivery, String) {
    let delivery = Delivery {
        consumer: ConsumerName("webhooks"),
        envelope: Envelope {
            id,
            at: now(),
            event: Event::FlightCreated {
                flight: FlightId::from_raw(1),
                version: 1,
            },
        },
    };
    (delivery, format!("{{\"id\":\"{id}\"}}"))
}

fn answered(status: u16) -> Answered {
    Answered {
        status: Some(status),
        text: "so it is".to_owned(),
    }
}

async fn log(store: &impl Database, webhook: i64) -> Vec<LoggedDelivery> {
    store.deliveries(webhook, None, 100).await.unwrap()
}

async fn take(store: &impl Database) -> Vec<ClaimedDelivery> {
    store.claim_deliveries(9, WHILE, &[]).await.unwrap()
}

pub(crate) async fn a_webhook_from_its_making_to_its_end(fixture: &impl Fixture) {
    let store = fixture.database();
    let id = made(store, "https://a.example/", &["flight.created"]).await;
    let other = made(store, "https://b.example/", &["booking.created"]).await;
    let ids: Vec<String> = [other, id].map(|id| id.to_string()).into();
    let listed = store.webhooks(None, 9).await.unwrap();
    assert_eq!(
        listed.iter().map(|one| one.id.clone()).collect::<Vec<_>>(),
        ids
    );
    assert_eq!(store.webhooks(Some(other), 9).await.unwrap(), listed[1..]);
    assert_eq!(store.webhook(id).await.unwrap().as_ref(), Some(&listed[1]));
    assert_eq!(listed[1].events, ["flight.created"]);
    assert!(listed[1].enabled);
    let change = WebhookChange {
        events: Some(vec![
            "booking.created".to_owned(),
            "flight.changed".to_owned(),
        ]),
        description: Some("partner".to_owned()),
        ..WebhookChange::default()
    };
    let (changed, entry) = (entry("webhook.changed"), entry("webhook.deleted"));
    let after = store
        .change_webhook(id, &change, now(), &changed)
        .await
        .unwrap();
    let after = after.unwrap();
    assert_eq!(after.url, "https://a.example/");
    assert_eq!(after.events, ["booking.created", "flight.changed"]);
    assert_eq!((&*after.description, after.enabled), ("partner", true));
    assert!(store.remove_webhook(id, now(), &entry).await.unwrap());
    assert!(!store.remove_webhook(id, now(), &entry).await.unwrap());
    assert_eq!(store.webhook(id).await.unwrap(), None);
    let none = store
        .change_webhook(id, &change, now(), &changed)
        .await
        .unwrap();
    assert_eq!(none, None);
    // Each act that was done is recorded, and no other.
    let filter = Filter {
        limit: 9,
        ..Filter::default()
    };
    let entries = store.entries(&filter).await.unwrap();
    let actions: Vec<&str> = entries.iter().map(|entry| &*entry.action).collect();
    let expected = [
        "webhook.deleted",
        "webhook.changed",
        "webhook.created",
        "webhook.created",
    ];
    assert_eq!(actions, expected);
}

pub(crate) async fn a_message_is_told_once_to_those_who_want_it(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let wants = made(here, "https://a.example/", &["flight.created"]).await;
    let wants_not = made(here, "https://b.example/", &["booking.created"]).await;
    let batch = [message(1), message(2)];
    let (first, second) = tokio::join!(
        here.queue_deliveries(&batch),
        there.queue_deliveries(&batch)
    );
    assert_eq!(first.unwrap() + second.unwrap(), 2);
    for _ in 0..8 {
        assert_eq!(here.queue_deliveries(&batch).await.unwrap(), 0);
    }
    assert!(log(here, wants_not).await.is_empty());
    let log = log(here, wants).await;
    assert_eq!(log.len(), 2);
    assert_eq!(
        (&*log[0].webhook_id, &*log[0].event),
        ("evt_2", "flight.created")
    );
    assert_eq!(log[0].state, DeliveryState::Waiting);
    assert_eq!(here.waiting_deliveries().await.unwrap(), 2);
}

pub(crate) async fn a_delivery_is_in_one_hand_for_a_while(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let id = made(here, "https://a.example/", &["flight.created"]).await;
    here.queue_deliveries(&[message(1)]).await.unwrap();
    let late = here.claim_deliveries(9, NO_TIME, &[]).await.unwrap();
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].secret, Secret("whsec_c2VjcmV0".to_owned()));
    assert_eq!(
        (&*late[0].url, &*late[0].body),
        ("https://a.example/", "{\"id\":\"1\"}")
    );
    assert!(
        there
            .claim_deliveries(9, WHILE, &[id])
            .await
            .unwrap()
            .is_empty()
    );
    let taken = take(&there).await;
    let again = CallOutcome::Settled(Verdict::Again(NO_TIME));
    let done = CallOutcome::Settled(Verdict::Done);
    // Whoever was late ends nothing.
    here.settle_delivery(&late[0], &answered(200), done)
        .await
        .unwrap();
    assert!(take(here).await.is_empty());
    there
        .settle_delivery(&taken[0], &answered(500), again)
        .await
        .unwrap();
    let taken = take(here).await;
    here.settle_delivery(&taken[0], &answered(204), done)
        .await
        .unwrap();
    assert!(take(here).await.is_empty());
    let log = log(here, id).await;
    let attempts: Vec<_> = log[0]
        .attempts
        .iter()
        .map(|one| (one.attempt, one.status, &*one.answer))
        .collect();
    assert_eq!(
        attempts,
        [(2, Some(500), "so it is"), (3, Some(204), "so it is")]
    );
    assert_eq!(log[0].state, DeliveryState::Delivered);
    assert!(log[0].ended_at.is_some() && log[0].next_attempt_at.is_none());
}

pub(crate) async fn who_is_gone_is_told_nothing_more(fixture: &impl Fixture) {
    let store = fixture.database();
    let id = made(store, "https://a.example/", &["flight.created"]).await;
    store
        .queue_deliveries(&[message(1), message(2)])
        .await
        .unwrap();
    let taken = store.claim_deliveries(1, WHILE, &[]).await.unwrap();
    store
        .settle_delivery(&taken[0], &answered(410), CallOutcome::Gone)
        .await
        .unwrap();
    let webhook = store.webhook(id).await.unwrap().unwrap();
    assert!(!webhook.enabled);
    assert_eq!(webhook.disabled_reason.as_deref(), Some("it answered 410"));
    let states: Vec<_> = log(store, id).await.iter().map(|one| one.state).collect();
    assert_eq!(states, [DeliveryState::Failed; 2]);
    assert_eq!(store.queue_deliveries(&[message(3)]).await.unwrap(), 0);
    let enabled = WebhookChange {
        enabled: Some(true),
        ..WebhookChange::default()
    };
    let entry = entry("webhook.enabled");
    let webhook = store
        .change_webhook(id, &enabled, now(), &entry)
        .await
        .unwrap();
    assert_eq!(webhook.unwrap().disabled_reason, None);
    assert_eq!(store.queue_deliveries(&[message(4)]).await.unwrap(), 1);
}

pub(crate) async fn who_is_disabled_is_called_no_more(fixture: &impl Fixture) {
    let store = fixture.database();
    let id = made(store, "https://a.example/", &["flight.created"]).await;
    store.queue_deliveries(&[message(1)]).await.unwrap();
    let disabled = WebhookChange {
        enabled: Some(false),
        ..WebhookChange::default()
    };
    let entry = entry("webhook.disabled");
    store
        .change_webhook(id, &disabled, now(), &entry)
        .await
        .unwrap();
    assert!(take(store).await.is_empty());
    assert_eq!(log(store, id).await[0].state, DeliveryState::Failed);
    store
        .queue_test(id, "webhook.test", "{}", now(), &entry)
        .await
        .unwrap();
    assert!(take(store).await.is_empty());
}

pub(crate) async fn deliveries_are_listed_and_forgotten(fixture: &impl Fixture) {
    let store = fixture.database();
    let id = made(store, "https://a.example/", &["flight.created"]).await;
    let tested = entry("webhook.tested");
    store
        .queue_test(id, "webhook.test", "{}", now(), &tested)
        .await
        .unwrap();
    store
        .queue_deliveries(&[message(1), message(2)])
        .await
        .unwrap();
    let all = log(store, id).await;
    let events: Vec<&str> = all.iter().map(|one| &*one.event).collect();
    assert_eq!(events, ["flight.created", "flight.created", "webhook.test"]);
    assert!(all[2].webhook_id.starts_with("test_"));
    let before = all[0].id.parse().unwrap();
    let page = store.deliveries(id, Some(before), 1).await.unwrap();
    assert_eq!(page, all[1..2]);
    let taken = store.claim_deliveries(1, WHILE, &[]).await.unwrap();
    assert_eq!(taken[0].message, None);
    let failed = CallOutcome::Settled(Verdict::Failed);
    store
        .settle_delivery(&taken[0], &answered(500), failed)
        .await
        .unwrap();
    assert_eq!(store.forget_deliveries(WHILE, 9).await.unwrap(), 0);
    // With its attempts; what waits is not forgotten.
    assert_eq!(store.forget_deliveries(NO_TIME, 9).await.unwrap(), 1);
    assert_eq!(log(store, id).await.len(), 2);
    let deleted = entry("webhook.deleted");
    assert!(store.remove_webhook(id, now(), &deleted).await.unwrap());
    assert!(log(store, id).await.is_empty());
    assert_eq!(store.waiting_deliveries().await.unwrap(), 0);
}
