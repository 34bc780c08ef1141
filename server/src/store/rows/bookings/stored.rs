//! Whole bookings as they are read.

use airside_common::api::bookings::{
    Booking, Contact, HistoryEntry, Passenger, SeatChoice, Segment,
};
use airside_common::booking::OperationKey;
use airside_common::flight::{Cabin, FlightId, FlightNumber};
use airside_common::money::{Currency, Money, parse_currency};
use airside_common::time::{Instant, OffsetTime};
use airside_common::user::SYSTEM;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::unreadable;
use crate::features::bookings::decide::{SegmentTerms, Stored};
use crate::store::rows::instant::StoredInstant;

/// A booking with its segments, passengers and seats as JSON: one row, one consistent look.
#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    id: i64,
    locator: String,
    office: String,
    created_by: String,
    username: String,
    operation: String,
    status: String,
    version: i64,
    contact_email: Option<String>,
    contact_phone: Option<String>,
    total_minor: i64,
    currency: String,
    time_limit: Option<StoredInstant>,
    is_warned: bool,
    created_at: StoredInstant,
    updated_at: StoredInstant,
    segments: String,
    passengers: String,
    seats: String,
}

/// Flight, carrier, number, origin, destination, departure with offset, arrival with offset, aircraft, cabin, status; then the
/// flight's version that is known, the fare, when it was booked and when it ended, and departure and arrival before.
#[derive(Deserialize)]
struct SegmentRow(
    i64,
    String,
    u16,
    String,
    String,
    i64,
    i32,
    i64,
    i32,
    String,
    usize,
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i32>,
    Option<i64>,
    Option<i32>,
);

/// The booking of a row.
pub(crate) fn stored(row: &Row) -> Result<Stored, sqlx::Error> {
    let wrong = |what: &str| unreadable(format!("bookings.{what} of {}", row.locator));
    let rows: Vec<SegmentRow> = list_of(&row.segments)?;
    let segments: Result<Vec<Segment>, sqlx::Error> = rows.iter().map(segment).collect();
    let passengers: Vec<Passenger> = list_of(&row.passengers)?;
    let seats: Vec<SeatChoice> = list_of(&row.seats)?;
    let currency = parse_currency(&row.currency).map_err(|_| wrong("currency"))?;
    let terms = rows.iter().map(|row| terms(row, currency));
    let terms: Vec<SegmentTerms> = terms.collect::<Result<_, _>>()?;
    let booking = Booking {
        locator: row.locator.parse().map_err(|_| wrong("locator"))?,
        status: row.status.parse().map_err(|_| wrong("status"))?,
        version: u64::try_from(row.version).map_err(|_| wrong("version"))?,
        segments: segments?,
        passengers,
        seats,
        contact: Contact {
            email: optional(row.contact_email.as_deref()).map_err(|()| wrong("contact_email"))?,
            phone: optional(row.contact_phone.as_deref()).map_err(|()| wrong("contact_phone"))?,
        },
        total: Money::from_minor(row.total_minor, currency),
        time_limit: row
            .time_limit
            .map(StoredInstant::timestamp)
            .transpose()?
            .map(Instant),
        office: row.office.parse().map_err(|_| wrong("office"))?,
        created_by: row.username.parse().map_err(|_| wrong("created_by"))?,
        created_at: Instant(row.created_at.timestamp()?),
        updated_at: Instant(row.updated_at.timestamp()?),
        operation: Some(
            row.operation
                .parse::<OperationKey>()
                .map_err(|_| wrong("operation"))?,
        ),
    };
    Ok(Stored {
        id: row.id,
        made_by: row.created_by.parse().map_err(|_| wrong("created_by"))?,
        is_warned: row.is_warned,
        booking,
        terms,
    })
}

fn segment(row: &SegmentRow) -> Result<Segment, sqlx::Error> {
    let wrong = |what: &str| unreadable(format!("a segment's {what} on flight {}", row.0));
    Ok(Segment {
        flight_id: FlightId::from_raw(row.0),
        carrier: row.1.parse().map_err(|_| wrong("carrier"))?,
        number: FlightNumber::new(row.2).map_err(|_| wrong("number"))?,
        origin: row.3.parse().map_err(|_| wrong("origin"))?,
        destination: row.4.parse().map_err(|_| wrong("destination"))?,
        departure: StoredInstant(row.5).with_offset(row.6)?,
        arrival: StoredInstant(row.7).with_offset(row.8)?,
        aircraft: row.9.parse().map_err(|_| wrong("aircraft"))?,
        cabin: *Cabin::ALL.get(row.10).ok_or_else(|| wrong("cabin"))?,
        status: row.11.parse().map_err(|_| wrong("status"))?,
        previous_departure: with_offset(row.16, row.17)?,
        previous_arrival: with_offset(row.18, row.19)?,
    })
}

fn with_offset(
    instant: Option<i64>,
    offset: Option<i32>,
) -> Result<Option<OffsetTime>, sqlx::Error> {
    let both = instant.zip(offset);
    both.map(|(instant, offset)| StoredInstant(instant).with_offset(offset))
        .transpose()
}

fn terms(row: &SegmentRow, currency: Currency) -> Result<SegmentTerms, sqlx::Error> {
    let instant = |stored: Option<i64>| stored.map(|at| StoredInstant(at).timestamp()).transpose();
    Ok(SegmentTerms {
        version: row.12.map(i64::cast_unsigned),
        fare: row.13.map(|minor| Money::from_minor(minor, currency)),
        booked_at: instant(row.14)?,
        ended_at: instant(row.15)?,
    })
}

fn list_of<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn optional<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, ()> {
    text.map(|text| text.parse().map_err(|_| ())).transpose()
}

/// What happened to a booking, and the name of who did it; absent where nobody asked for it.
#[derive(sqlx::FromRow)]
pub(crate) struct HistoryRow {
    version: i64,
    at: StoredInstant,
    username: Option<String>,
    action: String,
    detail: String,
}

/// The entry of a row.
pub(crate) fn entry(row: HistoryRow) -> Result<HistoryEntry, sqlx::Error> {
    Ok(HistoryEntry {
        version: row.version.cast_unsigned(),
        at: Instant(row.at.timestamp()?),
        by: row
            .username
            .as_deref()
            .unwrap_or(SYSTEM)
            .parse()
            .map_err(|_| unreadable("users.username"))?,
        action: row.action,
        detail: row.detail,
    })
}
