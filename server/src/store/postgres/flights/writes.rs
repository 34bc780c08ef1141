//! New and changed flights: a fixed number of statements for any number of them.

use std::borrow::Cow;

use airside_common::flight::FlightId;
use airside_common::time::OffsetTime;
use jiff::Timestamp;
use rustc_hash::FxHashSet;
use sqlx::{Acquire, PgTransaction};

use super::super::copy::CopyRows;
use crate::features::flights::store::{CabinTerms, FlightPlan, FlightRecord};
use crate::store::rows::decode;
use crate::store::rows::flights::day;
use crate::store::rows::instant::StoredInstant;

/// Ids for new flights, in order. What is drawn and not used is left out.
pub(super) async fn new_ids(
    tx: &mut PgTransaction<'_>,
    plans: impl ExactSizeIterator<Item = &FlightPlan>,
) -> Result<Vec<FlightId>, sqlx::Error> {
    let count = i64::try_from(plans.len()).map_err(decode)?;
    // One row: a thousand of them take longer than what is drawn.
    let serials: Vec<i64> = sqlx::query_scalar(
        "SELECT ARRAY(SELECT nextval('flight_serials') FROM generate_series(1, $1))",
    )
    .bind(count)
    .fetch_one(&mut **tx)
    .await?;
    plans
        .zip(serials)
        .map(|(plan, serial)| {
            let serial = u32::try_from(serial).map_err(decode)?;
            Ok(FlightId::new(day(plan)?, serial))
        })
        .collect()
}

const COPY_FLIGHTS: &str = "COPY flights (id, carrier, number, origin, destination, departure_date, departure, departure_offset, \
     arrival, arrival_offset, aircraft, status, version, created_at, updated_at) FROM STDIN (FORMAT binary)";

const COPY_CABINS: &str =
    "COPY inventory (flight_id, cabin, capacity, fare_minor, currency) FROM STDIN (FORMAT binary)";

/// Days from 1970 to 2000, whence PostgreSQL counts.
const DAYS_TO_2000: i32 = 10_957;

/// What became of flights that were to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copied {
    /// They are there, with their cabins.
    All,
    /// A natural key of theirs is taken: none of them is there.
    None,
}

/// Writes new flights with their cabins, all or none; they stand in the order of [`key_order`]. The transaction belongs to
/// a task of its own meanwhile, which ends the copying even if nobody waits for it any more: a connection on which it is
/// cut off cannot be used again, and goes back to the others all the same.
pub(super) async fn copy_flights(
    mut tx: PgTransaction<'static>,
    flights: &[(FlightId, &FlightPlan)],
    now: Timestamp,
) -> Result<(PgTransaction<'static>, Copied), sqlx::Error> {
    let now = StoredInstant::from(now);
    let mut rows = CopyRows::new();
    let mut cabins = CopyRows::new();
    for (id, plan) in flights {
        rows.push(&[
            &id.raw(),
            &plan.carrier.as_str(),
            &i32::from(plan.number.get()),
            &plan.origin.as_str(),
            &plan.destination.as_str(),
            &(day(plan)?.cast_signed() - DAYS_TO_2000),
            &StoredInstant::from(plan.departure.instant()),
            &plan.departure.offset().seconds(),
            &StoredInstant::from(plan.arrival.instant()),
            &plan.arrival.offset().seconds(),
            &plan.aircraft.as_str(),
            &"scheduled",
            &1_i64,
            &now,
            &now,
        ])?;
        for (cabin, terms) in (0_i16..).zip(plan.cabins) {
            if let Some(terms) = terms {
                cabins.push(&[
                    &id.raw(),
                    &cabin,
                    &i32::try_from(terms.capacity).map_err(decode)?,
                    &terms.fare.minor(),
                    &terms.fare.currency().code(),
                ])?;
            }
        }
    }
    let copying = tokio::spawn(async move {
        let mut attempt = tx.begin().await?;
        let copied = match rows.copy(&mut attempt, COPY_FLIGHTS).await {
            Ok(()) => {
                cabins.copy(&mut attempt, COPY_CABINS).await?;
                attempt.commit().await?;
                Copied::All
            }
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                attempt.rollback().await?;
                Copied::None
            }
            Err(error) => return Err(error),
        };
        Ok((tx, copied))
    });
    copying
        .await
        .map_err(|error| sqlx::Error::Io(error.into()))?
}

/// The order in which all who write flights take their natural keys, so that of two who want the same ones, one waits for
/// the other.
pub(super) fn key_order(plan: &FlightPlan) -> impl Ord + use<> {
    (
        plan.departure.date(),
        plan.carrier,
        plan.number,
        plan.origin,
    )
}

