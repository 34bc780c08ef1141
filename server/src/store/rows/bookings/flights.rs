//! Flights as they are sold.

use std::collections::HashMap;

use airside_common::flight::{AircraftCode, FlightId, FlightNumber};
use airside_common::money::{Money, parse_currency};
use serde::Deserialize;

use super::unreadable;
use crate::features::bookings::decide::{CabinFacts, FlightFacts};
use crate::store::rows::instant::StoredInstant;

/// A flight with one of its cabins, if it has any; instants in JSON are in microseconds.
#[derive(sqlx::FromRow, Deserialize)]
pub(crate) struct FlightRow {
    id: i64,
    carrier: String,
    number: i32,
    origin: String,
    destination: String,
    departure: StoredInstant,
    departure_offset: i32,
    arrival: StoredInstant,
    arrival_offset: i32,
    aircraft: String,
    status: String,
    cabin: Option<i16>,
    capacity: Option<i32>,
    sold: Option<i32>,
    fare_minor: Option<i64>,
    currency: Option<String>,
}

/// Flights by their numbers, each with the cabins of its rows.
pub(crate) fn flights(rows: Vec<FlightRow>) -> Result<HashMap<FlightId, FlightFacts>, sqlx::Error> {
    let mut flights: HashMap<FlightId, FlightFacts> = HashMap::with_capacity(rows.len());
    for row in rows {
        let id = FlightId::from_raw(row.id);
        let cabin = cabin(&row)?;
        let flight = match flights.entry(id) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(flight(&row)?),
        };
        if let Some((index, facts)) = cabin {
            *flight
                .cabins
                .get_mut(index)
                .ok_or_else(|| unreadable("inventory.cabin"))? = Some(facts);
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
        cabins: [None; 4],
    })
}

/// The cabin of the row, if the flight has one there, with its position.
fn cabin(row: &FlightRow) -> Result<Option<(usize, CabinFacts)>, sqlx::Error> {
    let (Some(cabin), Some(capacity), Some(sold), Some(fare), Some(currency)) = (
        row.cabin,
        row.capacity,
        row.sold,
        row.fare_minor,
        &row.currency,
    ) else {
        return Ok(None);
    };
    let wrong = || unreadable(format!("inventory of flight {}", row.id));
    let facts = CabinFacts {
        capacity: u32::try_from(capacity).map_err(|_| wrong())?,
        sold: u32::try_from(sold).map_err(|_| wrong())?,
        fare: Money::from_minor(fare, parse_currency(currency).map_err(|_| wrong())?),
    };
    Ok(Some((usize::try_from(cabin).map_err(|_| wrong())?, facts)))
}
