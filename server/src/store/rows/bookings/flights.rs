//! Flights as they are sold.

use std::collections::HashMap;

use airside_common::flight::{AircraftCode, FlightId, FlightNumber};
use airside_common::money::{Money, parse_currency};

use super::unreadable;
use crate::features::bookings::decide::{CabinFacts, FlightFacts, Move};
use crate::store::rows::instant::StoredInstant;

/// A flight without its cabins.
#[derive(sqlx::FromRow)]
pub(crate) struct FlightRow {
    pub(crate) id: i64,
    pub(crate) carrier: String,
    pub(crate) number: i32,
    pub(crate) origin: String,
    pub(crate) destination: String,
    pub(crate) departure: StoredInstant,
    pub(crate) departure_offset: i32,
    pub(crate) arrival: StoredInstant,
    pub(crate) arrival_offset: i32,
    pub(crate) aircraft: String,
    pub(crate) status: String,
    pub(crate) version: i64,
}

/// What happened to a flight: its version after it, and its times before it.
#[derive(sqlx::FromRow)]
pub(crate) struct MoveRow {
    flight_id: i64,
    version: i64,
    departure: StoredInstant,
    departure_offset: i32,
    arrival: StoredInstant,
    arrival_offset: i32,
}

/// What happened to flights, by the flights; the rows come in the order of versions.
pub(crate) fn moves(
    rows: impl IntoIterator<Item = MoveRow>,
) -> Result<HashMap<FlightId, Vec<Move>>, sqlx::Error> {
    let mut moves: HashMap<FlightId, Vec<Move>> = HashMap::new();
    for row in rows {
        let departure = row.departure.with_offset(row.departure_offset)?;
        let arrival = row.arrival.with_offset(row.arrival_offset)?;
        let of = moves.entry(FlightId::from_raw(row.flight_id));
        of.or_default().push(Move {
            version: row.version.cast_unsigned(),
            before: (departure, arrival),
        });
    }
    Ok(moves)
}

/// A cabin of a flight.
#[derive(sqlx::FromRow)]
pub(crate) struct CabinRow {
    pub(crate) flight_id: i64,
    pub(crate) cabin: i16,
    pub(crate) capacity: i32,
    pub(crate) sold: i32,
    pub(crate) fare_minor: i64,
    pub(crate) currency: String,
}

/// Flights by their numbers, each with its cabins.
pub(crate) fn flights(
    flights: impl IntoIterator<Item = FlightRow>,
    cabins: impl IntoIterator<Item = CabinRow>,
) -> Result<HashMap<FlightId, FlightFacts>, sqlx::Error> {
    let mut flights: HashMap<FlightId, FlightFacts> = flights
        .into_iter()
        .map(|row| Ok((FlightId::from_raw(row.id), flight(&row)?)))
        .collect::<Result<_, sqlx::Error>>()?;
    for row in cabins {
        if let Some(flight) = flights.get_mut(&FlightId::from_raw(row.flight_id)) {
            let place = usize::try_from(row.cabin)
                .ok()
                .and_then(|at| flight.cabins.get_mut(at))
                .ok_or_else(|| unreadable("inventory.cabin"))?;
            *place = Some(cabin(&row)?);
        }
    }
    Ok(flights)
}

fn flight(row: &FlightRow) -> Result<FlightFacts, sqlx::Error> {
    let wrong = |what: &str| unreadable(format!("flights.{what} of {}", row.id));
    Ok(FlightFacts {
        id: FlightId::from_raw(row.id),
        carrier: row.carrier.parse().map_err(|_| wrong("carrier"))?,
        number: u16::try_from(row.number)
            .ok()
            .and_then(|number| FlightNumber::new(number).ok())
            .ok_or_else(|| wrong("number"))?,
        origin: row.origin.parse().map_err(|_| wrong("origin"))?,
        destination: row.destination.parse().map_err(|_| wrong("destination"))?,
        departure: row.departure.with_offset(row.departure_offset)?,
        arrival: row.arrival.with_offset(row.arrival_offset)?,
        aircraft: row
            .aircraft
            .parse::<AircraftCode>()
            .map_err(|_| wrong("aircraft"))?,
        status: row.status.parse().map_err(|_| wrong("status"))?,
        version: u64::try_from(row.version).map_err(|_| wrong("version"))?,
        cabins: [None; 4],
    })
}

fn cabin(row: &CabinRow) -> Result<CabinFacts, sqlx::Error> {
    let wrong = || unreadable(format!("inventory of flight {}", row.flight_id));
    Ok(CabinFacts {
        capacity: u32::try_from(row.capacity).map_err(|_| wrong())?,
        sold: u32::try_from(row.sold).map_err(|_| wrong())?,
        fare: Money::from_minor(
            row.fare_minor,
            parse_currency(&row.currency).map_err(|_| wrong())?,
        ),
    })
}
