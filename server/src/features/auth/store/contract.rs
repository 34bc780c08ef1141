//! What every store of sessions must do.

use airside_common::api::users::User;
use airside_common::event::Event;
use airside_common::user::Role;
use jiff::ToSpan;

use super::*;
use crate::features::audit::store::{AuditStore, Filter};
use crate::features::users::store::contract::{entry, user};
use crate::features::users::store::{Change, UserStore};
use crate::outbox::Outbox;
use crate::store::contract::Fixture;
use crate::store::contract::processes::now;

/// A token that is told from others by a number, handed out at a moment and good for an hour.
fn token(number: u8, at: Timestamp) -> NewToken {
    NewToken {
        hash: TokenHash([number; 32]),
        issued_at: at,
        expires_at: at + 1.hour(),
    }
}

fn hash(number: u8) -> TokenHash {
    TokenHash([number; 32])
}

fn until() -> Timestamp {
    now() + 16.minutes()
}

/// A session of a user, with a token of a number.
pub(crate) async fn session(store: &impl AuthStore, user: &User, number: u8) -> SessionId {
    let account = store.account(user.username.as_str()).await.unwrap();
    let valid_from = account.unwrap().valid_from;
    let session = SessionId::new();
    let started = store
        .start_session(
            user.id,
            valid_from,
            session,
            token(number, now()),
            entry("login"),
        )
        .await
        .unwrap();
    assert!(started);
    session
}

async fn rotate(store: &impl AuthStore, old: u8, new: u8) -> Rotation {
    store
        .rotate(hash(old), token(new, now()), until(), "request-2")
        .await
        .unwrap()
}

/// The sessions of whose end the events tell, an event each.
async fn told(store: &impl Outbox) -> Vec<Vec<SessionId>> {
    let page = store.read_after(0, 100).await.unwrap();
    let events = page.events.into_iter().map(|e| e.unwrap().event);
    events
        .map(|event| match event {
            Event::SessionsEnded {
                sessions,
                until: at,
            } => {
                assert_eq!(at.0, until());
                sessions
            }
            _ => panic!("{event:?}"),
        })
        .collect()
}

async fn actions(store: &impl AuditStore) -> Vec<String> {
    let filter = Filter {
        limit: 100,
        ..Filter::default()
    };
    let mut entries = store.entries(&filter).await.unwrap();
    entries.reverse();
    entries
        .into_iter()
        .map(|e| format!("{} {} {}", e.user, e.action, e.outcome))
        .collect()
}

pub(crate) async fn an_account_is_found_with_its_hash(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = user(store, "ada", Role::Admin).await;
    let account = store.account("ada").await.unwrap().unwrap();
    assert_eq!((account.user.id, account.user.role), (ada.id, Role::Admin));
    assert_eq!(account.user.office, ada.office);
    assert_eq!(account.password_hash, "hash of ada");
    assert_eq!((account.disabled_at, account.valid_from), (None, now()));
    assert!(store.account("Ada").await.unwrap().is_none());
    assert!(store.account("").await.unwrap().is_none());
}

pub(crate) async fn a_token_is_taken_once_and_reuse_ends_its_session(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = user(store, "ada", Role::Agent).await;
    let started = session(store, &ada, 1).await;
    let other = session(store, &ada, 9).await;
    let rotated = rotate(store, 1, 2).await;
    assert!(
        matches!(&rotated, Rotation::Rotated { user, session } if *session == started && user.id == ada.id)
    );
    assert!(matches!(
        rotate(store, 2, 3).await,
        Rotation::Rotated { .. }
    ));
    let reused = rotate(store, 1, 4).await;
    assert!(matches!(reused, Rotation::Reused { session } if session == started));
    for dead in [1, 2, 3, 4, 5] {
        assert!(
            matches!(rotate(store, dead, 6).await, Rotation::Refused),
            "{dead}"
        );
    }
    let ended = store.ended_since(now()).await.unwrap();
    assert_eq!(ended, [(started, until())]);
    assert_eq!(told(store).await, [vec![started]]);
    let lives = rotate(store, 9, 10).await;
    assert!(matches!(lives, Rotation::Rotated { session, .. } if session == other));
    assert_eq!(
        actions(store).await,
        [
            "root user.created ok",
            "root login ok",
            "root login ok",
            "ada session.reused unauthenticated"
        ]
    );
}

