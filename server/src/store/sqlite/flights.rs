//! Flights and their inventory on SQLite.

use airside_common::event::Event;
use airside_common::flight::{Cabin, FlightId, SeatNumber};
use airside_common::money::{Money, parse_currency};
use airside_common::time::OffsetTime;
use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rustc_hash::FxHashMap;
use sqlx::sqlite::SqliteTransaction;
use sqlx::{FromRow, QueryBuilder, Sqlite as Db, SqliteConnection};

use super::{Sqlite, audit, micros, outbox};
use crate::features::audit::entry::NewEntry;
use crate::features::flights::decide;
use crate::features::flights::import::RowOutcome;
use crate::features::flights::store::{
    CabinTerms, Expect, FlightChange, FlightFacts, FlightFilter, FlightPlan, FlightPosition,
    FlightRecord, FlightStore, FlightStoreError, PlannedRow,
};
use crate::reference::reference;
use crate::store::StoreError;

mod merge;

/// A flight beside one of its cabins.
#[derive(FromRow)]
struct FlightRow {
    id: i64,
    carrier: String,
    number: i64,
    origin: String,
    destination: String,
    departure: i64,
    departure_offset: i32,
    arrival: i64,
    arrival_offset: i32,
    aircraft: String,
    status: String,
    version: i64,
    cabin: i64,
    capacity: i64,
    sold: i64,
    fare_minor: i64,
    currency: String,
}

const COLUMNS: &str = "f.id, f.carrier, f.number, f.origin, f.destination, f.departure, f.departure_offset, \
     f.arrival, f.arrival_offset, f.aircraft, f.status, f.version, \
     i.cabin, i.capacity, i.sold, i.fare_minor, i.currency";

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// A stored instant with its offset.
pub(super) fn offset_time(at: i64, offset: i32) -> Result<OffsetTime, sqlx::Error> {
    Ok(OffsetTime::new(
        Timestamp::from_microsecond(at).map_err(decode)?,
        Offset::from_seconds(offset).map_err(decode)?,
    ))
}

impl FlightRow {
    fn record(&self) -> Result<FlightRecord, sqlx::Error> {
        let number = u16::try_from(self.number).map_err(decode)?;
        Ok(FlightRecord {
            id: FlightId::from_raw(self.id),
            plan: FlightPlan {
                carrier: self.carrier.parse().map_err(decode)?,
                number: airside_common::flight::FlightNumber::new(number).map_err(decode)?,
                origin: self.origin.parse().map_err(decode)?,
                destination: self.destination.parse().map_err(decode)?,
                departure: offset_time(self.departure, self.departure_offset)?,
                arrival: offset_time(self.arrival, self.arrival_offset)?,
                aircraft: self.aircraft.parse().map_err(decode)?,
                cabins: [None; 4],
            },
            status: self.status.parse().map_err(decode)?,
            version: u64::try_from(self.version).map_err(decode)?,
            sold: [0; 4],
        })
    }

    fn add_cabin(&self, record: &mut FlightRecord) -> Result<(), sqlx::Error> {
        let cabin = usize::try_from(self.cabin).map_err(decode)?;
        let currency = parse_currency(&self.currency).map_err(decode)?;
        if let Some(slot) = record.plan.cabins.get_mut(cabin) {
            *slot = Some(CabinTerms {
                capacity: u32::try_from(self.capacity).map_err(decode)?,
                fare: Money::from_minor(self.fare_minor, currency),
            });
            record.sold[cabin] = u32::try_from(self.sold).map_err(decode)?;
        }
        Ok(())
    }
}

/// The flights of rows that stand together by flight.
fn records(rows: &[FlightRow]) -> Result<Vec<FlightRecord>, sqlx::Error> {
    let mut found: Vec<FlightRecord> = Vec::new();
    for row in rows {
        if found.last().is_none_or(|last| last.id.raw() != row.id) {
            found.push(row.record()?);
        }
        if let Some(last) = found.last_mut() {
            row.add_cabin(last)?;
        }
    }
    Ok(found)
}

async fn flight(
    connection: &mut SqliteConnection,
    id: FlightId,
) -> Result<Option<FlightRecord>, sqlx::Error> {
    let rows: Vec<FlightRow> = QueryBuilder::<Db>::new("SELECT ")
        .push(COLUMNS)
        .push(" FROM flights f JOIN inventory i ON i.flight_id = f.id WHERE f.id = ")
        .push_bind(id.raw())
        .push(" ORDER BY i.cabin")
        .build_query_as()
        .fetch_all(connection)
        .await?;
    Ok(records(&rows)?.pop())
}

