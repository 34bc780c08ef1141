//! What every audit log must do.

use jiff::{Timestamp, ToSpan};

use super::*;
use crate::features::audit::entry::NewEntry;
use crate::features::auth::store::AuthStore;
use crate::store::contract::Fixture;
use crate::store::contract::processes::now;

async fn record(store: &impl AuthStore, at: Timestamp, user: &str, action: &'static str) {
    let entry = NewEntry {
        user: user.to_owned(),
        request_id: "request-1".to_owned(),
        action,
        target: "Łódź 李 ' \" % _ \\".to_owned(),
        outcome: "ok".to_owned(),
    };
    store.record(at, entry).await.unwrap();
}

pub(crate) async fn entries_are_kept_to_the_letter_the_newest_first(fixture: &impl Fixture) {
    let store = fixture.database();
    let precise = now() + 123_456.microseconds();
    record(store, precise, "ada", "login").await;
    // An earlier time by another clock: the order is that of the log.
    record(store, now(), "eve", "logout").await;
    let filter = Filter {
        limit: 10,
        ..Filter::default()
    };
    let entries = store.entries(&filter).await.unwrap();
    assert_eq!(entries.len(), 2);
    let AuditEntry {
        id,
        at,
        user,
        request_id,
        action,
        target,
        outcome,
    } = &entries[1];
    assert!(entries[0].id > *id);
    assert_eq!(at.0, precise);
    assert_eq!(
        [user, request_id, action, target, outcome],
        ["ada", "request-1", "login", "Łódź 李 ' \" % _ \\", "ok"]
    );
}

pub(crate) async fn filters_and_positions_go_together(fixture: &impl Fixture) {
    let store = fixture.database();
    for n in 0..6 {
        let action = if n % 3 == 0 { "login" } else { "login.refused" };
        record(store, now(), if n % 2 == 0 { "ada" } else { "Ada" }, action).await;
    }
    let of = async |user: Option<&str>, action: Option<&str>, before, limit| {
        let filter = Filter {
            before,
            user: user.map(str::to_owned),
            action: action.map(str::to_owned),
            limit,
        };
        let found = store.entries(&filter).await.unwrap();
        found.into_iter().map(|e| e.id).collect::<Vec<u64>>()
    };
    let all = of(None, None, None, 100).await;
    assert_eq!(all.len(), 6);
    assert_eq!(
        of(Some("ada"), None, None, 100).await,
        [all[1], all[3], all[5]]
    );
    assert_eq!(of(None, Some("login"), None, 100).await, [all[2], all[5]]);
    assert_eq!(of(Some("Ada"), Some("login"), None, 100).await, [all[2]]);
    let position = |id: u64| Some(i64::try_from(id).unwrap());
    assert_eq!(of(None, None, position(all[2]), 2).await, all[3..5]);
    assert_eq!(of(Some("ada"), None, position(all[3]), 100).await, [all[5]]);
    assert_eq!(of(None, None, position(all[5]), 100).await, [0_u64; 0]);
    assert_eq!(of(None, Some("log%"), None, 100).await, [0_u64; 0]);
}
