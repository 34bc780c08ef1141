//! What every store of users must do.

use airside_common::event::Event;
use jiff::ToSpan;

use super::*;
use crate::features::audit::store::{AuditStore, Filter};
use crate::features::auth::store::contract::session;
use crate::outbox::Outbox;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{nobody, now};

pub(crate) fn entry(action: &'static str) -> NewEntry {
    NewEntry {
        user: "root".to_owned(),
        request_id: "request-1".to_owned(),
        action,
        target: "somebody".to_owned(),
        outcome: "ok".to_owned(),
    }
}

/// A user whose password's hash is `hash of NAME`.
pub(crate) async fn user(store: &impl UserStore, name: &str, role: Role) -> User {
    make(store, name, role).await.unwrap()
}

async fn make(store: &impl UserStore, name: &str, role: Role) -> Result<User, UserStoreError> {
    let new = NewUser {
        username: name.parse().unwrap(),
        password_hash: format!("hash of {name}"),
        role,
        office: "NYC1A0001".parse().unwrap(),
    };
    store.create(new, now(), entry("user.created")).await
}

async fn change(
    store: &impl UserStore,
    id: UserId,
    change: Change,
) -> Result<(User, Vec<SessionId>), UserStoreError> {
    let until = now() + 16.minutes();
    store
        .change(
            id,
            change,
            now() + 1.minute(),
            until,
            vec![entry("user.changed")],
        )
        .await
}

fn disabled(disabled: bool) -> Change {
    Change {
        disabled: Some(disabled),
        ..Change::default()
    }
}

async fn actions(store: &impl AuditStore) -> Vec<String> {
    let filter = Filter {
        limit: 100,
        ..Filter::default()
    };
    let entries = store.entries(&filter).await.unwrap();
    entries.into_iter().map(|e| e.action).collect()
}

pub(crate) async fn a_user_is_found_as_made(fixture: &impl Fixture) {
    let store = fixture.database();
    let made = user(store, "ada.b-c_d", Role::Agent).await;
    assert_eq!(made.created_at.0, now());
    assert_eq!((made.role, made.disabled_at), (Role::Agent, None));
    assert_eq!(store.user(made.id).await.unwrap().as_ref(), Some(&made));
    let name = "ada.b-c_d".parse().unwrap();
    assert_eq!(store.by_name(&name).await.unwrap(), Some(made));
    let hash = store.password_hash(&name).await.unwrap();
    assert_eq!(hash.as_deref(), Some("hash of ada.b-c_d"));
    let unknown = "eve".parse().unwrap();
    assert_eq!(store.by_name(&unknown).await.unwrap(), None);
    assert_eq!(store.password_hash(&unknown).await.unwrap(), None);
    assert_eq!(store.user(nobody().0).await.unwrap(), None);
    let gone = change(store, nobody().0, disabled(true)).await;
    assert!(matches!(gone, Err(UserStoreError::NotFound)));
}

pub(crate) async fn a_name_is_taken_once(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    for n in 0..8 {
        let name = format!("user{n}");
        let (first, second) = tokio::join!(
            make(here, &name, Role::Agent),
            make(&there, &name, Role::Admin)
        );
        let (made, refused) = if first.is_ok() {
            (first, second)
        } else {
            (second, first)
        };
        assert!(
            matches!(refused, Err(UserStoreError::AlreadyExists(taken)) if taken.as_str() == name)
        );
        let found = here.by_name(&name.parse().unwrap()).await.unwrap();
        assert_eq!(found, Some(made.unwrap()));
    }
    assert_eq!(actions(here).await.len(), 8, "a refusal records nothing");
}

pub(crate) async fn pages_go_by_the_bytes_of_the_names(fixture: &impl Fixture) {
    let store = fixture.database();
    for name in ["ab", "a_b", "b", "a.b", "a-b", "a1", "a9", "a10"] {
        // A name has two characters at least.
        user(store, &format!("{name}x"), Role::Agent).await;
    }
    let mut after: Option<String> = None;
    let mut names = Vec::new();
    loop {
        let page = store.list(after.as_deref(), 3).await.unwrap();
        let Some(last) = page.last() else {
            break;
        };
        assert!(page.len() <= 3);
        after = Some(last.username.to_string());
        names.extend(page.into_iter().map(|u| u.username.to_string()));
    }
    let expected = ["a-bx", "a.bx", "a10x", "a1x", "a9x", "a_bx", "abx", "bx"];
    assert_eq!(names, expected);
    // A position need not be a user's.
    let behind = store.list(Some("aa"), 1).await.unwrap();
    assert_eq!(behind[0].username.as_str(), "abx");
}

