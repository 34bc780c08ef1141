//! Months of flights: made before the first flight is written, taken out when they are past.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgTransaction};

use super::Postgres;
use crate::features::flights::store::FlightPlan;
use crate::store::months::{DetachError, Detached, Kept, Month};
use crate::store::rows::bookings::unreadable;
use crate::store::rows::decode;

/// The advisory lock of whoever makes months or takes them out ("months" in ASCII, as in `make_flight_months`).
const MONTHS_LOCK: i64 = 0x6d6f_6e74_6873;

/// Makes the months of flights that are about to be written, where they are missing. Not in the transaction that writes
/// them: who makes the same month waits for this one, and the commit of a chunk is far away.
pub(super) async fn make(
    database: &Postgres,
    plans: impl Iterator<Item = &FlightPlan>,
) -> Result<(), sqlx::Error> {
    let months: BTreeSet<Month> = plans.map(|plan| Month::of(plan.departure.date())).collect();
    let days: Vec<String> = months
        .into_iter()
        .map(|month| month.first().to_string())
        .collect();
    sqlx::query("SELECT make_flight_months($1::text[]::date[])")
        .bind(days)
        .execute(&database.primary())
        .await?;
    Ok(())
}

/// All months with what they take, the oldest first.
pub(super) async fn list(database: &Postgres) -> Result<Vec<Kept>, sqlx::Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT name, (pg_total_relation_size('flights_' || name) + pg_total_relation_size('inventory_' || name))::bigint
         FROM (SELECT substr(inhrelid::regclass::text, length('flights_') + 1) AS name FROM pg_inherits
               WHERE inhparent = 'flights'::regclass) AS part
         ORDER BY name",
    )
    .fetch_all(&database.primary())
    .await?;
    rows.into_iter()
        .map(|(name, bytes)| {
            let month = name.replace('_', "-").parse();
            Ok(Kept {
                month: month.map_err(|_| unreadable(format!("the month of flights_{name}")))?,
                bytes: u64::try_from(bytes).map_err(decode)?,
            })
        })
        .collect()
}

/// Takes a month out, and puts back what bookings name: their records show it, a cancellation gives seats back to it. All of
/// it is one transaction. Everybody waits from the moment of the locks on, for as long as it takes to write what stays.
pub(super) async fn detach(database: &Postgres, month: Month) -> Result<Detached, DetachError> {
    let name = month.to_string().replace('-', "_");
    let first = month.first().to_string();
    let [flights, inventory] = ["flights", "inventory"].map(|table| format!("{table}_{name}"));
    let tables = [&flights, &inventory].map(|table| format!("detached_{table}"));
    let mut tx = database.write().await?;
    // Before all others, as by who makes months.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MONTHS_LOCK)
        .execute(&mut *tx)
        .await?;
    let (is_there, is_past): (bool, bool) = sqlx::query_as(
        "SELECT flight_month_is_there($1::date), $2::date <= (clock_timestamp() AT TIME ZONE 'UTC')::date",
    )
    .bind(&first)
    .bind(month.past_from().to_string())
    .fetch_one(&mut *tx)
    .await?;
    if !is_past {
        return Err(DetachError::NotPast { month });
    }
    if !is_there {
        return Err(DetachError::Absent { month });
    }
    for table in &tables {
        let is_there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(table)
            .fetch_one(&mut *tx)
            .await?;
        if is_there {
            let table = table.clone();
            return Err(DetachError::StillThere { table });
        }
    }
    // Nobody books what has departed, and segments stay when a booking is cancelled: what is named now stays named.
    let named: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT id FROM {flights} f WHERE EXISTS (SELECT FROM segments s WHERE s.flight_id = f.id) ORDER BY id"
    )))
    .fetch_all(&mut *tx)
    .await?;
    // Where a vacuum that nobody started is at work, it gives way to these, which no other waits for.
    let all = format!("ONLY inventory, ONLY flights, {inventory}, {flights}");
    execute(
        &mut tx,
        format!("LOCK TABLE {all} IN SHARE UPDATE EXCLUSIVE MODE"),
    )
    .await?;
    execute(&mut tx, format!("SELECT lock_alone('{all}')")).await?;
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {flights}")))
        .fetch_one(&mut *tx)
        .await?;
    let count = u64::try_from(count).map_err(decode)?;
    let stay = named.len() as u64;
    if count == stay && stay > 0 {
        return Err(DetachError::AllNamed { month });
    }
    for (parent, table) in [("flights", &flights), ("inventory", &inventory)] {
        execute(
            &mut tx,
            format!(
                "ALTER TABLE {parent} DETACH PARTITION {table};
                 ALTER TABLE {table} RENAME TO detached_{table}"
            ),
        )
        .await?;
    }
    if !named.is_empty() {
        execute(
            &mut tx,
            format!("SELECT make_flight_months(ARRAY[DATE '{first}'])"),
        )
        .await?;
        for (parent, of, key) in [
            ("flights", &tables[0], "id"),
            ("inventory", &tables[1], "flight_id"),
        ] {
            sqlx::query(AssertSqlSafe(format!(
                "INSERT INTO {parent} SELECT d.* FROM unnest($1::bigint[]) AS named (id) JOIN {of} d ON d.{key} = named.id"
            )))
            .bind(&named)
            .execute(&mut *tx)
            .await?;
        }
    }
    tx.commit().await?;
    Ok(Detached {
        tables,
        gone: count - stay,
        stay,
    })
}

/// Statements of which only names are variable, which were made of a [`Month`].
async fn execute(tx: &mut PgTransaction<'_>, statements: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
