//! What a batch of commands is decided by, read under its locks.

use std::collections::{HashMap, HashSet};

use airside_common::flight::{Cabin, FlightId, SeatNumber};
use airside_common::locator::Locator;
use jiff::Timestamp;
use sqlx::PgConnection;

use super::columns::{CabinColumns, FlightColumns};
use super::reading;
use crate::features::bookings::command::Command;
use crate::features::bookings::decide::{Facts, FlightFacts, Move, Stored};
use crate::store::postgres::idempotency::KeyColumns;
use crate::store::rows::bookings::answers::AnswerRow;
use crate::store::rows::bookings::flights::{MoveRow, flights, moves};
use crate::store::rows::bookings::wanted::Wanted;
use crate::store::rows::decode;
use crate::store::rows::instant::StoredInstant;

/// Draws of locators before a batch gives up; each meets a taken one less than once in a hundred.
const DRAWS: u32 = 20;

/// All that is asked for each batch, in one look: the database's time in milliseconds, numbers of bookings (what a refused
/// command leaves is a gap), flights with their cabins, which of the seats and locators wanted are taken, and what was
/// answered to keys before.
const FACTS: &str = "
    SELECT date_trunc('milliseconds', clock_timestamp()) AS now,
           ARRAY(SELECT nextval('bookings_id_seq') FROM generate_series(1, $1)) AS ids,
           (SELECT coalesce(json_agg(json_build_array(s.flight_id, s.seat)), '[]')::text
            FROM unnest($3::bigint[], $4::text[]) AS w (flight_id, seat)
            JOIN seats s ON s.flight_id = w.flight_id AND s.seat = w.seat) AS seats,
           ARRAY(SELECT locator FROM bookings WHERE locator = ANY($5)) AS locators,
           (SELECT coalesce(json_agg(json_build_array(
                       k.at - 1, i.fingerprint = k.fingerprint, i.status, i.body, i.locator, i.version)), '[]')::text
            FROM unnest($6::text[], $7::text[], $8::bytea[]) WITH ORDINALITY AS k (user_id, key, fingerprint, at)
            JOIN idempotency i ON i.user_id = k.user_id AND i.key = k.key) AS answers,
           flight.*, cabin.*
    FROM (SELECT array_agg(id), array_agg(carrier), array_agg(number), array_agg(origin), array_agg(destination),
                 array_agg(departure), array_agg(departure_offset), array_agg(arrival), array_agg(arrival_offset),
                 array_agg(aircraft), array_agg(status), array_agg(version)
          FROM unnest($2::bigint[]) AS w (wanted)
          JOIN flights ON id = wanted AND departure_date = departure_day(wanted)) AS flight
         (id, carrier, number, origin, destination, departure, departure_offset, arrival, arrival_offset, aircraft, status, version),
         (SELECT array_agg(flight_id), array_agg(cabin), array_agg(capacity), array_agg(sold), array_agg(fare_minor),
                 array_agg(currency)
          FROM unnest($2::bigint[]) AS w (wanted) JOIN inventory ON flight_id = wanted) AS cabin
         (flight_id, cabin, capacity, sold, fare_minor, currency)";

#[derive(sqlx::FromRow)]
struct Row {
    now: StoredInstant,
    ids: Vec<i64>,
    seats: String,
    locators: Vec<String>,
    answers: String,
    #[sqlx(flatten)]
    flights: FlightColumns,
    #[sqlx(flatten)]
    cabins: CabinColumns,
}

/// What is known before a batch is decided.
pub(super) struct Known {
    pub(super) facts: Facts,
    /// A number for each booking that may be made.
    pub(super) ids: Vec<i64>,
    /// Answers that were given before.
    pub(super) answers: Vec<AnswerRow>,
}

