//! What is due.

use airside_common::flight::FlightId;
use sqlx::{SqliteConnection, SqlitePool};

use super::facts;
use crate::features::bookings::command::Duty;
use crate::features::bookings::store::Look;
use crate::store::rows::bookings::{json, unreadable};
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
    let (bookings, flights) = match look {
        Look::Holds => (rows(&mut reader, OVERDUE, None, limit).await?, Vec::new()),
        Look::Waitlists => (
            rows(&mut reader, ALL_STRANDED, None, limit).await?,
            rows(&mut reader, ALL_CLEARABLE, None, limit).await?,
        ),
        Look::Flights(flights) => (
            rows(&mut reader, STRANDED, Some(flights), limit).await?,
            rows(&mut reader, CLEARABLE, Some(flights), limit).await?,
        ),
    };
    let expired = bookings.iter().map(|locator: &String| {
        let locator = locator
            .parse()
            .map_err(|_| unreadable("bookings.locator"))?;
        Ok(Duty::Expire(locator))
    });
    let cleared = flights
        .into_iter()
        .map(|flight| Ok(Duty::Clear(FlightId::from_raw(flight))));
    expired.chain(cleared).take(limit as usize).collect()
}

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
