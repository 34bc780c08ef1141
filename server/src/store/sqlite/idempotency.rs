//! Idempotency keys with the answers that were given, on an open transaction.

use jiff::Timestamp;
use sqlx::sqlite::SqliteTransaction;

use super::micros;
use crate::features::bookings::command::{Command, Outcome};
use crate::store::rows::bookings::answers::AnswerRow;
use crate::store::rows::bookings::json;

/// The records of those commands whose keys are known, by the commands' positions among those that have one.
pub(crate) async fn find(
    tx: &mut SqliteTransaction<'_>,
    commands: &[Command],
) -> Result<Vec<AnswerRow>, sqlx::Error> {
    let keys: Vec<(String, &str, String)> = commands
        .iter()
        .filter_map(Command::asked)
        .map(|c| {
            (
                c.caller.user_id.to_string(),
                c.key.as_str(),
                hex(&c.fingerprint.0),
            )
        })
        .collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT j.key AS position, i.fingerprint = unhex(j.value ->> 2) AS is_same_request, i.status, i.body, i.locator,
                i.version
         FROM json_each(?1) j
         CROSS JOIN idempotency i ON i.user_id = j.value ->> 0 AND i.key = j.value ->> 1",
    )
    .bind(json(&keys)?)
    .fetch_all(&mut **tx)
    .await
}

/// Keeps the answers of those commands that have one to be kept.
pub(crate) async fn keep<'a>(
    tx: &mut SqliteTransaction<'_>,
    now: Timestamp,
    answered: impl Iterator<Item = (&'a Command, &'a Outcome)>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = answered
        .filter_map(|(command, outcome)| match (command, outcome) {
            (Command::Asked(asked), Outcome::Answered(answer)) => Some((
                asked.caller.user_id.to_string(),
                asked.key.as_str(),
                hex(&asked.fingerprint.0),
                answer.status,
                &answer.body,
                answer.subject.map(|(locator, _)| locator),
                answer.subject.map(|(_, version)| version),
            )),
            _ => None,
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO idempotency (user_id, key, fingerprint, status, body, locator, version, created_at)
         SELECT value ->> 0, value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6, ?1
         FROM json_each(?2)",
    )
    .bind(micros(now))
    .bind(json(&rows)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets keys that were first used before a moment, at most `limit`; answers how many there were.
pub(crate) async fn forget_before(
    tx: &mut SqliteTransaction<'_>,
    moment: Timestamp,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query(
        "DELETE FROM idempotency WHERE (user_id, key) IN
         (SELECT user_id, key FROM idempotency WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
    )
    .bind(micros(moment))
    .bind(limit)
    .execute(&mut **tx)
    .await?;
    Ok(gone.rows_affected())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
