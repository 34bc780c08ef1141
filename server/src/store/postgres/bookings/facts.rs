//! What a batch of commands is decided by, read under its locks.

use std::collections::{HashMap, HashSet};

use airside_common::flight::{Cabin, FlightId, SeatNumber};
use airside_common::locator::Locator;
use jiff::Timestamp;
use sqlx::PgTransaction;

use super::reading;
use crate::features::bookings::decide::{Facts, FlightFacts};
use crate::store::rows::bookings::flights::{FlightRow, flights};
use crate::store::rows::bookings::wanted::Wanted;
use crate::store::rows::decode;
use crate::store::rows::instant::StoredInstant;

/// Draws of locators before a batch gives up; each meets a taken one less than once in a hundred.
const DRAWS: u32 = 20;

/// All that is asked for each batch, in one look: the database's time in milliseconds, numbers of bookings (what a refused
/// command leaves is a gap), flights with their cabins, and which of the seats and locators wanted are taken.
const FACTS: &str = "
    SELECT date_trunc('milliseconds', clock_timestamp()),
           ARRAY(SELECT nextval('bookings_id_seq') FROM generate_series(1, $1)),
           (SELECT coalesce(json_agg(f), '[]')::text FROM (
                SELECT f.id, f.carrier, f.number, f.origin, f.destination, micros(f.departure) AS departure,
                       f.departure_offset, micros(f.arrival) AS arrival, f.arrival_offset, f.aircraft, f.status, i.cabin,
                       i.capacity, i.sold, i.fare_minor, i.currency
                FROM unnest($2::bigint[]) AS w (id)
                JOIN flights f ON f.id = w.id AND f.departure_date = departure_day(w.id)
                LEFT JOIN inventory i ON i.flight_id = f.id) f),
           (SELECT coalesce(json_agg(json_build_array(s.flight_id, s.seat)), '[]')::text
            FROM unnest($3::bigint[], $4::text[]) AS w (flight_id, seat)
            JOIN seats s ON s.flight_id = w.flight_id AND s.seat = w.seat),
           ARRAY(SELECT locator FROM bookings WHERE locator = ANY($5))";

type Row = (StoredInstant, Vec<i64>, String, String, Vec<String>);

/// The facts, and a number for each booking that may be made. Of the cabins to be booked those are there that are locked.
pub(super) async fn read(
    tx: &mut PgTransaction<'_>,
    wanted: &Wanted,
    locked: &HashSet<(FlightId, Cabin)>,
    draw: impl Fn() -> Locator,
) -> Result<(Facts, Vec<i64>), sqlx::Error> {
    let bookings = if wanted.bookings.is_empty() {
        Vec::new()
    } else {
        reading::by_locators(&mut **tx, &wanted.bookings).await?
    };
    let ids: Vec<i64> = wanted.flights.iter().map(|id| id.raw()).collect();
    let (of, seats): (Vec<i64>, Vec<String>) = wanted
        .seats
        .iter()
        .map(|(flight, seat)| (flight.raw(), seat.to_string()))
        .unzip();
    let mut free: HashSet<Locator> = (0..wanted.creates).map(|_| draw()).collect();
    let drawn: Vec<&str> = free.iter().map(Locator::as_str).collect();
    let (now, ids, flights, seats, known): Row = sqlx::query_as(FACTS)
        .bind(i64::try_from(wanted.creates).map_err(|error| sqlx::Error::Encode(error.into()))?)
        .bind(ids)
        .bind(of)
        .bind(seats)
        .bind(drawn)
        .fetch_one(&mut **tx)
        .await?;
    free.retain(|locator| !known.iter().any(|known| known == locator.as_str()));
    let facts = Facts {
        now: now.timestamp()?,
        flights: locked_cabins(&flights, wanted, locked)?,
        bookings: bookings
            .into_iter()
            .map(|stored| (stored.booking.locator, stored))
            .collect(),
        taken: taken(&seats)?,
        locators: free_locators(tx, free, wanted.creates, draw).await?,
    };
    Ok((facts, ids))
}

/// The database's time in milliseconds, and not that at which the transaction began: it may have waited for its locks.
pub(super) async fn now(tx: &mut PgTransaction<'_>) -> Result<Timestamp, sqlx::Error> {
    let now: StoredInstant =
        sqlx::query_scalar("SELECT date_trunc('milliseconds', clock_timestamp())")
            .fetch_one(&mut **tx)
            .await?;
    now.timestamp()
}

fn locked_cabins(
    json: &str,
    wanted: &Wanted,
    locked: &HashSet<(FlightId, Cabin)>,
) -> Result<HashMap<FlightId, FlightFacts>, sqlx::Error> {
    let rows: Vec<FlightRow> = serde_json::from_str(json).map_err(decode)?;
    let mut flights = flights(rows)?;
    for (id, cabin) in wanted.cabins.iter().filter(|at| !locked.contains(at)) {
        if let Some(flight) = flights.get_mut(id) {
            flight.cabins[cabin.index()] = None;
        }
    }
    Ok(flights)
}

fn taken(json: &str) -> Result<HashSet<(FlightId, SeatNumber)>, sqlx::Error> {
    let rows: Vec<(i64, SeatNumber)> = serde_json::from_str(json).map_err(decode)?;
    Ok(rows
        .into_iter()
        .map(|(flight, seat)| (FlightId::from_raw(flight), seat))
        .collect())
}

/// So many locators that no booking has: those that are known to be free, and others that are drawn where they are too few.
async fn free_locators(
    tx: &mut PgTransaction<'_>,
    mut free: HashSet<Locator>,
    count: usize,
    draw: impl Fn() -> Locator,
) -> Result<Vec<Locator>, sqlx::Error> {
    for _ in 0..DRAWS {
        if free.len() >= count {
            break;
        }
        let drawn: HashSet<Locator> = (free.len()..count).map(|_| draw()).collect();
        let texts: Vec<&str> = drawn.iter().map(Locator::as_str).collect();
        let taken: Vec<String> =
            sqlx::query_scalar("SELECT locator FROM bookings WHERE locator = ANY($1)")
                .bind(texts)
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
