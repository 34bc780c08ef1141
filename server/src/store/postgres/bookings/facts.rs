//! What a batch of commands is decided by, read under its locks.

use std::collections::{HashMap, HashSet};

use airside_common::flight::{Cabin, FlightId, SeatNumber};
use airside_common::locator::Locator;
use jiff::Timestamp;
use sqlx::PgTransaction;

use super::reading;
use crate::features::bookings::decide::{Facts, FlightFacts};
use crate::store::rows::bookings::flights::{FlightRow, flights};
use crate::store::rows::bookings::unreadable;
use crate::store::rows::bookings::wanted::Wanted;
use crate::store::rows::instant::StoredInstant;

/// Draws of locators before a batch gives up; each meets a taken one less than once in a hundred.
const DRAWS: u32 = 20;

/// The facts, and a number for each booking that may be made. Of the cabins to be booked those are there that are locked.
pub(super) async fn read(
    tx: &mut PgTransaction<'_>,
    wanted: &Wanted,
    locked: &HashSet<(FlightId, Cabin)>,
) -> Result<(Facts, Vec<i64>), sqlx::Error> {
    let (now, ids) = now_and_ids(tx, wanted.creates).await?;
    let bookings = if wanted.bookings.is_empty() {
        Vec::new()
    } else {
        reading::by_locators(&mut **tx, &wanted.bookings).await?
    };
    let mut flights = read_flights(tx, &wanted.flights).await?;
    for (id, cabin) in wanted.cabins.iter().filter(|at| !locked.contains(at)) {
        if let Some(flight) = flights.get_mut(id) {
            flight.cabins[cabin.index()] = None;
        }
    }
    let facts = Facts {
        now,
        flights,
        bookings: bookings
            .into_iter()
            .map(|stored| (stored.booking.locator, stored))
            .collect(),
        taken: read_taken(tx, &wanted.seats).await?,
        locators: free_locators(tx, wanted.creates, || Locator::random(&mut rand::rng())).await?,
    };
    Ok((facts, ids))
}

/// The database's time, and not that at which the transaction began: it may have waited for its locks.
pub(super) async fn now(tx: &mut PgTransaction<'_>) -> Result<Timestamp, sqlx::Error> {
    now_and_ids(tx, 0).await.map(|(now, _)| now)
}

/// The database's time in milliseconds, and so many numbers of bookings; what a refused command leaves is a gap.
async fn now_and_ids(
    tx: &mut PgTransaction<'_>,
    count: usize,
) -> Result<(Timestamp, Vec<i64>), sqlx::Error> {
    let (now, ids): (StoredInstant, Vec<i64>) = sqlx::query_as(
        "SELECT date_trunc('milliseconds', clock_timestamp()),
                ARRAY(SELECT nextval(pg_get_serial_sequence('bookings', 'id')) FROM generate_series(1, $1))",
    )
    .bind(i64::try_from(count).map_err(|error| sqlx::Error::Encode(error.into()))?)
    .fetch_one(&mut **tx)
    .await?;
    Ok((now.timestamp()?, ids))
}

/// Flights with their cabins. `OFFSET 0` has the cabins of each flight looked up: where nobody has analysed the tables yet,
/// the planner would read all of them and join what it finds, under the locks of the batch.
pub(super) const FLIGHTS: &str =
    "SELECT f.id, f.carrier, f.number, f.origin, f.destination, f.departure, f.departure_offset, f.arrival,
        f.arrival_offset, f.aircraft, f.status, i.cabin, i.capacity, i.sold, i.fare_minor, i.currency
     FROM flights f
     LEFT JOIN LATERAL (SELECT * FROM inventory WHERE flight_id = f.id OFFSET 0) i ON TRUE
     WHERE f.id = ANY($1)";

async fn read_flights(
    tx: &mut PgTransaction<'_>,
    ids: &[FlightId],
) -> Result<HashMap<FlightId, FlightFacts>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    let rows: Vec<FlightRow> = sqlx::query_as(FLIGHTS)
        .bind(ids)
        .fetch_all(&mut **tx)
        .await?;
    flights(rows)
}

async fn read_taken(
    tx: &mut PgTransaction<'_>,
    wanted: &[(FlightId, SeatNumber)],
) -> Result<HashSet<(FlightId, SeatNumber)>, sqlx::Error> {
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let (flights, seats): (Vec<i64>, Vec<String>) = wanted
        .iter()
        .map(|(flight, seat)| (flight.raw(), seat.to_string()))
        .unzip();
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT s.flight_id, s.seat
         FROM unnest($1::bigint[], $2::text[]) AS w (flight_id, seat)
         JOIN seats s ON s.flight_id = w.flight_id AND s.seat = w.seat",
    )
    .bind(flights)
    .bind(seats)
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
    tx: &mut PgTransaction<'_>,
    count: usize,
    draw: impl Fn() -> Locator,
) -> Result<Vec<Locator>, sqlx::Error> {
    let mut free = HashSet::with_capacity(count);
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