/// What lives on flights; the connection sees one moment.
async fn facts(
    connection: &mut SqliteConnection,
    flights: Vec<FlightRecord>,
) -> Result<Vec<FlightFacts>, sqlx::Error> {
    let ids: Vec<i64> = flights.iter().map(|flight| flight.id.raw()).collect();
    let ids = serde_json::to_string(&ids).map_err(|e| sqlx::Error::Encode(e.into()))?;
    let counts: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT flight_id, count(DISTINCT booking_id) FROM segments \
         WHERE flight_id IN (SELECT value FROM json_each(?1)) AND status IN ('HK', 'HL', 'TK') GROUP BY flight_id",
    )
    .bind(&ids)
    .fetch_all(&mut *connection)
    .await?;
    let counts: FxHashMap<i64, i64> = counts.into_iter().collect();
    let mut chosen: FxHashMap<i64, Vec<(SeatNumber, Cabin)>> = FxHashMap::default();
    if !counts.is_empty() {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT s.flight_id, s.seat, g.cabin FROM seats s \
             JOIN segments g ON g.booking_id = s.booking_id AND g.position = s.segment \
             WHERE s.flight_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(&ids)
        .fetch_all(&mut *connection)
        .await?;
        for (id, seat, cabin) in rows {
            let cabin = usize::try_from(cabin).map_err(decode)?;
            if let Some(cabin) = Cabin::ALL.get(cabin) {
                let seat = seat.parse().map_err(decode)?;
                chosen.entry(id).or_default().push((seat, *cabin));
            }
        }
    }
    Ok(flights
        .into_iter()
        .map(|flight| FlightFacts {
            bookings: counts
                .get(&flight.id.raw())
                .and_then(|n| u64::try_from(*n).ok())
                .unwrap_or(0),
            chosen: chosen.remove(&flight.id.raw()).unwrap_or_default(),
            flight,
        })
        .collect())
}

/// Days since 1970-01-01.
fn day(date: Date) -> Result<u32, sqlx::Error> {
    let days = (date - jiff::civil::date(1970, 1, 1)).get_days();
    u32::try_from(days).map_err(decode)
}

/// Ids for new flights of the given days, in order; the transaction holds the write lock, so that nobody else takes
/// them.
async fn new_ids(
    tx: &mut SqliteTransaction<'_>,
    days: &[u32],
) -> Result<Vec<FlightId>, sqlx::Error> {
    let mut next: FxHashMap<u32, u32> = FxHashMap::default();
    let mut distinct = days.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let asked = serde_json::to_string(&distinct).map_err(|e| sqlx::Error::Encode(e.into()))?;
    let last: Vec<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT d.value, (SELECT max(id) FROM flights WHERE id >= d.value << 32 AND id < (d.value + 1) << 32) \
         FROM json_each(?1) d",
    )
    .bind(asked)
    .fetch_all(&mut **tx)
    .await?;
    for (day, last) in last {
        let serial = last
            .map_or(Ok(0), |id| u32::try_from(id & 0xffff_ffff))
            .map_err(decode)?;
        next.insert(u32::try_from(day).map_err(decode)?, serial + 1);
    }
    days.iter()
        .map(|day| {
            let serial = next.entry(*day).or_insert(1);
            let id = FlightId::new(*day, *serial);
            *serial += 1;
            Ok(id)
        })
        .collect()
}

/// Rows of one statement: 15 values each.
const FLIGHTS_A_STATEMENT: usize = 128;
const CABINS_A_STATEMENT: usize = 256;

/// Writes new flights without their cabins; those whose natural key is taken are left out. Answers how many were
/// written.
async fn insert_flights(
    tx: &mut SqliteTransaction<'_>,
    flights: &[(FlightId, &FlightPlan)],
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let mut written = 0;
    let now = micros(now);
    for chunk in flights.chunks(FLIGHTS_A_STATEMENT) {
        let mut insert = QueryBuilder::<Db>::new(
            "INSERT INTO flights (id, carrier, number, origin, destination, departure_date, departure, \
             departure_offset, arrival, arrival_offset, aircraft, status, version, created_at, updated_at) ",
        );
        insert.push_values(chunk, |mut row, (id, plan)| {
            row.push_bind(id.raw())
                .push_bind(plan.carrier.as_str())
                .push_bind(plan.number.get())
                .push_bind(plan.origin.as_str())
                .push_bind(plan.destination.as_str())
                .push_bind(plan.departure.date().to_string())
                .push_bind(micros(plan.departure.instant()))
                .push_bind(plan.departure.offset().seconds())
                .push_bind(micros(plan.arrival.instant()))
                .push_bind(plan.arrival.offset().seconds())
                .push_bind(plan.aircraft.as_str())
                .push("'scheduled', 1")
                .push_bind(now)
                .push_bind(now);
        });
        insert.push(" ON CONFLICT (carrier, number, origin, departure_date) DO NOTHING");
        written += insert.build().execute(&mut **tx).await?.rows_affected();
    }
    Ok(written)
}

