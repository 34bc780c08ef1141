//! What is due.

use airside_common::flight::FlightId;
use sqlx::PgPool;

use crate::features::bookings::command::Duty;
use crate::features::bookings::store::Look;
use crate::store::rows::bookings::unreadable;

/// Held bookings whose time limit has passed, the earliest first.
const OVERDUE: &str = "SELECT locator FROM bookings
     WHERE status = 'held' AND time_limit <= now() ORDER BY time_limit LIMIT $1";

/// Of waiting segments `s` their bookings, where a flight of theirs is gone.
macro_rules! stranded {
    ($waiting:literal) => {
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
    ($waiting:literal) => {
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

const ALL_STRANDED: &str = stranded!("segments s");
const ALL_CLEARABLE: &str = clearable!("segments s");
const STRANDED: &str =
    stranded!("unnest($2::bigint[]) AS w (id) JOIN segments s ON s.flight_id = w.id");
const CLEARABLE: &str =
    clearable!("unnest($2::bigint[]) AS w (id) JOIN segments s ON s.flight_id = w.id");

/// What is due now, at most so many.
pub(super) async fn duties(
    lookups: &PgPool,
    look: Look<'_>,
    limit: u32,
) -> Result<Vec<Duty>, sqlx::Error> {
    let (bookings, flights) = match look {
        Look::Holds => (rows(lookups, OVERDUE, None, limit).await?, Vec::new()),
        Look::Waitlists => (
            rows(lookups, ALL_STRANDED, None, limit).await?,
            rows(lookups, ALL_CLEARABLE, None, limit).await?,
        ),
        Look::Flights(flights) => (
            rows(lookups, STRANDED, Some(flights), limit).await?,
            rows(lookups, CLEARABLE, Some(flights), limit).await?,
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
