//! Flights and their inventory on SQLite.

use std::borrow::Cow;
use std::time::Duration;

use airside_common::event::Event;
use airside_common::flight::FlightId;
use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::Offset;
use sqlx::sqlite::SqliteTransaction;
use sqlx::{QueryBuilder, Sqlite as Db};

use super::{Sqlite, audit, micros, outbox};
use crate::features::audit::entry::NewEntry;
use crate::features::flights::decide;
use crate::features::flights::import::RowOutcome;
use crate::features::flights::import::checkpoint::Advance;
use crate::features::flights::store::{
    Expect, FlightChange, FlightFacts, FlightFilter, FlightPlan, FlightPosition, FlightRecord,
    FlightStore, FlightStoreError, MergedPart, PlannedRow, Preview,
};
use crate::reference::reference;
use crate::store::StoreError;
use crate::store::rows::flights::{FlightRow, day, records};

mod merge;
mod reading;
mod writes;

use self::reading::{COLUMNS, facts, flight};
use self::writes::{insert_flights, new_ids, note_moves, update_flights, write_cabins};

/// All departure dates that flights have, each found by one step through the index of natural keys, which begins with
/// the date: what asks for a flight number on any day looks at each of these days and not at each flight.
pub(super) const EVERY_DATE: &str = "(WITH RECURSIVE dates (date) AS (SELECT min(departure_date) FROM flights UNION ALL \
     SELECT (SELECT min(departure_date) FROM flights WHERE departure_date > date) FROM dates WHERE date IS NOT NULL) \
     SELECT date FROM dates)";

/// The flights of a page with their cabins, in order.
fn page(filter: &FlightFilter, after: Option<FlightPosition>, limit: u32) -> QueryBuilder<Db> {
    let mut select = QueryBuilder::<Db>::new("SELECT ");
    select
        .push(COLUMNS)
        .push(" FROM (SELECT * FROM flights WHERE TRUE");
    if let Some(origin) = filter.origin {
        select.push(" AND origin = ").push_bind(origin.to_string());
    }
    if let Some(destination) = filter.destination {
        select
            .push(" AND destination = ")
            .push_bind(destination.to_string());
    }
    if let Some(date) = filter.date {
        // No offset is beyond 14 hours: the index finds the two days around.
        let noon = date.0.at(12, 0, 0, 0);
        let around = Offset::UTC
            .to_timestamp(noon)
            .map(micros)
            .unwrap_or_default();
        let reach = 27 * 3_600_000_000;
        select
            .push(" AND departure BETWEEN ")
            .push_bind(around - reach)
            .push(" AND ")
            .push_bind(around + reach)
            .push(" AND departure_date = ")
            .push_bind(date.to_string());
    }
    if let Some(carrier) = filter.carrier {
        select
            .push(" AND carrier = ")
            .push_bind(carrier.to_string());
    }
    if let Some(number) = filter.number {
        select.push(" AND number = ").push_bind(number.get());
    }
    if filter.carrier.is_some() && filter.number.is_some() && filter.date.is_none() {
        select.push(" AND departure_date IN ").push(EVERY_DATE);
    }
    if let Some(status) = filter.status {
        select.push(" AND status = ").push_bind(status.to_string());
    }
    if let Some(after) = after {
        select
            .push(" AND (departure, id) > (")
            .push_bind(after.departure)
            .push(", ")
            .push_bind(after.id.raw())
            .push(")");
    }
    select
        .push(" ORDER BY departure, id LIMIT ")
        .push_bind(limit)
        .push(") f JOIN inventory i ON i.flight_id = f.id ORDER BY f.departure, f.id, i.cabin");
    select
}

/// Facts of a flight of the version that was seen.
async fn locked_facts(
    tx: &mut SqliteTransaction<'_>,
    id: FlightId,
    version: u64,
) -> Result<FlightFacts, FlightStoreError> {
    let found = flight(tx, id)
        .await
        .map_err(StoreError::from)?
        .ok_or(FlightStoreError::NotFound)?;
    if found.version != version {
        return Err(FlightStoreError::Stale {
            current: found.version,
        });
    }
    facts(tx, vec![found])
        .await
        .map_err(StoreError::from)?
        .pop()
        .ok_or(FlightStoreError::NotFound)
}

impl Sqlite {
    /// The end of every change of one flight: audit, event, commit, and the flight as it is now.
    async fn finish(
        &self,
        mut tx: SqliteTransaction<'static>,
        id: FlightId,
        event: impl FnOnce(u64) -> Event,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<FlightRecord, FlightStoreError> {
        let ended = async {
            let record = flight(&mut tx, id).await?.ok_or(sqlx::Error::RowNotFound)?;
            outbox::append(&mut tx, now, &[event(record.version)]).await?;
            audit::append(&mut tx, now, &audit).await?;
            self.commit(tx).await?;
            Ok::<_, sqlx::Error>(record)
        };
        Ok(ended.await.map_err(StoreError::from)?)
    }
}

#[async_trait]
impl FlightStore for Sqlite {
    async fn flight(&self, id: FlightId) -> Result<Option<FlightRecord>, FlightStoreError> {
        let mut reader = self.readers().acquire().await.map_err(StoreError::from)?;
        Ok(flight(&mut reader, id).await.map_err(StoreError::from)?)
    }

