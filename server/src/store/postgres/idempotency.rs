//! Idempotency keys with the answers that were given, on an open transaction.
//!
//! Nothing is written of a key before its answer is. Who comes with the same key at the same time meets it where both keep
//! their answers: the second waits there until the first has ended, and then does its work again, finds the key known and
//! answers what the first one did.

use jiff::Timestamp;
use sqlx::PgTransaction;
use sqlx::error::DatabaseError;

use crate::features::bookings::command::{Asked, Command, Outcome};
use crate::store::rows::instant::StoredInstant;

/// The primary key's constraint.
const KEYS: &str = "idempotency_pkey";

/// Whether somebody else has kept an answer to one of the keys meanwhile.
pub(crate) fn is_taken(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(DatabaseError::constraint)
        == Some(KEYS)
}

/// Keys as they are looked up, column by column, with what they come with now.
pub(crate) struct KeyColumns<'a> {
    pub(crate) users: Vec<String>,
    pub(crate) keys: Vec<&'a str>,
    pub(crate) fingerprints: Vec<&'a [u8]>,
}

impl<'a> KeyColumns<'a> {
    /// The keys of requests, in their order.
    pub(crate) fn of(requests: impl IntoIterator<Item = &'a Asked>) -> Self {
        let (mut users, mut keys, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new());
        for asked in requests {
            users.push(asked.caller.user_id.to_string());
            keys.push(asked.key.as_str());
            fingerprints.push(asked.fingerprint.0.as_slice());
        }
        Self {
            users,
            keys,
            fingerprints,
        }
    }
}

/// Answers that are to be kept, column by column.
pub(crate) struct Answers<'a> {
    pub(crate) to: KeyColumns<'a>,
    pub(crate) statuses: Vec<i32>,
    pub(crate) bodies: Vec<&'a str>,
    pub(crate) locators: Vec<Option<String>>,
    pub(crate) versions: Vec<Option<i64>>,
}

impl<'a> Answers<'a> {
    /// Those of commands that have one to be kept, by user and key: two that keep the same keys in different orders would
    /// wait for each other.
    pub(crate) fn of(answered: impl Iterator<Item = (&'a Command, &'a Outcome)>) -> Self {
        let mut kept: Vec<_> = answered
            .filter_map(|(command, outcome)| match (command, outcome) {
                (Command::Asked(asked), Outcome::Answered(answer)) => Some((&**asked, answer)),
                _ => None,
            })
            .collect();
        kept.sort_unstable_by_key(|(asked, _)| (asked.caller.user_id, asked.key.as_str()));
        let subjects = || kept.iter().map(|(_, answer)| answer.subject);
        Self {
            to: KeyColumns::of(kept.iter().map(|(asked, _)| *asked)),
            statuses: kept.iter().map(|(_, a)| i32::from(a.status)).collect(),
            bodies: kept.iter().map(|(_, a)| a.body.as_str()).collect(),
            locators: subjects().map(|s| Some(s?.0.to_string())).collect(),
            versions: subjects().map(|s| Some(s?.1.cast_signed())).collect(),
        }
    }
}

/// Forgets keys that were first used before a moment, at most `limit`; answers how many there were. It waits for nobody.
pub(crate) async fn forget_before(
    tx: &mut PgTransaction<'_>,
    moment: Timestamp,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query(
        "WITH old AS (
             SELECT user_id, key FROM idempotency WHERE created_at < $1
             ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         DELETE FROM idempotency i USING old WHERE i.user_id = old.user_id AND i.key = old.key",
    )
    .bind(StoredInstant::from(moment))
    .bind(i64::from(limit))
    .execute(&mut **tx)
    .await?;
    Ok(gone.rows_affected())
}