pub(crate) async fn of_many_that_show_one_token_one_gets_the_next(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = user(here, "ada", Role::Agent).await;
    session(here, &ada, 1).await;
    let (first, second, third) =
        tokio::join!(rotate(here, 1, 2), rotate(&there, 1, 3), rotate(here, 1, 4));
    let all = [first, second, third];
    let rotated = all.iter().filter(|r| matches!(r, Rotation::Rotated { .. }));
    assert_eq!(rotated.count(), 1, "{all:?}");
    let reused = all.iter().filter(|r| matches!(r, Rotation::Reused { .. }));
    assert_eq!(reused.count(), 1, "the session has ended with it: {all:?}");
}

pub(crate) async fn a_login_that_began_before_a_change_starts_nothing(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = user(store, "ada", Role::Agent).await;
    let account = store.account("ada").await.unwrap().unwrap();
    let password = Change {
        password_hash: Some("another".to_owned()),
        ..Change::default()
    };
    // In the same microsecond, even.
    store
        .change(ada.id, password, now(), until(), Vec::new())
        .await
        .unwrap();
    let changed = store.account("ada").await.unwrap().unwrap();
    assert!(changed.valid_from > account.valid_from);
    let start = async |valid_from, number| {
        let session = SessionId::new();
        let token = token(number, now());
        let started = store.start_session(ada.id, valid_from, session, token, entry("login"));
        started.await.unwrap()
    };
    assert!(!start(account.valid_from, 1).await);
    assert!(matches!(rotate(store, 1, 2).await, Rotation::Refused));
    assert_eq!(actions(store).await, ["root user.created ok"]);
    assert!(start(changed.valid_from, 3).await);

    let disabled = Change {
        disabled: Some(true),
        ..Change::default()
    };
    let later = now() + 1.minute();
    store
        .change(ada.id, disabled, later, until(), Vec::new())
        .await
        .unwrap();
    let disabled = store.account("ada").await.unwrap().unwrap();
    assert_eq!(disabled.disabled_at, Some(later));
    assert!(!start(disabled.valid_from, 4).await);
}

pub(crate) async fn a_token_lives_until_its_end(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = user(store, "ada", Role::Agent).await;
    session(store, &ada, 1).await;
    session(store, &ada, 2).await;
    let end = now() + 1.hour();
    let at = async |old: u8, new: u8, moment| {
        let token = token(new, moment);
        store.rotate(hash(old), token, until(), "x").await.unwrap()
    };
    assert!(matches!(at(1, 3, end).await, Rotation::Refused));
    let before = end - 1.microsecond();
    assert!(matches!(at(2, 4, before).await, Rotation::Rotated { .. }));
    assert_eq!(
        store.ended_since(now()).await.unwrap(),
        [],
        "an end by time is no revocation"
    );
}

pub(crate) async fn a_session_is_ended_alone_and_all_processes_learn_it(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = user(here, "ada", Role::Agent).await;
    let first = session(here, &ada, 1).await;
    session(here, &ada, 2).await;
    let end = async |number: u8| {
        let ended = here.end_session(hash(number), now(), until(), "request-3");
        ended.await.unwrap()
    };
    assert_eq!(end(1).await, Some(first));
    assert_eq!(end(1).await, None, "it is over");
    assert_eq!(end(7).await, None, "nobody's");
    assert_eq!(there.ended_since(now()).await.unwrap(), [(first, until())]);
    assert_eq!(told(&there).await, [vec![first]], "once");
    let after = now() + 1.microsecond();
    assert_eq!(there.ended_since(after).await.unwrap(), []);
    assert!(matches!(rotate(&there, 1, 3).await, Rotation::Refused));
    assert!(matches!(
        rotate(&there, 2, 4).await,
        Rotation::Rotated { .. }
    ));
    assert_eq!(actions(here).await.last().unwrap(), "ada logout ok");
}

pub(crate) async fn what_has_expired_is_forgotten(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = user(store, "ada", Role::Agent).await;
    let ended = session(store, &ada, 1).await;
    session(store, &ada, 2).await;
    store
        .end_session(hash(1), now(), until(), "x")
        .await
        .unwrap();
    store
        .forget_expired(until() - 1.microsecond())
        .await
        .unwrap();
    assert_eq!(store.ended_since(now()).await.unwrap(), [(ended, until())]);
    store.forget_expired(until()).await.unwrap();
    assert_eq!(store.ended_since(now()).await.unwrap(), []);
    assert!(matches!(
        rotate(store, 2, 3).await,
        Rotation::Rotated { .. }
    ));
    store.forget_expired(now() + 1.hour()).await.unwrap();
    assert!(matches!(rotate(store, 3, 4).await, Rotation::Refused));
    assert!(
        matches!(rotate(store, 2, 4).await, Rotation::Refused),
        "not even known"
    );
}
