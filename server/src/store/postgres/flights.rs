//! Flights and their inventory on PostgreSQL.

use std::borrow::Cow;
use std::time::Duration;

use airside_common::event::Event;
use airside_common::flight::FlightId;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{PgTransaction, Postgres as Db};

use super::replicas::MayBeOld;
use super::{Postgres, audit, months, outbox};
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
use crate::store::rows::flights::{FlightRow, records};
use crate::store::rows::instant::StoredInstant;

mod locks;
mod merge;
mod reading;
mod writes;

#[cfg(test)]
pub(super) use self::reading::BY_NATURAL_KEYS;

use self::locks::lock_flight;
use self::reading::{facts, flight, list};
use self::writes::{insert_cabins, insert_flights, new_ids, note_moves, update_flights};

/// All statements of the transaction look at one moment.
const BEGIN_ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Facts of a flight of the version that was seen; they hold until the commit.
async fn locked_facts(
    tx: &mut PgTransaction<'_>,
    id: FlightId,
    version: u64,
) -> Result<FlightFacts, FlightStoreError> {
    lock_flight(tx, id).await.map_err(StoreError::from)?;
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

impl Postgres {
    /// The end of every change of one flight: audit, event, commit, and the flight as it is now.
    async fn finish(
        &self,
        mut tx: PgTransaction<'static>,
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
impl FlightStore for Postgres {
    async fn flight(&self, id: FlightId) -> Result<Option<FlightRecord>, FlightStoreError> {
        let mut reader = self.primary().acquire().await.map_err(StoreError::from)?;
        Ok(flight(&mut reader, id).await.map_err(StoreError::from)?)
    }

    async fn facts(&self, id: FlightId) -> Result<Option<FlightFacts>, FlightStoreError> {
        let read = async {
            let mut tx = self.primary().begin_with(BEGIN_ONE_MOMENT).await?;
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
        let read = |mut connection: PoolConnection<Db>| async move {
            let mut select = list(filter, after, limit);
            select.build_query_as().fetch_all(&mut *connection).await
        };
        let rows: Vec<FlightRow> = self
            .read(MayBeOld::Flights, read)
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
        months::make(self, std::iter::once(&plan))
            .await
            .map_err(StoreError::from)?;
        let mut tx = self.write().await.map_err(StoreError::from)?;
        let written = async {
            let id = new_ids(&mut tx, std::iter::once(&plan)).await?[0];
            let written = insert_flights(&mut tx, &[(id, &plan)], now).await?;
            if written.is_empty() {
                let taken: i64 = sqlx::query_scalar(
                    "SELECT id FROM flights WHERE carrier = $1 AND number = $2 AND origin = $3
                     AND departure_date = $4::date",
                )
                .bind(plan.carrier.as_str())
                .bind(i32::from(plan.number.get()))
                .bind(plan.origin.as_str())
                .bind(plan.departure.date().to_string())
                .fetch_one(&mut *tx)
                .await?;
                return Ok(Err(FlightId::from_raw(taken)));
            }
            insert_cabins(&mut tx, std::iter::once((id, &plan))).await?;
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
            "UPDATE flights SET status = 'cancelled', version = version + 1, updated_at = $2
             WHERE id = $1 AND departure_date = departure_day($1)",
        )
        .bind(id.raw())
        .bind(StoredInstant::from(now))
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        let event = |version| Event::FlightCancelled {
            flight: id,
            version,
        };
        self.finish(tx, id, event, now, audit).await
    }

    /// Only bookings of flights that change wait, and each commit costs as much as a hundred flights.
    fn pace(&self) -> Duration {
        Duration::from_millis(100)
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
