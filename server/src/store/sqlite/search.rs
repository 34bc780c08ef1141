//! The schedule and the seats for search, on SQLite.

use airside_common::flight::{FlightId, FlightNumber};
use airside_common::money::{Money, parse_currency};
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::FromRow;

use super::flights::offset_time;
use super::{Sqlite, micros};
use crate::features::flights::store::CabinTerms;
use crate::features::search::store::{FlightOffers, ScheduledFlight, SearchStore};
use crate::store::StoreError;

#[derive(FromRow)]
struct ScheduleRow {
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
    version: i64,
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
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
            departure: offset_time(row.departure, row.departure_offset)?,
            arrival: offset_time(row.arrival, row.arrival_offset)?,
            aircraft: row.aircraft.parse().map_err(decode)?,
            version: u64::try_from(row.version).map_err(decode)?,
        })
    }
}

fn flights(rows: Vec<ScheduleRow>) -> Result<Vec<ScheduledFlight>, StoreError> {
    let flights: Result<Vec<_>, _> = rows.into_iter().map(TryInto::try_into).collect();
    Ok(flights?)
}

fn id_list(ids: &[FlightId]) -> String {
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(","))
}

#[async_trait]
impl SearchStore for Sqlite {
    async fn schedule(
        &self,
        departing_after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<ScheduledFlight>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT id, carrier, number, origin, destination, departure, departure_offset, arrival, arrival_offset, \
             aircraft, version FROM flights \
             WHERE id > ?1 AND status = 'scheduled' AND +departure > ?2 ORDER BY id LIMIT ?3",
        )
        .bind(behind.raw())
        .bind(micros(departing_after))
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        flights(rows)
    }

    async fn scheduled(&self, ids: &[FlightId]) -> Result<Vec<ScheduledFlight>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT id, carrier, number, origin, destination, departure, departure_offset, arrival, arrival_offset, \
             aircraft, version FROM flights \
             WHERE id IN (SELECT value FROM json_each(?1)) AND status = 'scheduled'",
        )
        .bind(id_list(ids))
        .fetch_all(self.readers())
        .await?;
        flights(rows)
    }

    async fn versions(
        &self,
        departing_after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<(FlightId, u64)>, StoreError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT id, version FROM flights \
             WHERE id > ?1 AND status = 'scheduled' AND +departure > ?2 ORDER BY id LIMIT ?3",
        )
        .bind(behind.raw())
        .bind(micros(departing_after))
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        let versions: Result<Vec<_>, sqlx::Error> = rows
            .into_iter()
            .map(|(id, version)| {
                Ok((
                    FlightId::from_raw(id),
                    u64::try_from(version).map_err(decode)?,
                ))
            })
            .collect();
        Ok(versions?)
    }

    async fn offers(&self, ids: &[FlightId]) -> Result<Vec<FlightOffers>, StoreError> {
        let rows: Vec<(i64, i64, i64, i64, String)> = sqlx::query_as(
            "SELECT flight_id, cabin, capacity - sold, fare_minor, currency FROM inventory \
             WHERE flight_id IN (SELECT value FROM json_each(?1)) ORDER BY flight_id, cabin",
        )
        .bind(id_list(ids))
        .fetch_all(self.readers())
        .await?;
        let mut offers: Vec<FlightOffers> = Vec::with_capacity(ids.len());
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
}
