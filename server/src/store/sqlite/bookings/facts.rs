//! What a batch of commands is decided by, read in the transaction that writes.

use std::collections::{HashMap, HashSet};

use airside_common::flight::{AircraftCode, FlightId, FlightNumber, SeatNumber};
use airside_common::locator::Locator;
use airside_common::money::{Money, parse_currency};
use airside_common::time::OffsetTime;
use jiff::Timestamp;
use jiff::tz::Offset;
use sqlx::sqlite::SqliteTransaction;

use super::{instant, reading, unreadable};
use crate::features::bookings::command::{Action, Command};
use crate::features::bookings::decide::{CabinFacts, Facts, FlightFacts};
use crate::store::sqlite::idempotency::json;

/// Draws of locators before a batch gives up; each meets a taken one less than once in a hundred.
const DRAWS: u32 = 20;

/// The facts, and the number of the newest booking.
pub(super) async fn read(
    tx: &mut SqliteTransaction<'_>,
    commands: &[Command],
) -> Result<(Facts, i64), sqlx::Error> {
    let mut flights = Vec::new();
    let mut seats = Vec::new();
    let mut named = Vec::new();
    let mut creates = 0;
    for command in commands {
        match &command.action {
            Action::Create(body) => {
                creates += 1;
                flights.extend(body.segments.iter().map(|s| s.flight_id));
                for choice in body.seats.iter().flatten() {
                    let segment = usize::from(choice.segment).checked_sub(1);
                    if let Some(segment) = segment.and_then(|at| body.segments.get(at)) {
                        seats.push((segment.flight_id.raw(), choice.seat));
                    }
                }
            }
            Action::Cancel { locator, .. } => named.push(*locator),
        }
    }
    let (now, last_id) = now_and_last_id(tx).await?;
    named.sort_unstable();
    named.dedup();
    let bookings = if named.is_empty() {
        Vec::new()
    } else {
        reading::by_locators(&mut **tx, &named).await?
    };
    let facts = Facts {
        now,
        flights: read_flights(tx, flights).await?,
        bookings: bookings
            .into_iter()
            .map(|stored| (stored.booking.locator, stored))
            .collect(),
        taken: read_taken(tx, &seats).await?,
        locators: free_locators(tx, creates, || Locator::random(&mut rand::rng())).await?,
    };
    Ok((facts, last_id))
}

/// The database's time, and the number of the newest booking.
pub(super) async fn now_and_last_id(
    tx: &mut SqliteTransaction<'_>,
) -> Result<(Timestamp, i64), sqlx::Error> {
    let (now, last_id): (i64, i64) = sqlx::query_as(
        "SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000,
                (SELECT coalesce(max(id), 0) FROM bookings)",
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((instant(now)?, last_id))
}

#[derive(sqlx::FromRow)]
struct FlightRow {
    id: i64,
    carrier: String,
    number: i64,
    origin: String,
    destination: String,
    departure: i64,
    departure_offset: i64,
    arrival: i64,
    arrival_offset: i64,
    aircraft: String,
    status: String,
    cabin: Option<i64>,
    capacity: Option<i64>,
    sold: Option<i64>,
    fare_minor: Option<i64>,
    currency: Option<String>,
}

async fn read_flights(
    tx: &mut SqliteTransaction<'_>,
    mut ids: Vec<FlightId>,
) -> Result<HashMap<FlightId, FlightFacts>, sqlx::Error> {
    ids.sort_unstable();
    ids.dedup();
    let mut flights = HashMap::with_capacity(ids.len());
    if ids.is_empty() {
        return Ok(flights);
    }
    let ids: Vec<i64> = ids.into_iter().map(FlightId::raw).collect();
    let rows: Vec<FlightRow> = sqlx::query_as(
        "SELECT f.id, f.carrier, f.number, f.origin, f.destination, f.departure, f.departure_offset, f.arrival,
                f.arrival_offset, f.aircraft, f.status, i.cabin, i.capacity, i.sold, i.fare_minor, i.currency
         FROM json_each(?1) j
         CROSS JOIN flights f ON f.id = j.value
         LEFT JOIN inventory i ON i.flight_id = f.id",
    )
    .bind(json(&ids)?)
    .fetch_all(&mut **tx)
    .await?;
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
        departure: offset_time(row.departure, row.departure_offset)?,
        arrival: offset_time(row.arrival, row.arrival_offset)?,
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

/// A time as two columns hold it.
pub(super) fn offset_time(micros: i64, offset: i64) -> Result<OffsetTime, sqlx::Error> {
    let offset = i32::try_from(offset)
        .ok()
        .and_then(|seconds| Offset::from_seconds(seconds).ok())
        .ok_or_else(|| unreadable("an offset beyond a day"))?;
    Ok(OffsetTime::new(instant(micros)?, offset))
}

async fn read_taken(
    tx: &mut SqliteTransaction<'_>,
    wanted: &[(i64, SeatNumber)],
) -> Result<HashSet<(FlightId, SeatNumber)>, sqlx::Error> {
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT s.flight_id, s.seat
         FROM json_each(?1) j
         CROSS JOIN seats s ON s.flight_id = j.value ->> 0 AND s.seat = j.value ->> 1",
    )
    .bind(json(&wanted)?)
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|(flight, seat)| {
            let seat = seat.parse().map_err(|_| unreadable("seats.seat"))?;
            Ok((FlightId::from_raw(flight), seat))
        })
        .collect()
}

/// So many locators that no booking has; those that exist are drawn again.
pub(super) async fn free_locators(
    tx: &mut SqliteTransaction<'_>,
    count: usize,
    draw: impl Fn() -> Locator,
) -> Result<Vec<Locator>, sqlx::Error> {
    let mut free = HashSet::with_capacity(count);
    for _ in 0..DRAWS {
        if free.len() >= count {
            break;
        }
        let drawn: HashSet<Locator> = (free.len()..count).map(|_| draw()).collect();
        let drawn: Vec<Locator> = drawn.into_iter().collect();
        let taken: Vec<String> = sqlx::query_scalar(
            "SELECT b.locator FROM json_each(?1) j CROSS JOIN bookings b ON b.locator = j.value",
        )
        .bind(json(&drawn)?)
        .fetch_all(&mut **tx)
        .await?;
        free.extend(
            drawn
                .into_iter()
                .filter(|locator| !taken.iter().any(|t| t == locator.as_str())),
        );
    }
    Ok(free.into_iter().collect())
}
