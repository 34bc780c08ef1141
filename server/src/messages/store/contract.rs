//! What every database must do with messages.

use std::time::Duration;

use super::*;
use crate::features::audit::store::{AuditStore, Filter};
use crate::features::users::store::contract::entry;
use crate::messages::queues::MOST_DELIVERIES;
use crate::store::contract::Fixture;
use crate::store::contract::processes::now;

const WHILE: Duration = Duration::from_mins(1);

fn queued(message: i64) -> Queued<'static> {
    Queued {
        consumer: "mail",
        message,
        payload: "{}",
    }
}

fn ids(received: &[Received]) -> Vec<i64> {
    received.iter().map(|one| one.id).collect()
}

pub(crate) async fn what_is_in_hand_for_too_long_goes_to_another(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    here.enqueue(&[queued(1), queued(2)]).await.unwrap();
    // The first is in hand for no time at all.
    let late = here.claim("mail", 1, Duration::ZERO).await.unwrap();
    assert_eq!(ids(&late), [1]);
    let taken = there.claim("mail", 10, WHILE).await.unwrap();
    assert_eq!(ids(&taken), [1, 2]);
    // Whoever was late neither ends it nor keeps it.
    here.finish("mail", &late).await.unwrap();
    here.keep("mail", &late, Duration::ZERO).await.unwrap();
    here.give_back("mail", &late).await.unwrap();
    here.fail("mail", &late[0], "late", Duration::ZERO)
        .await
        .unwrap();
    assert!(here.claim("mail", 10, WHILE).await.unwrap().is_empty());
    let both = [("mail".to_owned(), 2)];
    assert_eq!(here.queue_depths().await.unwrap(), both, "both are there");
    there.finish("mail", &taken).await.unwrap();
    assert!(here.queue_depths().await.unwrap().is_empty());
}

pub(crate) async fn a_message_stands_once_in_a_queue(fixture: &impl Fixture) {
    let store = fixture.database();
    store.enqueue(&[queued(1)]).await.unwrap();
    store.enqueue(&[queued(1), queued(2)]).await.unwrap();
    assert_eq!(
        store.queue_depths().await.unwrap(),
        [("mail".to_owned(), 2)]
    );
    let taken = store.claim("mail", 10, WHILE).await.unwrap();
    assert_eq!(ids(&taken), [1, 2]);
    assert!(store.claim("post", 10, WHILE).await.unwrap().is_empty());
}

pub(crate) async fn one_whose_holders_always_end_is_dead(fixture: &impl Fixture) {
    let store = fixture.database();
    store.enqueue(&[queued(1)]).await.unwrap();
    for _ in 0..MOST_DELIVERIES {
        assert_eq!(
            store.claim("mail", 10, Duration::ZERO).await.unwrap().len(),
            1
        );
    }
    assert!(store.claim("mail", 10, WHILE).await.unwrap().is_empty());
    assert!(store.queue_depths().await.unwrap().is_empty());
    let letters = store.dead_letters(&all()).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].deliveries, MOST_DELIVERIES);
    assert!(letters[0].error.contains("ended without a word"));
}

fn all() -> LetterFilter {
    LetterFilter {
        limit: 10,
        ..LetterFilter::default()
    }
}

pub(crate) async fn dead_letters_are_listed_and_removed(fixture: &impl Fixture) {
    let store = fixture.database();
    store
        .note_failure("mail", 1, "the first time")
        .await
        .unwrap();
    store
        .note_failure("mail", 1, "the last time")
        .await
        .unwrap();
    for message in 1..=3 {
        store.bury(&queued(message), 4).await.unwrap();
        // A broker may bring one again.
        store.bury(&queued(message), 4).await.unwrap();
    }
    let post = Queued {
        consumer: "post",
        ..queued(1)
    };
    store.bury(&post, 4).await.unwrap();
    assert_eq!(store.dead_letter_count().await.unwrap(), 4);
    let letters = store.dead_letters(&all()).await.unwrap();
    let named: Vec<(&str, i64)> = letters
        .iter()
        .map(|letter| (letter.consumer.as_str(), letter.message))
        .collect();
    assert_eq!(named, [("post", 1), ("mail", 3), ("mail", 2), ("mail", 1)]);
    assert_eq!(letters[3].error, "the last time");
    let page = LetterFilter {
        before: Some(letters[1].id),
        consumer: Some("mail".to_owned()),
        limit: 1,
    };
    assert_eq!(store.dead_letters(&page).await.unwrap(), letters[2..3]);
    let dropped = &letters[2];
    let found = async || store.dead_letter(dropped.id).await.unwrap();
    assert_eq!(found().await.as_ref(), Some(dropped));
    let gone = async || {
        let entry = entry("dead_letter.dropped");
        let removing = store.remove_dead_letter(dropped, now(), &entry);
        removing.await.unwrap()
    };
    assert!(gone().await);
    assert!(!gone().await);
    assert_eq!(found().await, None);
}

