//! Flights as they are stored, and what lives on them.

use airside_common::flight::FlightId;
use sqlx::{QueryBuilder, Sqlite as Db, SqliteConnection};

use crate::features::flights::store::{FlightFacts, FlightRecord};
use crate::store::rows::flights::{self, FlightRow, records};

pub(super) const COLUMNS: &str = "f.id, f.carrier, f.number, f.origin, f.destination, f.departure, f.departure_offset, \
     f.arrival, f.arrival_offset, f.aircraft, f.status, f.version, \
     i.cabin, i.capacity, i.sold, i.fare_minor, i.currency";

pub(super) async fn flight(
    connection: &mut SqliteConnection,
    id: FlightId,
) -> Result<Option<FlightRecord>, sqlx::Error> {
    let rows: Vec<FlightRow> = QueryBuilder::<Db>::new("SELECT ")
        .push(COLUMNS)
        .push(" FROM flights f JOIN inventory i ON i.flight_id = f.id WHERE f.id = ")
        .push_bind(id.raw())
        .push(" ORDER BY i.cabin")
        .build_query_as()
        .fetch_all(connection)
        .await?;
    Ok(records(&rows)?.pop())
}

/// What lives on flights; the connection sees one moment.
pub(super) async fn facts(
    connection: &mut SqliteConnection,
    flights: Vec<FlightRecord>,
) -> Result<Vec<FlightFacts>, sqlx::Error> {
    let ids: Vec<i64> = flights.iter().map(|flight| flight.id.raw()).collect();
    let ids = serde_json::to_string(&ids).map_err(|e| sqlx::Error::Encode(e.into()))?;
    let counts: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT flight_id, count(DISTINCT booking_id) \
         FROM segments \
         WHERE flight_id IN (SELECT value FROM json_each(?1)) AND status IN ('HK', 'HL', 'TK') GROUP BY flight_id",
    )
    .bind(&ids)
    .fetch_all(&mut *connection)
    .await?;
    let seats: Vec<(i64, String, i64)> = if counts.is_empty() {
        Vec::new()
    } else {
        sqlx::query_as(
            "SELECT s.flight_id, s.seat, g.cabin FROM seats s \
             JOIN segments g ON g.booking_id = s.booking_id AND g.position = s.segment \
             WHERE s.flight_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(&ids)
        .fetch_all(&mut *connection)
        .await?
    };
    flights::facts(flights, counts, seats)
}
