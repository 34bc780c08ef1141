//! The outbox: events written in the transaction that made them, until every process has had the time to read them.
//!
//! A row's id is drawn before its commit, so that a late commit has a low one, and a reader that goes by it would skip the
//! row. So readers go by positions, which are given to rows that are committed: in the order of ids, after all that were
//! given before. Where two transactions write of the same booking or flight, the second waits for the first's locks before
//! it draws its ids, and so their events keep their order.
//!
//! Everything here speaks to the server that takes the writes; what others have not replayed yet would be missed.

use std::collections::BTreeMap;
use std::time::Duration;

use airside_common::event::Event;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{PgPool, PgTransaction};
use uuid::Uuid;

use super::calls::CHANNEL;
use super::clock::interval;
use super::primary::Serving;
use super::{Postgres, leases};
use crate::outbox::{HELD, Lane, Lanes, Outbox, OutboxError, Page};
use crate::store::rows::instant::StoredInstant;
use crate::store::rows::outbox::{OutboxRow, lanes, page};

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
              + (SELECT count(*) FROM outbox WHERE position > (SELECT min(relayed) FROM outbox_lanes))",
    )
    .fetch_one(pool)
    .await
}

/// Gives positions to committed events that have none, and calls those who follow the outbox where there were some. A
/// transaction that calls keeps all others that do from committing until it has: so those that are many do not.
async fn give_positions(server: &Serving) -> Result<(), sqlx::Error> {
    let given: Option<(Option<i64>,)> = sqlx::query_as(
        "SELECT give_outbox_positions($2), pg_notify($1, '')
         WHERE EXISTS (SELECT FROM outbox WHERE position IS NULL AND id >= $2)",
    )
    .bind(CHANNEL)
    .bind(server.open_events.begin())
    .fetch_optional(&server.lookups)
    .await?;
    if let Some((Some(highest),)) = given {
        server.open_events.found(highest);
    }
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
            give_positions(&server).await?;
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

    fn lanes(&self) -> Box<dyn Lanes> {
        Box::new(LeasedLanes {
            database: self.clone(),
            holder: Uuid::new_v4().to_string(),
        })
    }
}

/// What the leases of lanes are named by, with the lane's number behind it.
const LANE: &str = "relay lane ";

/// What a relay is named by that is there, with its own name behind it.
const MEMBER: &str = "relay ";

/// Lanes by leases of the server's clock.
struct LeasedLanes {
    database: Postgres,
    holder: String,
}

#[async_trait]
impl Lanes for LeasedLanes {
    async fn share(&mut self) -> Result<BTreeMap<Lane, i64>, OutboxError> {
        let server = self.database.primary.serving();
        let member = format!("{MEMBER}{}", self.holder);
        let names: Vec<String> = Lane::all()
            .map(|lane| format!("{LANE}{}", lane.number()))
            .collect();
        let shared = async {
            let mut tx = server.lookups.begin().await?;
            leases::hold(&mut tx, &self.holder, &[member], HELD).await?;
            // Who is there now; each takes its part, and leaves what it has beyond that to those who have come.
            let held = leases::held(&mut tx, MEMBER).await?;
            let members = held
                .iter()
                .filter(|lease| !lease.name.starts_with(LANE))
                .count();
            let fair = names.len().div_ceil(members.max(1));
            let holder_of = |name: &String| {
                held.iter()
                    .find(|lease| lease.name == *name)
                    .map(|lease| &lease.holder)
            };
            let (mine, free): (Vec<_>, Vec<_>) = names
                .iter()
                .filter(|name| holder_of(name).is_none_or(|holder| *holder == self.holder))
                .cloned()
                .partition(|name| holder_of(name).is_some());
            let (kept, left) = mine.split_at(fair.min(mine.len()));
            leases::release(&mut tx, &self.holder, left).await?;
            let wanted: Vec<String> = kept
                .iter()
                .cloned()
                .chain(free.into_iter().take(fair - kept.len()))
                .collect();
            let got = leases::hold(&mut tx, &self.holder, &wanted, HELD).await?;
            let rows: Vec<(i64, i64)> = sqlx::query_as(
                "SELECT lane::bigint, relayed FROM outbox_lanes WHERE $1 || lane = ANY ($2)",
            )
            .bind(LANE)
            .bind(&got)
            .fetch_all(&mut *tx)
            .await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(rows)
        };
        Ok(lanes(server.unless_replaced(shared).await?))
    }

    async fn relayed(&mut self, lanes: &BTreeMap<Lane, i64>) -> Result<(), OutboxError> {
        let server = self.database.primary.serving();
        let (numbers, positions): (Vec<i64>, Vec<i64>) = lanes
            .iter()
            .map(|(lane, relayed)| (i64::from(lane.number()), *relayed))
            .unzip();
        let update = sqlx::query(
            "UPDATE outbox_lanes SET relayed = given.relayed
             FROM unnest($1::bigint[], $2::bigint[]) AS given (lane, relayed), leases
             WHERE outbox_lanes.lane = given.lane AND outbox_lanes.relayed < given.relayed
               AND leases.name = $3 || given.lane AND leases.holder = $4 AND leases.until > clock_timestamp()",
        )
        .bind(numbers)
        .bind(positions)
        .bind(LANE)
        .bind(&self.holder)
        .execute(&server.lookups);
        server.unless_replaced(update).await?;
        Ok(())
    }

    async fn prune(&mut self, retention: Duration, most: u32) -> Result<u64, OutboxError> {
        let server = self.database.primary.serving();
        // The server's clock is that of all events, whoever wrote them.
        let retention = interval(retention)?;
        let step = sqlx::query_scalar(
            "WITH old AS (
                 SELECT max(position) AS position FROM (
                     SELECT position, published_at FROM outbox
                     WHERE position > (SELECT pruned FROM outbox_progress) ORDER BY position LIMIT $2
                 ) AS oldest
                 WHERE published_at <= clock_timestamp() - $1
                   AND position <= (SELECT min(relayed) FROM outbox_lanes)
                   AND EXISTS (
                       SELECT FROM leases WHERE name = $3 AND holder = $4 AND until > clock_timestamp()
                   )
             ), gone AS (
                 DELETE FROM outbox USING old WHERE outbox.position <= old.position RETURNING outbox.position
             ), progress AS (
                 UPDATE outbox_progress
                 SET relayed = greatest(relayed, old.position), pruned = greatest(pruned, old.position)
                 FROM old WHERE pruned < old.position
             )
             SELECT count(*) FROM gone",
        )
        .bind(retention)
        .bind(i64::from(most))
        .bind(format!("{LANE}0"))
        .bind(&self.holder)
        .fetch_one(&server.lookups);
        let deleted: i64 = server.unless_replaced(step).await?;
        Ok(u64::try_from(deleted).unwrap_or(0))
    }

    async fn leave(self: Box<Self>) {
        let server = self.database.primary.serving();
        let left = async {
            let mut tx = server.lookups.begin().await?;
            leases::release_all(&mut tx, &self.holder).await?;
            tx.commit().await
        };
        // Where it cannot be said, the leases end by themselves.
        let _ = tokio::time::timeout(HELD, server.unless_replaced(left)).await;
    }
}