/// What is known, those who wait included. Of the cabins whose seats may be taken those are there that are locked.
pub(super) async fn read(
    tx: &mut PgConnection,
    commands: &[Command],
    wanted: &Wanted,
    waiting: Vec<Locator>,
    locked: &HashSet<(FlightId, Cabin)>,
    draw: impl Fn() -> Locator,
) -> Result<Known, sqlx::Error> {
    let named = wanted.bookings_with(&waiting);
    let bookings = if named.is_empty() {
        Vec::new()
    } else {
        reading::by_locators(&mut *tx, &named).await?
    };
    let ids = wanted.flights_with(&bookings);
    let (of, seats): (Vec<i64>, Vec<String>) = wanted
        .seats
        .iter()
        .map(|(flight, seat)| (flight.raw(), seat.to_string()))
        .unzip();
    let mut free: HashSet<Locator> = (0..wanted.creates).map(|_| draw()).collect();
    let drawn: Vec<&str> = free.iter().map(Locator::as_str).collect();
    let keys = KeyColumns::of(commands.iter().filter_map(Command::asked));
    let row: Row = sqlx::query_as(FACTS)
        .bind(i64::try_from(wanted.creates).map_err(|error| sqlx::Error::Encode(error.into()))?)
        .bind(&ids)
        .bind(of)
        .bind(seats)
        .bind(drawn)
        .bind(keys.users)
        .bind(keys.keys)
        .bind(keys.fingerprints)
        .fetch_one(&mut *tx)
        .await?;
    free.retain(|locator| !row.locators.iter().any(|known| known == locator.as_str()));
    let facts = Facts {
        moves: if wanted.tells_moves {
            read_moves(tx, &ids).await?
        } else {
            HashMap::new()
        },
        now: row.now.timestamp()?,
        flights: locked_cabins(flights(row.flights, row.cabins)?, wanted, &bookings, locked),
        waiting,
        bookings: bookings
            .into_iter()
            .map(|stored| (stored.booking.locator, stored))
            .collect(),
        taken: taken(&row.seats)?,
        locators: free_locators(tx, free, wanted.creates, draw).await?,
    };
    Ok(Known {
        facts,
        ids: row.ids,
        answers: serde_json::from_str(&row.answers).map_err(decode)?,
    })
}

/// What has happened to flights.
async fn read_moves(
    tx: &mut PgConnection,
    ids: &[i64],
) -> Result<HashMap<FlightId, Vec<Move>>, sqlx::Error> {
    let found: Vec<MoveRow> = sqlx::query_as(
        "SELECT flight_id, version, departure, departure_offset, arrival, arrival_offset
         FROM schedule_changes WHERE flight_id = ANY ($1) ORDER BY version",
    )
    .bind(ids)
    .fetch_all(&mut *tx)
    .await?;
    moves(found)
}

/// The database's time in milliseconds, and not that at which the transaction began: it may have waited for its locks.
pub(super) async fn now(tx: &mut PgConnection) -> Result<Timestamp, sqlx::Error> {
    let now: StoredInstant =
        sqlx::query_scalar("SELECT date_trunc('milliseconds', clock_timestamp())")
            .fetch_one(&mut *tx)
            .await?;
    now.timestamp()
}

fn locked_cabins(
    mut flights: HashMap<FlightId, FlightFacts>,
    wanted: &Wanted,
    bookings: &[Stored],
    locked: &HashSet<(FlightId, Cabin)>,
) -> HashMap<FlightId, FlightFacts> {
    let held = bookings.iter().flat_map(|stored| &stored.booking.segments);
    let held = held.map(|segment| (segment.flight_id, segment.cabin));
    let may_change = wanted.cabins.iter().copied().chain(held);
    for (id, cabin) in may_change.filter(|at| !locked.contains(at)) {
        if let Some(flight) = flights.get_mut(&id) {
            flight.cabins[cabin.index()] = None;
        }
    }
    flights
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
    tx: &mut PgConnection,
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
                .fetch_all(&mut *tx)
                .await?;
        free.extend(
            drawn
                .into_iter()
                .filter(|locator| !taken.iter().any(|t| t == locator.as_str())),
        );
    }
    Ok(free.into_iter().collect())
}
