//! Flights as they are stored, and what lives on them.

use airside_common::flight::{Cabin, FlightId, SeatNumber};
use airside_common::money::{Money, parse_currency};
use airside_common::time::OffsetTime;
use jiff::Timestamp;
use jiff::tz::Offset;
use rustc_hash::FxHashMap;
use sqlx::{FromRow, QueryBuilder, Sqlite as Db, SqliteConnection};

use crate::features::flights::store::{CabinTerms, FlightFacts, FlightPlan, FlightRecord};

/// A flight beside one of its cabins.
#[derive(FromRow)]
pub(super) struct FlightRow {
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

pub(super) const COLUMNS: &str = "f.id, f.carrier, f.number, f.origin, f.destination, f.departure, f.departure_offset, \
     f.arrival, f.arrival_offset, f.aircraft, f.status, f.version, \
     i.cabin, i.capacity, i.sold, i.fare_minor, i.currency";

pub(super) fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// A stored instant with its offset.
pub(in crate::store::sqlite) fn offset_time(
    at: i64,
    offset: i32,
) -> Result<OffsetTime, sqlx::Error> {
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
pub(super) fn records(rows: &[FlightRow]) -> Result<Vec<FlightRecord>, sqlx::Error> {
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

pub(super) async fn flight(
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
pub(super) async fn facts(
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