/// Columns of flights, an array each.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<i64>,
    destinations: Vec<&'a str>,
    departures: Vec<StoredInstant>,
    departure_offsets: Vec<i32>,
    arrivals: Vec<StoredInstant>,
    arrival_offsets: Vec<i32>,
    aircraft: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, id: FlightId, plan: &'a FlightPlan) {
        self.ids.push(id.raw());
        self.destinations.push(plan.destination.as_str());
        self.departures.push(plan.departure.instant().into());
        self.departure_offsets
            .push(plan.departure.offset().seconds());
        self.arrivals.push(plan.arrival.instant().into());
        self.arrival_offsets.push(plan.arrival.offset().seconds());
        self.aircraft.push(plan.aircraft.as_str());
    }
}

/// Writes new flights without their cabins; those whose natural key is taken are left out. Answers the ids of those that
/// were written. Keys are taken in the order of [`key_order`].
pub(super) async fn insert_flights(
    tx: &mut PgTransaction<'_>,
    flights: &[(FlightId, &FlightPlan)],
    now: Timestamp,
) -> Result<FxHashSet<i64>, sqlx::Error> {
    let mut columns = Columns::default();
    let mut carriers = Vec::with_capacity(flights.len());
    let mut numbers = Vec::with_capacity(flights.len());
    let mut origins = Vec::with_capacity(flights.len());
    let mut days = Vec::with_capacity(flights.len());
    for (id, plan) in flights {
        columns.push(*id, plan);
        carriers.push(plan.carrier.as_str());
        numbers.push(i32::from(plan.number.get()));
        origins.push(plan.origin.as_str());
        days.push(day(plan)?.cast_signed());
    }
    let written: Vec<i64> = sqlx::query_scalar(
        r#"INSERT INTO flights (id, carrier, number, origin, destination, departure_date, departure, departure_offset,
                arrival, arrival_offset, aircraft, status, version, created_at, updated_at)
           SELECT id, carrier, number, origin, destination, DATE '1970-01-01' + day, departure, departure_offset,
                arrival, arrival_offset, aircraft, 'scheduled', 1, $12, $12
           FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::integer[],
                $7::timestamptz[], $8::integer[], $9::timestamptz[], $10::integer[], $11::text[])
                AS v (id, carrier, number, origin, destination, day, departure, departure_offset, arrival,
                      arrival_offset, aircraft)
           ORDER BY day, carrier COLLATE "C", number, origin COLLATE "C"
           ON CONFLICT (departure_date, carrier, number, origin) DO NOTHING
           RETURNING id"#,
    )
    .bind(columns.ids)
    .bind(carriers)
    .bind(numbers)
    .bind(origins)
    .bind(columns.destinations)
    .bind(days)
    .bind(columns.departures)
    .bind(columns.departure_offsets)
    .bind(columns.arrivals)
    .bind(columns.arrival_offsets)
    .bind(columns.aircraft)
    .bind(StoredInstant::from(now))
    .fetch_all(&mut **tx)
    .await?;
    Ok(written.into_iter().collect())
}

/// Columns of cabins, an array each.
#[derive(Default)]
struct CabinColumns {
    flights: Vec<i64>,
    cabins: Vec<i16>,
    capacities: Vec<i32>,
    fares: Vec<i64>,
    currencies: Vec<&'static str>,
}

impl CabinColumns {
    fn push(&mut self, id: FlightId, cabin: i16, terms: CabinTerms) -> Result<(), sqlx::Error> {
        self.flights.push(id.raw());
        self.cabins.push(cabin);
        self.capacities
            .push(i32::try_from(terms.capacity).map_err(decode)?);
        self.fares.push(terms.fare.minor());
        self.currencies.push(terms.fare.currency().code());
        Ok(())
    }

    async fn execute(
        self,
        tx: &mut PgTransaction<'_>,
        statement: &'static str,
    ) -> Result<(), sqlx::Error> {
        if !self.flights.is_empty() {
            sqlx::query(statement)
                .bind(self.flights)
                .bind(self.cabins)
                .bind(self.capacities)
                .bind(self.fares)
                .bind(self.currencies)
                .persistent(false)
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }
}

const INSERT_CABINS: &str =
    "INSERT INTO inventory (flight_id, cabin, capacity, fare_minor, currency)
     SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::bigint[], $5::text[])";

