//! Flights as they are stored, and what lives on them.

use airside_common::flight::{Cabin, FlightId, FlightNumber, SeatNumber};
use airside_common::money::{Money, parse_currency};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use sqlx::FromRow;

use super::decode;
use super::instant::StoredInstant;
use crate::features::flights::store::{CabinTerms, FlightFacts, FlightPlan, FlightRecord};

/// A flight beside one of its cabins; in JSON a list of the values in this order.
#[derive(FromRow, Deserialize)]
pub(crate) struct FlightRow {
    id: i64,
    carrier: String,
    number: i64,
    origin: String,
    destination: String,
    departure: StoredInstant,
    departure_offset: i32,
    arrival: StoredInstant,
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

impl FlightRow {
    fn record(&self) -> Result<FlightRecord, sqlx::Error> {
        let number = u16::try_from(self.number).map_err(decode)?;
        Ok(FlightRecord {
            id: FlightId::from_raw(self.id),
            plan: FlightPlan {
                carrier: self.carrier.parse().map_err(decode)?,
                number: FlightNumber::new(number).map_err(decode)?,
                origin: self.origin.parse().map_err(decode)?,
                destination: self.destination.parse().map_err(decode)?,
                departure: self.departure.with_offset(self.departure_offset)?,
                arrival: self.arrival.with_offset(self.arrival_offset)?,
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
pub(crate) fn records(rows: &[FlightRow]) -> Result<Vec<FlightRecord>, sqlx::Error> {
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

/// Flights with the numbers of their living bookings (flight, count) and their chosen seats (flight, seat, cabin), each in any order.
pub(crate) fn facts(
    flights: Vec<FlightRecord>,
    bookings: Vec<(i64, i64)>,
    seats: Vec<(i64, String, i64)>,
) -> Result<Vec<FlightFacts>, sqlx::Error> {
    let counts: FxHashMap<i64, u64> = bookings
        .into_iter()
        .map(|(flight, count)| (flight, count.cast_unsigned()))
        .collect();
    let mut chosen: FxHashMap<i64, Vec<(SeatNumber, Cabin)>> = FxHashMap::default();
    for (id, seat, cabin) in seats {
        let cabin = usize::try_from(cabin).map_err(decode)?;
        if let Some(cabin) = Cabin::ALL.get(cabin) {
            let seat = seat.parse().map_err(decode)?;
            chosen.entry(id).or_default().push((seat, *cabin));
        }
    }
    Ok(flights
        .into_iter()
        .map(|flight| FlightFacts {
            bookings: counts.get(&flight.id.raw()).copied().unwrap_or_default(),
            chosen: chosen.remove(&flight.id.raw()).unwrap_or_default(),
            flight,
        })
        .collect())
}

/// Days since 1970-01-01 of a flight's local date of departure.
pub(crate) fn day(plan: &FlightPlan) -> Result<u32, sqlx::Error> {
    let days = (plan.departure.date() - jiff::civil::date(1970, 1, 1)).get_days();
    u32::try_from(days).map_err(decode)
}

/// What names a flight: carrier, number, origin, date.
pub(crate) fn natural_key(plan: &FlightPlan) -> impl Eq + std::hash::Hash + use<> {
    (
        plan.carrier,
        plan.number,
        plan.origin,
        plan.departure.date(),
    )
}
