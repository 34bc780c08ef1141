//! Idempotency keys with the answers that were given, on an open transaction.
//!
//! A key is claimed before anything else is read: who comes with the same key at the same time waits until the transaction
//! that claimed it has ended, and then finds its answer, or takes the key over where there is none.

use jiff::Timestamp;
use sqlx::PgTransaction;

use crate::features::bookings::command::{Command, Outcome};
use crate::features::bookings::store::StoreError;
use crate::store::rows::bookings::answers::AnswerRow;
use crate::store::rows::bookings::unreadable;
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

/// Keeps the answers of commands whose keys were claimed; a key without an answer to be kept is free again.
pub(crate) async fn keep<'a>(
    tx: &mut PgTransaction<'_>,
    answered: impl Iterator<Item = (&'a Command, &'a Outcome)>,
) -> Result<(), sqlx::Error> {
    let (mut kept, mut free) = (Vec::new(), Vec::new());
    for (command, outcome) in answered {
        match outcome {
            Outcome::Answered(answer) => kept.push((command, answer)),
            Outcome::Refused(_) => free.push(command),
        }
    }
    if !kept.is_empty() {
        let (users, keys) = names(kept.iter().map(|(command, _)| *command));
        let filled = sqlx::query(
            "UPDATE idempotency SET status = a.status, body = a.body, locator = a.locator, version = a.version
             FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::bigint[])
                  AS a (user_id, key, status, body, locator, version)
             WHERE idempotency.user_id = a.user_id AND idempotency.key = a.key",
        )
        .bind(users)
        .bind(keys)
        .bind(kept.iter().map(|(_, a)| i32::from(a.status)).collect::<Vec<_>>())
        .bind(kept.iter().map(|(_, a)| a.body.as_str()).collect::<Vec<_>>())
        .bind(
            kept.iter()
                .map(|(_, a)| a.subject.map(|(locator, _)| locator.to_string()))
                .collect::<Vec<_>>(),
        )
        .bind(
            kept.iter()
                .map(|(_, a)| a.subject.map(|(_, version)| version.cast_signed()))
                .collect::<Vec<_>>(),
        )
        .execute(&mut **tx)
        .await?
        .rows_affected();
        if filled != kept.len() as u64 {
            return Err(unreadable("an idempotency key that was claimed is gone"));
        }
    }
    if !free.is_empty() {
        let (users, keys) = names(free);
        sqlx::query(
            "DELETE FROM idempotency i USING unnest($1::text[], $2::text[]) AS f (user_id, key)
             WHERE i.user_id = f.user_id AND i.key = f.key",
        )
        .bind(users)
        .bind(keys)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
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
