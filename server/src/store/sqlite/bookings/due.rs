//! What is due.

use airside_common::flight::FlightId;
use sqlx::{SqliteConnection, SqlitePool};

use super::facts;
use crate::features::bookings::command::Duty;
use crate::features::bookings::store::Look;
use crate::store::rows::bookings::due::{clearing, of_bookings};
use crate::store::rows::bookings::json;
use crate::store::sqlite::micros;

/// Held bookings whose time limit has passed by ?1, the earliest first.
const OVERDUE: &str = "SELECT locator FROM bookings INDEXED BY bookings_held
     WHERE status = 'held' AND time_limit <= ?1 ORDER BY time_limit LIMIT ?2";

/// Of waiting segments `s` their bookings, where a flight of theirs is gone at ?1.
macro_rules! stranded {
    ($waiting:literal) => {
        concat!(
            "SELECT DISTINCT b.locator FROM ",
            $waiting,
            " CROSS JOIN flights f ON f.id = s.flight_id CROSS JOIN bookings b ON b.id = s.booking_id
             WHERE s.status = 'HL' AND (f.status = 'cancelled' OR f.departure <= ?1) LIMIT ?2"
        )
    };
}

/// Of waiting segments `s` their flights, where there are seats for the party on all its flights, and these leave after ?1.
macro_rules! clearable {
    ($waiting:literal) => {
        concat!(
            "SELECT DISTINCT s.flight_id FROM ",
            $waiting,
            " WHERE s.status = 'HL' AND NOT EXISTS (
                 SELECT 1 FROM segments o
                 LEFT JOIN inventory i ON i.flight_id = o.flight_id AND i.cabin = o.cabin
                 LEFT JOIN flights f ON f.id = o.flight_id
                 WHERE o.booking_id = s.booking_id
                   AND (o.seats > coalesce(i.capacity - i.sold, 0) OR f.status = 'cancelled' OR f.departure <= ?1))
             LIMIT ?2"
        )
    };
}

/// Of changes `c` that are pending, the bookings that do not know them.
macro_rules! untold {
    ($flights:literal) => {
        concat!(
            "SELECT DISTINCT b.locator FROM ",
            $flights,
            " CROSS JOIN segments s ON s.flight_id = c.flight_id CROSS JOIN bookings b ON b.id = s.booking_id
             WHERE c.pending AND s.status IN ('HK', 'TK', 'HL') AND coalesce(s.flight_version, 0) < c.version
               AND ?1 IS NOT NULL LIMIT ?2"
        )
    };
}

const ALL_UNTOLD: &str = untold!("schedule_changes c");
const UNTOLD: &str =
    untold!("json_each(?3) j CROSS JOIN schedule_changes c ON c.flight_id = j.value");
const ALL_STRANDED: &str = stranded!("segments s INDEXED BY segments_waiting");
const ALL_CLEARABLE: &str = clearable!("segments s INDEXED BY segments_waiting");
const STRANDED: &str = stranded!(
    "json_each(?3) j CROSS JOIN segments s INDEXED BY segments_waiting ON s.flight_id = j.value"
);
const CLEARABLE: &str = clearable!(
    "json_each(?3) j CROSS JOIN segments s INDEXED BY segments_waiting ON s.flight_id = j.value"
);

/// What is due now, at most so many.
pub(super) async fn duties(
    readers: &SqlitePool,
    look: Look<'_>,
    limit: u32,
) -> Result<Vec<Duty>, sqlx::Error> {
    let mut reader = readers.begin().await?;
    let mut duties = Vec::new();
    match look {
        Look::Holds { near } => {
            duties.extend(of_bookings(
                &rows(&mut reader, OVERDUE, None, limit).await?,
                Duty::Expire,
            )?);
            let near = i64::try_from(near.as_micros()).unwrap_or(i64::MAX);
            duties.extend(of_bookings(
                &soon(&mut reader, near, limit).await?,
                Duty::Warn,
            )?);
        }
        Look::Everything => {
            duties.extend(of_bookings(
                &rows(&mut reader, ALL_STRANDED, None, limit).await?,
                Duty::Expire,
            )?);
            duties.extend(of_bookings(
                &rows(&mut reader, ALL_UNTOLD, None, limit).await?,
                Duty::Reschedule,
            )?);
            duties.extend(clearing(
                rows(&mut reader, ALL_CLEARABLE, None, limit).await?,
            ));
        }
        Look::Flights(flights) => {
            let named = Some(flights);
            duties.extend(of_bookings(
                &rows(&mut reader, STRANDED, named, limit).await?,
                Duty::Expire,
            )?);
            duties.extend(of_bookings(
                &rows(&mut reader, UNTOLD, named, limit).await?,
                Duty::Reschedule,
            )?);
            duties.extend(clearing(rows(&mut reader, CLEARABLE, named, limit).await?));
        }
    }
    duties.truncate(limit as usize);
    Ok(duties)
}

/// Held bookings whose time limit comes within so many microseconds, and of which nobody was told it.
async fn soon(
    reader: &mut SqliteConnection,
    near: i64,
    limit: u32,
) -> Result<Vec<String>, sqlx::Error> {
    let now = micros(facts::now(&mut *reader).await?);
    sqlx::query_scalar(
        "SELECT locator FROM bookings INDEXED BY bookings_held
         WHERE status = 'held' AND time_limit > ?1 AND time_limit <= ?1 + ?3 AND warned_at IS NULL
           AND (time_limit - ?1) * 2 <= time_limit - created_at
         ORDER BY time_limit LIMIT ?2",
    )
    .bind(now)
    .bind(limit)
    .bind(near)
    .fetch_all(reader)
    .await
}

/// Notes that all bookings know of changes, where they do.
pub(super) const SETTLED: &str =
    "SELECT count(*) FROM schedule_changes c WHERE c.pending AND NOT EXISTS (
         SELECT 1 FROM segments s WHERE s.flight_id = c.flight_id AND s.status IN ('HK', 'TK', 'HL')
           AND coalesce(s.flight_version, 0) < c.version)";

pub(super) const SETTLE: &str =
    "UPDATE schedule_changes AS c SET pending = FALSE WHERE c.pending AND NOT EXISTS (
         SELECT 1 FROM segments s WHERE s.flight_id = c.flight_id AND s.status IN ('HK', 'TK', 'HL')
           AND coalesce(s.flight_version, 0) < c.version)";

/// What a statement finds now (`?1`), at most so much (`?2`), of these flights (`?3`) where it asks for some.
async fn rows<T>(
    reader: &mut SqliteConnection,
    statement: &'static str,
    flights: Option<&[FlightId]>,
    limit: u32,
) -> Result<Vec<T>, sqlx::Error>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    let now = facts::now(&mut *reader).await?;
    let query = sqlx::query_scalar(statement).bind(micros(now)).bind(limit);
    match flights {
        None => query.fetch_all(reader).await,
        Some(flights) => {
            let flights: Vec<i64> = flights.iter().copied().map(FlightId::raw).collect();
            query.bind(json(&flights)?).fetch_all(reader).await
        }
    }
}
