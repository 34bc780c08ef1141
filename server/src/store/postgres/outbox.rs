//! The outbox: events written in the transaction that made them, until every process has had the time to read them.
//!
//! A row's id is drawn before its commit, so that a late commit has a low one, and a reader that goes by it would skip the
//! row. So readers go by positions, which are given to rows that are committed: in the order of ids, after all that were
//! given before. Where two transactions write of the same booking or flight, the second waits for the first's locks before
//! it draws its ids, and so their events keep their order.
//!
//! Everything here speaks to the server that takes the writes; what others have not replayed yet would be missed.

use std::sync::Arc;
use std::time::Duration;

use airside_common::event::Event;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::postgres::types::PgInterval;
use sqlx::{Connection, PgConnection, PgPool, PgTransaction};

use super::Postgres;
use super::calls::CHANNEL;
use super::primary::Serving;
use crate::outbox::{Leader, Outbox, OutboxError, Page};
use crate::store::rows::instant::StoredInstant;
use crate::store::rows::outbox::{OutboxRow, page};

/// The advisory lock of the session that relays ("relay" in ASCII).
const RELAY_LOCK: i64 = 0x72_656c_6179;

/// How long a session that relays may say nothing. A process that does not move any more lets another lead by then.
const SILENCE: &str = "SET idle_session_timeout = '5s'";

/// Leaves events in the outbox of an open transaction, in order; they can be read once it has committed, which also calls
/// those who follow the outbox.
pub(crate) async fn append(
    tx: &mut PgTransaction<'_>,
    now: Timestamp,
    events: &[Event],
) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO outbox (payload, created_at)
         SELECT payload, $1 FROM unnest($2::text[]) WITH ORDINALITY AS e (payload, at) ORDER BY at",
    )
    .bind(StoredInstant::from(now))
    .bind(payloads(events)?)
    .execute(&mut **tx)
    .await?;
    sqlx::query("SELECT pg_notify($1, '')")
        .bind(CHANNEL)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Events as they stand in the outbox.
pub(super) fn payloads(events: &[Event]) -> Result<Vec<String>, sqlx::Error> {
    let payloads = events.iter().map(serde_json::to_string);
    payloads
        .collect::<Result<_, _>>()
        .map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Committed events that were not relayed yet.
pub(super) async fn depth(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM outbox WHERE position IS NULL)
              + (SELECT count(*) FROM outbox WHERE position > (SELECT relayed FROM outbox_progress))",
    )
    .fetch_one(pool)
    .await
}

/// Gives positions to committed events that have none, and calls those who follow the outbox where there were some. A
/// transaction that calls keeps all others that do from committing until it has: so those that are many do not.
async fn give_positions(executor: impl sqlx::PgExecutor<'_>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT give_outbox_positions(), pg_notify($1, '') WHERE EXISTS (SELECT FROM outbox WHERE position IS NULL)",
    )
    .bind(CHANNEL)
    .execute(executor)
    .await?;
    Ok(())
}

#[async_trait]
impl Outbox for Postgres {
    async fn present(&self) -> Result<i64, OutboxError> {
        let server = self.primary.serving();
        let present = sqlx::query_scalar(
            "SELECT greatest(pruned, (SELECT max(position) FROM outbox)) FROM outbox_progress",
        )
        .fetch_one(&server.lookups);
        Ok(server.unless_replaced(present).await?)
    }

    async fn read_after(&self, position: i64, limit: u32) -> Result<Page, OutboxError> {
        let server = self.primary.serving();
        let read = async {
            give_positions(&server.lookups).await?;
            sqlx::query_as(
                "SELECT progress.pruned, greatest(progress.pruned, (SELECT max(position) FROM outbox)),
                        event.position, event.payload, event.created_at
                 FROM outbox_progress AS progress
                 LEFT JOIN LATERAL (
                     SELECT position, payload, created_at FROM outbox
                     WHERE position > $1 ORDER BY position LIMIT $2
                 ) AS event ON TRUE
                 ORDER BY event.position",
            )
            .bind(position)
            .bind(i64::from(limit))
            .fetch_all(&server.lookups)
            .await
        };
        let rows: Vec<OutboxRow> = server.unless_replaced(read).await?;
        Ok(page(rows)?)
    }

    async fn appended(&self) {
        self.calls.next().await;
    }

    async fn lead(&self) -> Result<Option<Box<dyn Leader>>, OutboxError> {
        let server = self.primary.serving();
        let asked = async {
            let mut candidate = server.lookups.acquire().await?;
            let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(RELAY_LOCK)
                .fetch_one(&mut *candidate)
                .await?;
            if !locked {
                return Ok(None);
            }
            // The lock is the session's: nobody else may be given it, and it ends where this is dropped.
            let mut session = candidate.detach();
            sqlx::query(SILENCE).execute(&mut session).await?;
            Ok::<_, sqlx::Error>(Some(session))
        };
        let session = server.unless_replaced(asked).await?;
        Ok(session.map(|session| Box::new(LeadingSession { session, server }) as Box<dyn Leader>))
    }
}

/// The session that holds the lock. It works in no other, so that one that has lost the lock can do nothing.
struct LeadingSession {
    session: PgConnection,
    /// Another leads where another server takes the writes.
    server: Arc<Serving>,
}

#[async_trait]
impl Leader for LeadingSession {
    async fn relay(&mut self, retention: Duration, most: u32) -> Result<u64, OutboxError> {
        let Self { session, server } = self;
        // The server's clock is that of all events, whoever wrote them.
        let retention = PgInterval::try_from(retention).map_err(sqlx::Error::Encode)?;
        let step = sqlx::query_scalar(
            "WITH old AS (
                 SELECT max(position) AS position FROM (
                     SELECT position, published_at FROM outbox
                     WHERE position > (SELECT pruned FROM outbox_progress) ORDER BY position LIMIT $2
                 ) AS oldest
                 WHERE published_at <= clock_timestamp() - $1
             ), gone AS (
                 DELETE FROM outbox USING old WHERE outbox.position <= old.position RETURNING outbox.position
             ), newest AS (
                 SELECT max(position) AS position FROM outbox
             ), progress AS (
                 UPDATE outbox_progress SET
                     relayed = greatest(relayed, newest.position), pruned = greatest(pruned, old.position)
                 FROM old, newest
                 WHERE relayed < newest.position OR pruned < old.position
             )
             SELECT count(*) FROM gone",
        )
        .bind(retention)
        .bind(i64::from(most));
        let relayed = async {
            give_positions(&mut *session).await?;
            step.fetch_one(&mut *session).await
        };
        let deleted: i64 = server.unless_replaced(relayed).await?;
        Ok(u64::try_from(deleted).unwrap_or(0))
    }

    async fn resign(self: Box<Self>) {
        // Where the goodbye does not arrive, the end of the connection does.
        let _ = self.session.close().await;
    }
}
