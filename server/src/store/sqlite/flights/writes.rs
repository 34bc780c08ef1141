//! New and changed flights: a fixed number of statements for any number of them.

use std::borrow::Cow;

use airside_common::flight::FlightId;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use sqlx::sqlite::SqliteTransaction;
use sqlx::{QueryBuilder, Sqlite as Db};

use crate::features::flights::store::{CabinTerms, FlightPlan, FlightRecord};
use crate::store::rows::decode;
use crate::store::sqlite::micros;

/// Ids for new flights of the given days, in order; the transaction holds the write lock, so that nobody else takes
/// them.
pub(super) async fn new_ids(
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
pub(super) async fn insert_flights(
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
        insert.push(" ON CONFLICT (departure_date, carrier, number, origin) DO NOTHING");
        written += insert.build().execute(&mut **tx).await?.rows_affected();
    }
    Ok(written)
}

/// Writes capacity and fares of cabins, new or not; what is sold stays.
pub(super) async fn write_cabins(
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
pub(super) async fn update_flights(
    tx: &mut SqliteTransaction<'_>,
    changed: &[(&FlightRecord, Cow<'_, FlightPlan>)],
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
    write_cabins(
        tx,
        changed.iter().map(|(flight, plan)| (flight.id, &**plan)),
    )
    .await
}

/// Notes what happens to flights on which bookings live: the version to come, and the times until now.
pub(super) async fn note_moves(
    tx: &mut SqliteTransaction<'_>,
    moved: &[&FlightRecord],
) -> Result<(), sqlx::Error> {
    if moved.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = moved
        .iter()
        .map(|flight| {
            let (departure, arrival) = (flight.plan.departure, flight.plan.arrival);
            (
                flight.id.raw(),
                flight.version + 1,
                micros(departure.instant()),
                departure.offset().seconds(),
                micros(arrival.instant()),
                arrival.offset().seconds(),
            )
        })
        .collect();
    sqlx::query(
        "INSERT INTO schedule_changes (flight_id, version, departure, departure_offset, arrival, arrival_offset)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1)",
    )
    .bind(serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