/// Writes capacity and fares of cabins, new or not; what is sold stays.
async fn write_cabins(
    tx: &mut SqliteTransaction<'_>,
    flights: impl Iterator<Item = (FlightId, &FlightPlan)>,
) -> Result<(), sqlx::Error> {
    let cabins: Vec<(FlightId, i64, CabinTerms)> = flights
        .flat_map(|(id, plan)| {
            (0_i64..)
                .zip(plan.cabins)
                .filter_map(move |(cabin, terms)| Some((id, cabin, terms?)))
        })
        .collect();
    for chunk in cabins.chunks(CABINS_A_STATEMENT) {
        let mut insert = QueryBuilder::<Db>::new(
            "INSERT INTO inventory (flight_id, cabin, capacity, fare_minor, currency) ",
        );
        insert.push_values(chunk, |mut row, (id, cabin, terms)| {
            row.push_bind(id.raw())
                .push_bind(*cabin)
                .push_bind(terms.capacity)
                .push_bind(terms.fare.minor())
                .push_bind(terms.fare.currency().code());
        });
        insert.push(
            " ON CONFLICT (flight_id, cabin) DO UPDATE SET capacity = excluded.capacity, \
             fare_minor = excluded.fare_minor, currency = excluded.currency",
        );
        insert.build().execute(&mut **tx).await?;
    }
    Ok(())
}

/// Writes what changed flights are now: times, aircraft, destination, cabins.
async fn update_flights(
    tx: &mut SqliteTransaction<'_>,
    changed: &[(&FlightRecord, &FlightPlan)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for chunk in changed.chunks(FLIGHTS_A_STATEMENT) {
        let mut update =
            QueryBuilder::<Db>::new("UPDATE flights SET version = version + 1, updated_at = ");
        update.push_bind(micros(now)).push(
            ", destination = v.column2, departure = v.column3, departure_offset = v.column4, \
             arrival = v.column5, arrival_offset = v.column6, aircraft = v.column7 FROM (",
        );
        update.push_values(chunk, |mut row, (flight, plan)| {
            row.push_bind(flight.id.raw())
                .push_bind(plan.destination.as_str())
                .push_bind(micros(plan.departure.instant()))
                .push_bind(plan.departure.offset().seconds())
                .push_bind(micros(plan.arrival.instant()))
                .push_bind(plan.arrival.offset().seconds())
                .push_bind(plan.aircraft.as_str());
        });
        update.push(") AS v WHERE flights.id = v.column1");
        update.build().execute(&mut **tx).await?;
    }
    let gone: Vec<(i64, i64)> = changed
        .iter()
        .flat_map(|(flight, plan)| {
            (0_i64..)
                .zip(flight.plan.cabins.iter().zip(&plan.cabins))
                .filter(|(_, (was, is))| was.is_some() && is.is_none())
                .map(|(cabin, _)| (flight.id.raw(), cabin))
        })
        .collect();
    for chunk in gone.chunks(CABINS_A_STATEMENT) {
        let mut delete = QueryBuilder::<Db>::new(
            "DELETE FROM inventory WHERE sold = 0 AND (flight_id, cabin) IN (",
        );
        delete.push_values(chunk, |mut row, (id, cabin)| {
            row.push_bind(*id).push_bind(*cabin);
        });
        delete.push(")");
        delete.build().execute(&mut **tx).await?;
    }
    write_cabins(tx, changed.iter().map(|(flight, plan)| (flight.id, *plan))).await
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
        let rows: Vec<FlightRow> = select
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
            let day = day(plan.departure.date())?;
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
        update_flights(&mut tx, &[(&facts.flight, &plan)], now)
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
        if !decide::cancel(&facts)? {
            return Ok(facts.flight);
        }
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
}

#[cfg(test)]
mod tests;
