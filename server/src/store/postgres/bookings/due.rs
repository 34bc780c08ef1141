//! What is due.

use airside_common::flight::FlightId;
use sqlx::PgPool;

use crate::features::bookings::command::Duty;
use crate::features::bookings::store::Look;
use crate::store::rows::bookings::due::{clearing, of_bookings};

/// Held bookings whose time limit has passed, the earliest first.
const OVERDUE: &str = "SELECT locator FROM bookings
     WHERE status = 'held' AND time_limit <= now() ORDER BY time_limit LIMIT $1";

/// The segments `s` that wait on some flights (`$2`), looked for on each of them whatever the planner takes the table for.
macro_rules! waiting_on {
    () => {
        "unnest($2::bigint[]) AS w (id)
         CROSS JOIN LATERAL (
             SELECT flight_id, booking_id, status FROM segments WHERE flight_id = w.id AND status = 'HL' OFFSET 0) AS s"
    };
}

/// Of waiting segments `s` their bookings, where a flight of theirs is gone.
macro_rules! stranded {
    ($waiting:expr) => {
        concat!(
            "SELECT DISTINCT b.locator FROM ",
            $waiting,
            " JOIN flights f ON f.id = s.flight_id AND f.departure_date = departure_day(s.flight_id)
             JOIN bookings b ON b.id = s.booking_id
             WHERE s.status = 'HL' AND (f.status = 'cancelled' OR f.departure <= now()) LIMIT $1"
        )
    };
}

/// Of waiting segments `s` their flights, where there are seats for the party on all its flights, and these leave.
macro_rules! clearable {
    ($waiting:expr) => {
        concat!(
            "SELECT DISTINCT s.flight_id FROM ",
            $waiting,
            " WHERE s.status = 'HL' AND NOT EXISTS (
                 SELECT FROM segments o
                 LEFT JOIN LATERAL (SELECT i.capacity - i.sold AS seats FROM inventory i
                                    WHERE i.flight_id = o.flight_id AND i.cabin = o.cabin OFFSET 0) AS free ON true
                 LEFT JOIN LATERAL (SELECT f.status, f.departure FROM flights f
                                    WHERE f.id = o.flight_id AND f.departure_date = departure_day(o.flight_id)
                                    OFFSET 0) AS f ON true
                 WHERE o.booking_id = s.booking_id
                   AND (o.seats > coalesce(free.seats, 0) OR f.status = 'cancelled' OR f.departure <= now()))
             LIMIT $1"
        )
    };
}

/// Of changes `c` that are pending, the bookings that do not know them. Hardly ever is there one: so these are looked for first,
/// and then what depends on each, whatever the planner takes the tables for.
macro_rules! untold {
    ($flights:literal) => {
        concat!(
            "WITH changed AS MATERIALIZED (SELECT c.flight_id, c.version FROM ",
            $flights,
            " WHERE c.pending)
             SELECT DISTINCT b.locator FROM changed
             CROSS JOIN LATERAL (
                 SELECT s.booking_id FROM segments s
                 WHERE s.flight_id = changed.flight_id AND s.status IN ('HK', 'TK', 'HL')
                   AND coalesce(s.flight_version, 0) < changed.version OFFSET 0) AS s
             CROSS JOIN LATERAL (SELECT b.locator FROM bookings b WHERE b.id = s.booking_id OFFSET 0) AS b
             LIMIT $1"
        )
    };
}

const ALL_UNTOLD: &str = untold!("schedule_changes c");
const UNTOLD: &str =
    untold!("unnest($2::bigint[]) AS w (id) JOIN schedule_changes c ON c.flight_id = w.id");
const ALL_STRANDED: &str = stranded!("segments s");
const ALL_CLEARABLE: &str = clearable!("segments s");
const STRANDED: &str = stranded!(waiting_on!());
const CLEARABLE: &str = clearable!(waiting_on!());

/// What is due now, at most so many.
pub(super) async fn duties(
    lookups: &PgPool,
    look: Look<'_>,
    limit: u32,
) -> Result<Vec<Duty>, sqlx::Error> {
    let mut duties = Vec::new();
    match look {
        Look::Holds { near } => {
            duties.extend(of_bookings(
                &rows(lookups, OVERDUE, None, limit).await?,
                Duty::Expire,
            )?);
            let near = near.as_secs();
            duties.extend(of_bookings(&soon(lookups, near, limit).await?, Duty::Warn)?);
        }
        Look::Everything => {
            duties.extend(of_bookings(
                &rows(lookups, ALL_STRANDED, None, limit).await?,
                Duty::Expire,
            )?);
            duties.extend(of_bookings(
                &rows(lookups, ALL_UNTOLD, None, limit).await?,
                Duty::Reschedule,
            )?);
            duties.extend(clearing(rows(lookups, ALL_CLEARABLE, None, limit).await?));
        }
        Look::Flights(flights) => {
            let named = Some(flights);
            duties.extend(of_bookings(
                &rows(lookups, STRANDED, named, limit).await?,
                Duty::Expire,
            )?);
            duties.extend(of_bookings(
                &rows(lookups, UNTOLD, named, limit).await?,
                Duty::Reschedule,
            )?);
            duties.extend(clearing(rows(lookups, CLEARABLE, named, limit).await?));
        }
    }
    duties.truncate(limit as usize);
    Ok(duties)
}

/// Held bookings whose time limit comes within so many seconds, and of which nobody was told it.
async fn soon(lookups: &PgPool, near: i64, limit: u32) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT locator FROM bookings
         WHERE status = 'held' AND time_limit > now() AND time_limit <= now() + $2 * interval '1 second'
           AND warned_at IS NULL AND (time_limit - now()) * 2 <= time_limit - created_at
         ORDER BY time_limit LIMIT $1",
    )
    .bind(i64::from(limit))
    .bind(near)
    .fetch_all(lookups)
    .await
}

/// Notes that all bookings know of changes, where they do.
pub(super) const SETTLED: &str =
    "SELECT count(*) FROM schedule_changes c WHERE c.pending AND NOT EXISTS (
         SELECT FROM segments s WHERE s.flight_id = c.flight_id AND s.status IN ('HK', 'TK', 'HL')
           AND coalesce(s.flight_version, 0) < c.version)";

pub(super) const SETTLE: &str =
    "UPDATE schedule_changes AS c SET pending = FALSE WHERE c.pending AND NOT EXISTS (
         SELECT FROM segments s WHERE s.flight_id = c.flight_id AND s.status IN ('HK', 'TK', 'HL')
           AND coalesce(s.flight_version, 0) < c.version)";

/// What a statement finds, at most so much (`$1`), of these flights (`$2`) where it asks for some.
async fn rows<T>(
    lookups: &PgPool,
    statement: &'static str,
    flights: Option<&[FlightId]>,
    limit: u32,
) -> Result<Vec<T>, sqlx::Error>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let query = sqlx::query_scalar(statement).bind(i64::from(limit));
    match flights {
        None => query.fetch_all(lookups).await,
        Some(flights) => {
            let flights: Vec<i64> = flights.iter().copied().map(FlightId::raw).collect();
            query.bind(flights).fetch_all(lookups).await
        }
    }
}
