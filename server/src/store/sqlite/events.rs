//! The seats for live events, on SQLite.

use airside_common::flight::FlightId;
use async_trait::async_trait;

use super::Sqlite;
use super::search::id_list;
use crate::features::events::store::{EventStore, FlightSeats};
use crate::store::StoreError;
use crate::store::rows::seats;

#[async_trait]
impl EventStore for Sqlite {
    async fn seats(&self, flights: &[FlightId]) -> Result<Vec<FlightSeats>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT f.id, f.version, f.status, i.cabin, i.capacity - i.sold
             FROM flights AS f JOIN inventory AS i ON i.flight_id = f.id
             WHERE f.id IN (SELECT value FROM json_each(?1)) ORDER BY f.id, i.cabin",
        )
        .bind(id_list(flights))
        .fetch_all(self.readers())
        .await?;
        Ok(seats::seats(rows)?)
    }
}
