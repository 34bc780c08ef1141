//! What whoever changes flights holds until the commit, taken in one order by all: natural keys of new flights, flights by
//! id, their cabins by (flight, cabin).
//!
//! Bookings lock cabins alone, in the same order. The flights come before their cabins because a change may take cabins
//! away and add others: a cabin that is locked says nothing about those that were not there to be locked, while the
//! flight's row lets no other change begin. Bookings do not wait for that row: what they need of it is that it stays,
//! and nobody deletes flights.
//!
//! What decides is read by statements that come after those that lock: a statement sees what was committed when it began,
//! not what it waited for.

use airside_common::flight::FlightId;
use sqlx::{AssertSqlSafe, PgTransaction};

use super::reading::{BY_NATURAL_KEYS, NaturalKeys};

/// Locks flights and their cabins by natural keys; answers the ids of those that there are.
pub(super) async fn lock_keys(
    tx: &mut PgTransaction<'_>,
    keys: NaturalKeys<'_>,
) -> Result<Vec<i64>, sqlx::Error> {
    let ids: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT f.id FROM {BY_NATURAL_KEYS} ORDER BY f.id"
    )))
    .bind(keys.carriers)
    .bind(keys.numbers)
    .bind(keys.origins)
    .bind(keys.days)
    .bind(keys.first)
    .bind(keys.last)
    .persistent(false)
    .fetch_all(&mut **tx)
    .await?;
    // One after the other, in this order. A flight keeps its natural key.
    sqlx::query(
        "SELECT FROM unnest($1::bigint[]) AS k (id)
         CROSS JOIN LATERAL (
             SELECT FROM flights
             WHERE id = k.id AND departure_date = departure_day(k.id)
             OFFSET 0 FOR NO KEY UPDATE) f",
    )
    .bind(&ids)
    .persistent(false)
    .execute(&mut **tx)
    .await?;
    lock_cabins(tx, &ids).await?;
    Ok(ids)
}

/// Locks a flight and its cabins, if there is such a flight.
pub(super) async fn lock_flight(
    tx: &mut PgTransaction<'_>,
    id: FlightId,
) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT FROM flights WHERE id = $1 AND departure_date = departure_day($1) FOR NO KEY UPDATE")
        .bind(id.raw())
        .execute(&mut **tx)
        .await?;
    lock_cabins(tx, &[id.raw()]).await
}

async fn lock_cabins(tx: &mut PgTransaction<'_>, ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT FROM inventory WHERE flight_id = ANY ($1) ORDER BY flight_id, cabin FOR UPDATE",
    )
    .bind(ids)
    .persistent(false)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