/// What is sold stays.
const UPDATE_CABINS: &str =
    "UPDATE inventory SET capacity = v.capacity, fare_minor = v.fare_minor, currency = v.currency
     FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::bigint[], $5::text[])
         AS v (flight_id, cabin, capacity, fare_minor, currency)
     WHERE inventory.flight_id = v.flight_id AND inventory.cabin = v.cabin";

/// Writes the cabins of new flights.
pub(super) async fn insert_cabins(
    tx: &mut PgTransaction<'_>,
    flights: impl Iterator<Item = (FlightId, &FlightPlan)>,
) -> Result<(), sqlx::Error> {
    let mut new = CabinColumns::default();
    for (id, plan) in flights {
        for (cabin, terms) in (0..).zip(plan.cabins) {
            if let Some(terms) = terms {
                new.push(id, cabin, terms)?;
            }
        }
    }
    new.execute(tx, INSERT_CABINS).await
}

/// Writes what changed flights are now: times, aircraft, destination, cabins. Flights and cabins are locked.
pub(super) async fn update_flights(
    tx: &mut PgTransaction<'_>,
    changed: &[(&FlightRecord, Cow<'_, FlightPlan>)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut columns = Columns::default();
    for (flight, plan) in changed {
        columns.push(flight.id, plan);
    }
    sqlx::query(
        "UPDATE flights SET version = version + 1, updated_at = $8, destination = v.destination,
             departure = v.departure, departure_offset = v.departure_offset, arrival = v.arrival,
             arrival_offset = v.arrival_offset, aircraft = v.aircraft
         FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::integer[], $5::timestamptz[], $6::integer[],
             $7::text[])
             AS v (id, destination, departure, departure_offset, arrival, arrival_offset, aircraft)
         WHERE flights.id = v.id AND flights.departure_date = departure_day(v.id)",
    )
    .bind(columns.ids)
    .bind(columns.destinations)
    .bind(columns.departures)
    .bind(columns.departure_offsets)
    .bind(columns.arrivals)
    .bind(columns.arrival_offsets)
    .bind(columns.aircraft)
    .bind(StoredInstant::from(now))
    .persistent(false)
    .execute(&mut **tx)
    .await?;
    let (mut gone, mut gone_cabins) = (Vec::new(), Vec::<i16>::new());
    let mut new = CabinColumns::default();
    let mut other = CabinColumns::default();
    for (flight, plan) in changed {
        for (cabin, (was, is)) in (0..).zip(flight.plan.cabins.iter().zip(plan.cabins)) {
            match (was, is) {
                (Some(_), None) => {
                    gone.push(flight.id.raw());
                    gone_cabins.push(cabin);
                }
                (None, Some(is)) => new.push(flight.id, cabin, is)?,
                (Some(was), Some(is)) if *was != is => other.push(flight.id, cabin, is)?,
                _ => {}
            }
        }
    }
    if !gone.is_empty() {
        sqlx::query(
            "DELETE FROM inventory USING unnest($1::bigint[], $2::smallint[]) AS v (id, cabin)
             WHERE sold = 0 AND inventory.flight_id = v.id AND inventory.cabin = v.cabin",
        )
        .bind(gone)
        .bind(gone_cabins)
        .persistent(false)
        .execute(&mut **tx)
        .await?;
    }
    new.execute(tx, INSERT_CABINS).await?;
    other.execute(tx, UPDATE_CABINS).await
}

/// Notes what happens to flights on which bookings live: the version to come, and the times until now.
pub(super) async fn note_moves(
    tx: &mut PgTransaction<'_>,
    moved: &[&FlightRecord],
) -> Result<(), sqlx::Error> {
    if moved.is_empty() {
        return Ok(());
    }
    let plans = moved.iter().map(|flight| &flight.plan);
    let departures = plans.clone().map(|plan| plan.departure);
    let arrivals = plans.map(|plan| plan.arrival);
    let instants = |time: OffsetTime| StoredInstant::from(time.instant());
    let offsets = |time: OffsetTime| time.offset().seconds();
    let versions = moved.iter().map(|flight| flight.version.cast_signed() + 1);
    sqlx::query(
        "INSERT INTO schedule_changes (flight_id, version, departure, departure_offset, arrival, arrival_offset)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::integer[], $5::timestamptz[], $6::integer[])",
    )
    .bind(moved.iter().map(|flight| flight.id.raw()).collect::<Vec<_>>())
    .bind(versions.collect::<Vec<_>>())
    .bind(departures.clone().map(instants).collect::<Vec<_>>())
    .bind(departures.map(offsets).collect::<Vec<_>>())
    .bind(arrivals.clone().map(instants).collect::<Vec<_>>())
    .bind(arrivals.map(offsets).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
