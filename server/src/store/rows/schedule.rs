//! The schedule and the seats that are left, as search reads them.

use airside_common::flight::{FlightId, FlightNumber};
use airside_common::money::{Money, parse_currency};
use sqlx::FromRow;

use super::decode;
use super::instant::StoredInstant;
use crate::features::flights::store::CabinTerms;
use crate::features::search::store::{FlightOffers, ScheduledFlight};

/// A flight without its cabins.
#[derive(FromRow)]
pub(crate) struct ScheduleRow {
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
    version: i64,
}

impl TryFrom<ScheduleRow> for ScheduledFlight {
    type Error = sqlx::Error;

    fn try_from(row: ScheduleRow) -> Result<Self, sqlx::Error> {
        let number = u16::try_from(row.number).map_err(decode)?;
        Ok(Self {
            id: FlightId::from_raw(row.id),
            carrier: row.carrier.parse().map_err(decode)?,
            number: FlightNumber::new(number).map_err(decode)?,
            origin: row.origin.parse().map_err(decode)?,
            destination: row.destination.parse().map_err(decode)?,
            departure: row.departure.with_offset(row.departure_offset)?,
            arrival: row.arrival.with_offset(row.arrival_offset)?,
            aircraft: row.aircraft.parse().map_err(decode)?,
            version: u64::try_from(row.version).map_err(decode)?,
        })
    }
}

/// The flights of rows.
pub(crate) fn scheduled(rows: Vec<ScheduleRow>) -> Result<Vec<ScheduledFlight>, sqlx::Error> {
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Identities with versions.
pub(crate) fn versions(rows: Vec<(i64, i64)>) -> Result<Vec<(FlightId, u64)>, sqlx::Error> {
    rows.into_iter()
        .map(|(id, version)| {
            let version = u64::try_from(version).map_err(decode)?;
            Ok((FlightId::from_raw(id), version))
        })
        .collect()
}

/// The offers of cabins (flight, cabin, seats left, fare, currency) that stand together by flight.
pub(crate) fn offers(
    rows: Vec<(i64, i64, i64, i64, String)>,
) -> Result<Vec<FlightOffers>, sqlx::Error> {
    let mut offers: Vec<FlightOffers> = Vec::new();
    for (id, cabin, available, fare, currency) in rows {
        let id = FlightId::from_raw(id);
        if offers.last().is_none_or(|last| last.id != id) {
            offers.push(FlightOffers {
                id,
                cabins: [None; 4],
            });
        }
        let cabin = usize::try_from(cabin).map_err(decode)?;
        let slot = offers
            .last_mut()
            .and_then(|last| last.cabins.get_mut(cabin));
        if let Some(slot) = slot {
            *slot = Some(CabinTerms {
                capacity: u32::try_from(available).map_err(decode)?,
                fare: Money::from_minor(fare, parse_currency(&currency).map_err(decode)?),
            });
        }
    }
    Ok(offers)
}
