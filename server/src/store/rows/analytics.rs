//! Figures as they are read, and what events mean for them.

use airside_common::api::analytics::{LoadFactor, UnservedSearches};
use airside_common::event::Event;
use airside_common::flight::{Cabin, FlightId};
use airside_common::locator::Locator;
use airside_common::money::parse_currency;
use airside_common::time::CalendarDate;
use jiff::civil::Date;
use sqlx::FromRow;

use super::decode;
use super::instant::StoredInstant;
use crate::features::analytics::store::SalesSum;
use crate::features::bookings::decide::WAITLISTED;
use crate::messages::consumer::Delivery;

/// The column of a cabin where none was asked for.
const ANY: i64 = -1;

/// What the history says of a booking that began without seats, as a pattern.
pub(crate) fn began_without_seats() -> String {
    format!("%{WAITLISTED}")
}

/// Searches that found no seats: a day, where from and to, the cabin's position, and how many.
pub(crate) type UnservedRow = (String, String, String, i64, i64);

/// What messages say: bookings that have changed, and searches.
pub(crate) fn told(batch: &[&Delivery]) -> (Vec<Locator>, Vec<UnservedRow>) {
    let (mut bookings, mut searches) = (Vec::new(), Vec::new());
    for delivery in batch {
        match &delivery.envelope.event {
            Event::SearchesUnserved { day, searches: of } => {
                searches.extend(of.iter().map(|one| {
                    let cabin = one
                        .cabin
                        .map_or(Ok(ANY), |cabin| i64::try_from(cabin.index()));
                    (
                        day.to_string(),
                        one.origin.to_string(),
                        one.destination.to_string(),
                        cabin.unwrap_or(ANY),
                        i64::try_from(one.count).unwrap_or(i64::MAX),
                    )
                }));
            }
            other => bookings.extend(other.booking().map(|booking| booking.locator)),
        }
    }
    bookings.sort_unstable();
    bookings.dedup();
    // In one order, so that two who count do not wait for each other.
    searches.sort_unstable();
    (bookings, searches)
}

/// Searches as they are listed.
pub(crate) fn unserved(row: UnservedRow) -> Result<UnservedSearches, sqlx::Error> {
    let (day, origin, destination, cabin, count) = row;
    let cabin = usize::try_from(cabin)
        .ok()
        .and_then(|cabin| Cabin::ALL.get(cabin));
    Ok(UnservedSearches {
        day: CalendarDate(day.parse::<Date>().map_err(decode)?),
        origin: origin.parse().map_err(decode)?,
        destination: destination.parse().map_err(decode)?,
        cabin: cabin.copied(),
        searches: count.cast_unsigned(),
    })
}

#[derive(FromRow)]
pub(crate) struct SalesRow {
    key: String,
    currency: String,
    booked: i64,
    revenue: i64,
    cancelled: i64,
    refunded: i64,
    lead_days: i64,
}

impl TryFrom<SalesRow> for SalesSum {
    type Error = sqlx::Error;

    fn try_from(row: SalesRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            key: row.key,
            currency: parse_currency(&row.currency).map_err(decode)?,
            booked: row.booked.cast_unsigned(),
            revenue: row.revenue,
            cancelled: row.cancelled.cast_unsigned(),
            refunded: row.refunded,
            lead_days: u64::try_from(row.lead_days).unwrap_or(0),
        })
    }
}

#[derive(FromRow)]
pub(crate) struct LoadRow {
    id: i64,
    carrier: String,
    number: i64,
    origin: String,
    destination: String,
    departure: StoredInstant,
    departure_offset: i32,
    capacity: i64,
    booked: i64,
}

impl TryFrom<LoadRow> for LoadFactor {
    type Error = sqlx::Error;

    fn try_from(row: LoadRow) -> Result<Self, sqlx::Error> {
        let capacity = u32::try_from(row.capacity).map_err(decode)?;
        let booked = u32::try_from(row.booked).map_err(decode)?;
        let number = u16::try_from(row.number).map_err(decode)?;
        Ok(Self {
            flight_id: FlightId::from_raw(row.id),
            carrier: row.carrier.parse().map_err(decode)?,
            number: number.to_string().parse().map_err(decode)?,
            origin: row.origin.parse().map_err(decode)?,
            destination: row.destination.parse().map_err(decode)?,
            departure: row.departure.with_offset(row.departure_offset)?,
            capacity,
            booked,
            load_factor: f64::from(booked) / f64::from(capacity.max(1)),
        })
    }
}