/// Each way of dying again, after somebody has read the letter and before it is removed.
pub(crate) async fn one_that_dies_again_stays(fixture: &impl Fixture) {
    let store = fixture.database();
    let letter = async || {
        let mut found = store.dead_letters(&all()).await.unwrap();
        assert_eq!(found.len(), 1);
        found.pop().unwrap()
    };
    store.note_failure("mail", 1, "the first").await.unwrap();
    store.bury(&queued(1), MOST_DELIVERIES).await.unwrap();
    let mut read = letter().await;
    let mut deliveries = MOST_DELIVERIES;
    let mut has_died_again = async |error: &str| {
        let entry = entry("dead_letter.retried");
        let removing = store.remove_dead_letter(&read, now(), &entry);
        assert!(
            !removing.await.unwrap(),
            "{error}: it is not as it was read"
        );
        let sent = store.dead_letter_was_sent(&read, now(), &entry);
        sent.await.unwrap();
        let again = letter().await;
        deliveries += MOST_DELIVERIES;
        assert_eq!((again.id, again.deliveries), (read.id, deliveries));
        assert_eq!(again.error, error);
        assert!(again.died_at > read.died_at);
        read = again;
    };
    // As a broker's letter, with an error and without.
    store.note_failure("mail", 1, "the second").await.unwrap();
    store.bury(&queued(1), MOST_DELIVERIES).await.unwrap();
    has_died_again("the second").await;
    store.bury(&queued(1), MOST_DELIVERIES).await.unwrap();
    has_died_again("the second").await;
    // In a queue of the database, with an error and without.
    store.enqueue(&[queued(1)]).await.unwrap();
    for _ in 0..MOST_DELIVERIES {
        let taken = store.claim("mail", 1, WHILE).await.unwrap();
        let failing = store.fail("mail", &taken[0], "the third", Duration::ZERO);
        failing.await.unwrap();
    }
    has_died_again("the third").await;
    store.enqueue(&[queued(1)]).await.unwrap();
    for _ in 0..MOST_DELIVERIES {
        let taken = store.claim("mail", 1, Duration::ZERO).await.unwrap();
        assert_eq!(ids(&taken), [1]);
    }
    assert!(store.claim("mail", 1, WHILE).await.unwrap().is_empty());
    has_died_again("the third").await;

    let retried = Filter {
        action: Some("dead_letter.retried".to_owned()),
        limit: 10,
        ..Filter::default()
    };
    let noted = async || store.entries(&retried).await.unwrap().len();
    assert_eq!(noted().await, 4, "each time it was sent, and no removal");
    let read = letter().await;
    for _ in 0..2 {
        let entry = entry("dead_letter.retried");
        let sent = store.dead_letter_was_sent(&read, now(), &entry);
        sent.await.unwrap();
        assert_eq!(store.dead_letter_count().await.unwrap(), 0);
        assert_eq!(noted().await, 5, "once, while it was there");
    }
}

pub(crate) async fn what_was_done_long_ago_is_forgotten(fixture: &impl Fixture) {
    let store = fixture.database();
    for message in 1..=3 {
        store.note_failure("mail", message, "no").await.unwrap();
    }
    assert_eq!(store.forget_messages(WHILE, 10).await.unwrap(), 0);
    assert_eq!(store.forget_messages(Duration::ZERO, 2).await.unwrap(), 2);
    assert_eq!(store.forget_messages(Duration::ZERO, 2).await.unwrap(), 1);
    assert_eq!(store.forget_messages(Duration::ZERO, 2).await.unwrap(), 0);
}

pub(crate) async fn who_waits_is_called(fixture: &impl Fixture) {
    let store = fixture.database();
    let mut calls = store.queued();
    calls.mark_unchanged();
    store.enqueue(&[queued(1)]).await.unwrap();
    let patience = Duration::from_secs(20);
    let called = tokio::time::timeout(patience, calls.changed()).await;
    called.expect("called").unwrap();
}
