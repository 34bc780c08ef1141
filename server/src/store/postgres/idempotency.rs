//! Idempotency keys with the answers that were given, on an open transaction.
//!
//! A key is claimed before anything else is read: who comes with the same key at the same time waits until the transaction
//! that claimed it has ended, and then finds its answer, or takes the key over where there is none.

use jiff::Timestamp;
use sqlx::PgTransaction;

use crate::features::bookings::command::{Command, Outcome};
use crate::features::bookings::store::StoreError;
use crate::store::rows::bookings::answers::AnswerRow;
use crate::store::rows::instant::StoredInstant;

/// Claims the keys of commands for this transaction. Answers the records of those that are known, by the commands'
/// positions.
pub(crate) async fn claim(
    tx: &mut PgTransaction<'_>,
    commands: &[Command],
) -> Result<Vec<AnswerRow>, StoreError> {
    let mut sorted: Vec<&Command> = commands.iter().collect();
    // Two that claim the same keys in different orders would wait for each other.
    sorted.sort_unstable_by_key(|command| (command.caller.user_id, command.key.as_str()));
    let (users, keys) = names(sorted.iter().copied());
    let fingerprints: Vec<&[u8]> = sorted.iter().map(|c| c.fingerprint.0.as_slice()).collect();
    let claimed = sqlx::query(
        "INSERT INTO idempotency (user_id, key, fingerprint, created_at)
         SELECT user_id, key, fingerprint, clock_timestamp()
         FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS c (user_id, key, fingerprint, at)
         ORDER BY at
         ON CONFLICT DO NOTHING",
    )
    .bind(users)
    .bind(keys)
    .bind(fingerprints)
    .execute(&mut **tx)
    .await?
    .rows_affected();
    if claimed == commands.len() as u64 {
        return Ok(Vec::new());
    }
    // A statement of its own: the one before began when the records that it waited for were not committed.
    let (users, keys) = names(commands);
    let known: Vec<AnswerRow> = sqlx::query_as(
        "SELECT c.at - 1 AS position, i.fingerprint, i.status, i.body, i.locator, i.version
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c (user_id, key, at)
         JOIN idempotency i ON i.user_id = c.user_id AND i.key = c.key
         WHERE i.status IS NOT NULL",
    )
    .bind(users)
    .bind(keys)
    .fetch_all(&mut **tx)
    .await?;
    if claimed + known.len() as u64 == commands.len() as u64 {
        Ok(known)
    } else {
        Err(StoreError::Locked(
            "a record was forgotten just when its key came again".into(),
        ))
    }
}

/// What becomes of keys that were claimed, column by column: each has its answer, or is free again where there is none to be
/// kept.
#[derive(Default)]
pub(crate) struct Answers<'a> {
    pub(crate) users: Vec<String>,
    pub(crate) keys: Vec<&'a str>,
    pub(crate) statuses: Vec<Option<i32>>,
    pub(crate) bodies: Vec<Option<&'a str>>,
    pub(crate) locators: Vec<Option<String>>,
    pub(crate) versions: Vec<Option<i64>>,
}

impl<'a> Answers<'a> {
    pub(crate) fn of(answered: impl Iterator<Item = (&'a Command, &'a Outcome)>) -> Self {
        let mut answers = Self::default();
        for (command, outcome) in answered {
            let answer = match outcome {
                Outcome::Answered(answer) => Some(answer),
                Outcome::Refused(_) => None,
            };
            let subject = answer.and_then(|answer| answer.subject);
            answers.users.push(command.caller.user_id.to_string());
            answers.keys.push(command.key.as_str());
            answers.statuses.push(answer.map(|a| i32::from(a.status)));
            answers.bodies.push(answer.map(|a| a.body.as_str()));
            answers
                .locators
                .push(subject.map(|(locator, _)| locator.to_string()));
            answers
                .versions
                .push(subject.map(|(_, version)| version.cast_signed()));
        }
        answers
    }

    /// How many have an answer.
    pub(crate) fn kept(&self) -> usize {
        self.statuses.iter().flatten().count()
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

/// Users and keys of commands, in their order.
fn names<'a>(commands: impl IntoIterator<Item = &'a Command>) -> (Vec<String>, Vec<&'a str>) {
    commands
        .into_iter()
        .map(|command| (command.caller.user_id.to_string(), command.key.as_str()))
        .unzip()
}