pub(crate) async fn a_change_changes_what_is_given_and_ends_all_sessions(fixture: &impl Fixture) {
    let store = fixture.database();
    let (ada, eve) = (
        user(store, "ada", Role::Agent).await,
        user(store, "eve", Role::Agent).await,
    );
    let (first, second) = (session(store, &ada, 1).await, session(store, &ada, 2).await);
    session(store, &eve, 3).await;
    let office = Change {
        office: Some("LON1A0001".parse().unwrap()),
        ..Change::default()
    };
    let (changed, mut ended) = change(store, ada.id, office).await.unwrap();
    ended.sort_by_key(|session| session.0);
    let mut sessions = vec![first, second];
    sessions.sort_by_key(|session| session.0);
    assert_eq!(ended, sessions);
    assert_eq!(changed.office.as_str(), "LON1A0001");
    assert_eq!((changed.role, changed.disabled_at), (ada.role, None));
    let name = "ada".parse().unwrap();
    let hash = store.password_hash(&name).await.unwrap();
    assert_eq!(hash.as_deref(), Some("hash of ada"));

    let password = Change {
        password_hash: Some("another".to_owned()),
        ..Change::default()
    };
    let (_, ended) = change(store, ada.id, password).await.unwrap();
    assert_eq!(ended, [], "none is left");
    let hash = store.password_hash(&name).await.unwrap();
    assert_eq!(hash.as_deref(), Some("another"));

    let (gone, _) = change(store, ada.id, disabled(true)).await.unwrap();
    let since = gone.disabled_at.unwrap();
    assert_eq!(since.0, now() + 1.minute());
    let later = now() + 1.hour();
    let (again, _) = store
        .change(ada.id, disabled(true), later, later, Vec::new())
        .await
        .unwrap();
    assert_eq!(again.disabled_at, Some(since), "since the first time");
    let page = store.read_after(0, 100).await.unwrap();
    let mut events = page.events.into_iter().map(|e| e.unwrap().event);
    match events.next() {
        Some(Event::SessionsEnded {
            sessions: mut told,
            until,
        }) => {
            told.sort_by_key(|session| session.0);
            assert_eq!((told, until.0), (sessions, now() + 16.minutes()));
        }
        other => panic!("{other:?}"),
    }
    let disabled_once = Event::UserDisabled { user: ada.id };
    assert_eq!(events.collect::<Vec<_>>(), [disabled_once]);
    let (back, _) = change(store, ada.id, disabled(false)).await.unwrap();
    assert_eq!(back.disabled_at, None);
    assert_eq!(store.by_name(&name).await.unwrap(), Some(back));
}

pub(crate) async fn of_two_admins_one_stays(fixture: &impl Fixture) {
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let (ada, eve) = (
        user(here, "ada", Role::Admin).await,
        user(here, "eve", Role::Admin).await,
    );
    for _ in 0..5 {
        let (first, second) = tokio::join!(
            change(here, ada.id, disabled(true)),
            change(&there, eve.id, disabled(true))
        );
        let refused = [&first, &second]
            .iter()
            .filter(|done| matches!(done, Err(UserStoreError::LastAdmin)))
            .count();
        assert_eq!(refused, 1, "{first:?} {second:?}");
        for id in [ada.id, eve.id] {
            change(here, id, disabled(false)).await.unwrap();
        }
    }
}

pub(crate) async fn what_was_refused_left_no_trace(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = user(store, "ada", Role::Admin).await;
    let kept = session(store, &ada, 1).await;
    let before = actions(store).await;
    let demoted = Change {
        role: Some(Role::Agent),
        password_hash: Some("another".to_owned()),
        ..Change::default()
    };
    let refused = change(store, ada.id, demoted).await;
    assert!(matches!(refused, Err(UserStoreError::LastAdmin)));
    assert_eq!(store.user(ada.id).await.unwrap(), Some(ada.clone()));
    let hash = store.password_hash(&ada.username).await.unwrap();
    assert_eq!(hash.as_deref(), Some("hash of ada"));
    assert_eq!(actions(store).await, before);
    let (_, ended) = change(store, ada.id, disabled(false)).await.unwrap();
    assert_eq!(ended, [kept], "its session lived");
}