    async fn facts(&self, id: FlightId) -> Result<Option<FlightFacts>, FlightStoreError> {
        let read = async {
            let mut tx = self.readers().begin().await?;
            let Some(found) = flight(&mut tx, id).await? else {
                return Ok(None);
            };
            Ok::<_, sqlx::Error>(facts(&mut tx, vec![found]).await?.pop())
        };
        Ok(read.await.map_err(StoreError::from)?)
    }

    async fn list(
        &self,
        filter: &FlightFilter,
        after: Option<FlightPosition>,
        limit: u32,
    ) -> Result<Vec<FlightRecord>, FlightStoreError> {
        let rows: Vec<FlightRow> = page(filter, after, limit)
            .build_query_as()
            .fetch_all(self.readers())
            .await
            .map_err(StoreError::from)?;
        Ok(records(&rows).map_err(StoreError::from)?)
    }

    async fn create(
        &self,
        plan: FlightPlan,
        now: Timestamp,
        mut audit: NewEntry,
    ) -> Result<FlightRecord, FlightStoreError> {
        let mut tx = self.write().await.map_err(StoreError::from)?;
        let written = async {
            let day = day(&plan)?;
            let id = new_ids(&mut tx, &[day]).await?[0];
            let written = insert_flights(&mut tx, &[(id, &plan)], now).await?;
            if written == 0 {
                let taken: i64 = sqlx::query_scalar(
                    "SELECT id FROM flights WHERE carrier = ?1 AND number = ?2 AND origin = ?3 AND departure_date = ?4",
                )
                .bind(plan.carrier.as_str())
                .bind(plan.number.get())
                .bind(plan.origin.as_str())
                .bind(plan.departure.date().to_string())
                .fetch_one(&mut *tx)
                .await?;
                return Ok(Err(FlightId::from_raw(taken)));
            }
            write_cabins(&mut tx, std::iter::once((id, &plan))).await?;
            Ok::<_, sqlx::Error>(Ok(id))
        };
        let id = written
            .await
            .map_err(StoreError::from)?
            .map_err(FlightStoreError::AlreadyExists)?;
        audit.target = id.to_string();
        let event = |version| Event::FlightCreated {
            flight: id,
            version,
        };
        self.finish(tx, id, event, now, audit).await
    }

    async fn change(
        &self,
        change: FlightChange,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<FlightRecord, FlightStoreError> {
        let mut tx = self.write().await.map_err(StoreError::from)?;
        let facts = locked_facts(&mut tx, change.id, change.version).await?;
        let plan = decide::change(reference(), &facts, &change.patch)?;
        if plan == facts.flight.plan {
            return Ok(facts.flight);
        }
        let moved: Vec<_> = decide::is_told(&facts, &plan)
            .then_some(&facts.flight)
            .into_iter()
            .collect();
        note_moves(&mut tx, &moved)
            .await
            .map_err(StoreError::from)?;
        update_flights(&mut tx, &[(&facts.flight, Cow::Borrowed(&plan))], now)
            .await
            .map_err(StoreError::from)?;
        let flight = change.id;
        let event = |version| Event::FlightChanged { flight, version };
        self.finish(tx, flight, event, now, audit).await
    }

    async fn cancel(
        &self,
        id: FlightId,
        version: u64,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<FlightRecord, FlightStoreError> {
        let mut tx = self.write().await.map_err(StoreError::from)?;
        let facts = locked_facts(&mut tx, id, version).await?;
        if !decide::cancel(&facts) {
            return Ok(facts.flight);
        }
        let moved: Vec<_> = (facts.bookings > 0)
            .then_some(&facts.flight)
            .into_iter()
            .collect();
        note_moves(&mut tx, &moved)
            .await
            .map_err(StoreError::from)?;
        sqlx::query(
            "UPDATE flights SET status = 'cancelled', version = version + 1, updated_at = ?2 WHERE id = ?1",
        )
        .bind(id.raw())
        .bind(micros(now))
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        let event = |version| Event::FlightCancelled {
            flight: id,
            version,
        };
        self.finish(tx, id, event, now, audit).await
    }

    /// Nobody else writes meanwhile; the limit is 50 ms, and a disk is not always as fast as it was.
    fn pace(&self) -> Duration {
        Duration::from_millis(22)
    }

    async fn add_missing(
        &self,
        rows: &[PlannedRow],
        now: Timestamp,
    ) -> Result<Vec<RowOutcome>, FlightStoreError> {
        Ok(merge::add_missing(self, rows, now)
            .await
            .map_err(StoreError::from)?)
    }

    async fn merge(
        &self,
        rows: &[PlannedRow],
        expect: Expect,
        now: Timestamp,
    ) -> Result<Vec<RowOutcome>, FlightStoreError> {
        Ok(merge::merge(self, rows, expect, now)
            .await
            .map_err(StoreError::from)?)
    }

    async fn merge_part(
        &self,
        rows: &[PlannedRow],
        expect: Expect,
        now: Timestamp,
        advance: &Advance,
    ) -> Result<MergedPart, FlightStoreError> {
        merge::merge_part(self, rows, expect, now, advance)
            .await
            .map_err(StoreError::from)?
            .ok_or(FlightStoreError::LeaseLost)
    }

    async fn preview(&self, rows: &[PlannedRow]) -> Result<Vec<Preview>, FlightStoreError> {
        Ok(merge::preview(self, rows).await.map_err(StoreError::from)?)
    }
}

#[cfg(test)]
mod tests;
