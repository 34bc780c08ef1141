//! What a batch of commands is decided by, read in the transaction that writes.

use std::collections::{HashMap, HashSet};

use airside_common::flight::{FlightId, SeatNumber};
use airside_common::locator::Locator;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteTransaction;

use super::{reading, waiting};
use crate::features::bookings::command::Command;
use crate::features::bookings::decide::{Facts, FlightFacts, Move};
use crate::store::rows::bookings::flights::{CabinRow, FlightRow, MoveRow, flights, moves};
use crate::store::rows::bookings::wanted::Wanted;
use crate::store::rows::bookings::{json, unreadable};
use crate::store::rows::instant::StoredInstant;

/// Draws of locators before a batch gives up; each meets a taken one less than once in a hundred.
const DRAWS: u32 = 20;

/// The facts, and the number of the newest booking.
pub(super) async fn read(
    tx: &mut SqliteTransaction<'_>,
    commands: &[Command],
) -> Result<(Facts, i64), sqlx::Error> {
    let wanted = Wanted::by(commands);
    let (now, last_id) = now_and_last_id(tx).await?;
    let waiting = waiting::who_may_have_seats(tx, &wanted).await?;
    let locators = wanted.bookings_with(&waiting);
    let bookings = if locators.is_empty() {
        Vec::new()
    } else {
        reading::by_locators(&mut **tx, &locators).await?
    };
    let ids = wanted.flights_with(&bookings);
    let facts = Facts {
        now,
        moves: if wanted.tells_moves {
            read_moves(tx, &ids).await?
        } else {
            HashMap::new()
        },
        flights: read_flights(tx, &ids).await?,
        waiting,
        bookings: bookings
            .into_iter()
            .map(|stored| (stored.booking.locator, stored))
            .collect(),
        taken: read_taken(tx, &wanted.seats).await?,
        locators: free_locators(tx, wanted.creates, || Locator::random(&mut rand::rng())).await?,
    };
    Ok((facts, last_id))
}

/// The database's time.
pub(super) async fn now(connection: &mut SqliteConnection) -> Result<Timestamp, sqlx::Error> {
    let now: i64 =
        sqlx::query_scalar("SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000")
            .fetch_one(connection)
            .await?;
    StoredInstant(now).timestamp()
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
    Ok((StoredInstant(now).timestamp()?, last_id))
}

async fn read_flights(
    tx: &mut SqliteTransaction<'_>,
    ids: &[i64],
) -> Result<HashMap<FlightId, FlightFacts>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = json(&ids)?;
    let found: Vec<FlightRow> = sqlx::query_as(
        "SELECT f.id, f.carrier, f.number, f.origin, f.destination, f.departure, f.departure_offset, f.arrival,
                f.arrival_offset, f.aircraft, f.status, f.version
         FROM json_each(?1) j CROSS JOIN flights f ON f.id = j.value",
    )
    .bind(&ids)
    .fetch_all(&mut **tx)
    .await?;
    let cabins: Vec<CabinRow> = sqlx::query_as(
        "SELECT i.flight_id, i.cabin, i.capacity, i.sold, i.fare_minor, i.currency
         FROM json_each(?1) j CROSS JOIN inventory i ON i.flight_id = j.value",
    )
    .bind(&ids)
    .fetch_all(&mut **tx)
    .await?;
    flights(found, cabins)
}

/// What has happened to flights.
async fn read_moves(
    tx: &mut SqliteTransaction<'_>,
    ids: &[i64],
) -> Result<HashMap<FlightId, Vec<Move>>, sqlx::Error> {
    let found: Vec<MoveRow> = sqlx::query_as(
        "SELECT c.flight_id, c.version, c.departure, c.departure_offset, c.arrival, c.arrival_offset
         FROM json_each(?1) j CROSS JOIN schedule_changes c ON c.flight_id = j.value ORDER BY c.version",
    )
    .bind(json(&ids)?)
    .fetch_all(&mut **tx)
    .await?;
    moves(found)
}

async fn read_taken(
    tx: &mut SqliteTransaction<'_>,
    wanted: &[(FlightId, SeatNumber)],
) -> Result<HashSet<(FlightId, SeatNumber)>, sqlx::Error> {
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let wanted: Vec<(i64, SeatNumber)> =
        wanted.iter().map(|(id, seat)| (id.raw(), *seat)).collect();
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
