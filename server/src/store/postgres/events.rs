//! The seats for live events, on PostgreSQL.

use airside_common::flight::FlightId;
use async_trait::async_trait;

use super::Postgres;
use crate::features::events::store::{EventStore, FlightSeats};
use crate::store::StoreError;
use crate::store::rows::seats;

#[async_trait]
impl EventStore for Postgres {
    async fn seats(&self, flights: &[FlightId]) -> Result<Vec<FlightSeats>, StoreError> {
        let ids: Vec<i64> = flights.iter().map(|id| id.raw()).collect();
        let query = sqlx::query_as(
            "SELECT f.id, f.version, f.status, i.cabin::bigint, (i.capacity - i.sold)::bigint
             FROM unnest($1::bigint[]) AS k (flight_id)
             CROSS JOIN LATERAL (
                 SELECT id, version, status FROM flights
                 WHERE id = k.flight_id AND departure_date = departure_day(k.flight_id) OFFSET 0) AS f
             CROSS JOIN LATERAL (
                 SELECT cabin, capacity, sold FROM inventory WHERE flight_id = k.flight_id OFFSET 0) AS i
             ORDER BY f.id, i.cabin",
        )
        .bind(ids);
        let rows = self
            .on_primary(|pool| async move { query.fetch_all(&pool).await })
            .await?;
        Ok(seats::seats(rows)?)
    }
}
