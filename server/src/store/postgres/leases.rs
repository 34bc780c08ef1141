//! Leases: who does a piece of work that one process at a time does, by the server's clock.

use std::time::Duration;

use sqlx::PgTransaction;

use super::clock::interval;

/// Who has a lease.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Lease {
    pub(super) name: String,
    pub(super) holder: String,
}

/// Takes those of the leases that nobody else has, or keeps them, for so long from now on; answers which.
pub(super) async fn hold(
    tx: &mut PgTransaction<'_>,
    holder: &str,
    names: &[String],
    time: Duration,
) -> Result<Vec<String>, sqlx::Error> {
    // In one order, so that two who want the same ones do not wait for each other.
    sqlx::query_scalar(
        "INSERT INTO leases AS known (name, holder, until)
         SELECT name, $1, clock_timestamp() + $3 FROM unnest($2::text[]) AS wanted (name) ORDER BY name
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
         WHERE known.holder = excluded.holder OR known.until <= clock_timestamp()
         RETURNING name",
    )
    .bind(holder)
    .bind(names)
    .bind(interval(time)?)
    .fetch_all(&mut **tx)
    .await
}

/// The leases whose names begin so and that have not ended.
pub(super) async fn held(
    tx: &mut PgTransaction<'_>,
    prefix: &str,
) -> Result<Vec<Lease>, sqlx::Error> {
    sqlx::query_as(
        "SELECT name, holder FROM leases WHERE starts_with(name, $1) AND until > clock_timestamp()",
    )
    .bind(prefix)
    .fetch_all(&mut **tx)
    .await
}

/// Leaves leases to others.
pub(super) async fn release(
    tx: &mut PgTransaction<'_>,
    holder: &str,
    names: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM leases WHERE holder = $1 AND name = ANY ($2)")
        .bind(holder)
        .bind(names)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Leaves all of a holder's leases to others, and forgets those that ended long ago: names of processes do not come again.
pub(super) async fn release_all(
    tx: &mut PgTransaction<'_>,
    holder: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM leases WHERE holder = $1 OR until < clock_timestamp() - interval '1 day'",
    )
    .bind(holder)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
