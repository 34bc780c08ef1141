//! The schedule and the seats for search, on PostgreSQL.

use airside_common::event::{Event, Unserved};
use airside_common::flight::FlightId;
use airside_common::time::CalendarDate;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, PgPool, Postgres as Db};

use super::replicas::MayBeOld;
use super::{Postgres, outbox};
use crate::features::search::store::{FlightOffers, ScheduledFlight, SearchStore};
use crate::store::StoreError;
use crate::store::rows::instant::StoredInstant;
use crate::store::rows::schedule;

/// Days that a page of the schedule is looked for in: two months or three.
const DAYS: u8 = 31;

const COLUMNS: &str = "id, carrier, number::bigint, origin, destination, departure, departure_offset, arrival, \
     arrival_offset, aircraft, version";

/// No flight that departs after an instant has a lower id: ids begin with the local date, and no place's clock is a day
/// behind UTC. Years of flights that are gone need not be looked at.
fn lowest(departing_after: Timestamp) -> FlightId {
    const DAY: i64 = 86_400;
    let day = departing_after.as_second().div_euclid(DAY) - 1;
    FlightId::new(u32::try_from(day).unwrap_or(0), 0)
}

/// At most so many flights that operate and depart after an instant, by id, behind an id; none where there are no more.
///
/// It looks into the months of some days at a time: a look into all that are to come would open each of them for every page.
async fn departing<T>(
    connection: &mut PgConnection,
    columns: &str,
    after: Timestamp,
    behind: FlightId,
    limit: u32,
) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let mut behind = behind.max(lowest(after)).raw();
    loop {
        let rows: Vec<T> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {columns} FROM flights
             WHERE id > $1 AND departure_date BETWEEN departure_day($1) AND departure_day($1) + {DAYS}
                 AND status = 'scheduled' AND departure > $2
             ORDER BY id LIMIT $3"
        )))
        .bind(behind)
        .bind(StoredInstant::from(after))
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await?;
        if !rows.is_empty() {
            return Ok(rows);
        }
        let next: Option<i64> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT lowest_flight_id(min(departure_date)) FROM flights WHERE departure_date > departure_day($1) + {DAYS}"
        )))
        .bind(behind)
        .fetch_one(&mut *connection)
        .await?;
        match next {
            Some(next) => behind = next,
            None => return Ok(rows),
        }
    }
}

fn raw(ids: &[FlightId]) -> Vec<i64> {
    ids.iter().map(|id| id.raw()).collect()
}

#[async_trait]
impl SearchStore for Postgres {
    async fn schedule(
        &self,
        departing_after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<ScheduledFlight>, StoreError> {
        let read = |pool: PgPool| async move {
            let connection = &mut *pool.acquire().await?;
            departing(connection, COLUMNS, departing_after, behind, limit).await
        };
        Ok(schedule::scheduled(self.on_primary(read).await?)?)
    }

    async fn report_unserved(
        &self,
        day: CalendarDate,
        searches: Vec<Unserved>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let event = Event::SearchesUnserved { day, searches };
        outbox::append(&mut tx, now, &[event]).await?;
        self.commit(tx).await?;
        Ok(())
    }

    async fn scheduled(&self, ids: &[FlightId]) -> Result<Vec<ScheduledFlight>, StoreError> {
        let query = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM unnest($1::bigint[]) AS k (flight_id)
             CROSS JOIN LATERAL (
                 SELECT * FROM flights WHERE id = flight_id AND departure_date = departure_day(flight_id) OFFSET 0) f
             WHERE status = 'scheduled'"
        )))
        .bind(raw(ids));
        let rows = self
            .on_primary(|pool| async move { query.fetch_all(&pool).await })
            .await?;
        Ok(schedule::scheduled(rows)?)
    }

    async fn versions(
        &self,
        departing_after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<(FlightId, u64)>, StoreError> {
        let read = |mut connection: PoolConnection<Db>| async move {
            let connection = &mut *connection;
            departing(connection, "id, version", departing_after, behind, limit).await
        };
        let rows = self.read(MayBeOld::Versions, read).await?;
        Ok(schedule::versions(rows)?)
    }

    async fn offers(&self, ids: &[FlightId]) -> Result<Vec<FlightOffers>, StoreError> {
        let read = |mut connection: PoolConnection<Db>| async move {
            sqlx::query_as(
                "SELECT flight_id, cabin::bigint, (capacity - sold)::bigint, fare_minor, currency FROM inventory
                 WHERE flight_id = ANY ($1) AND flight_id BETWEEN $2 AND $3 ORDER BY flight_id, cabin",
            )
            .bind(raw(ids))
            .bind(ids.iter().min().map(|id| id.raw()))
            .bind(ids.iter().max().map(|id| id.raw()))
            .fetch_all(&mut *connection)
            .await
        };
        let rows = self.read(MayBeOld::Offers(ids), read).await?;
        Ok(schedule::offers(rows)?)
    }

    fn changed(&self, ids: &[FlightId]) {
        self.replicas.changed(ids);
    }
}

#[cfg(test)]
mod tests;
