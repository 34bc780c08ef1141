//! What live events need from a database.

use airside_common::flight::{FlightId, FlightStatus};
use async_trait::async_trait;

use crate::store::StoreError;

/// The seats that a flight has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightSeats {
    /// Which flight.
    pub id: FlightId,
    /// The flight's version.
    pub version: u64,
    /// Whether it operates.
    pub status: FlightStatus,
    /// Seats left in its cabins, by `Cabin::index`.
    pub cabins: [Option<u32>; 4],
}

/// Seats in a database, read where they are written: they have in them what an event tells.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// The seats of those of the named flights that there are, by id.
    async fn seats(&self, flights: &[FlightId]) -> Result<Vec<FlightSeats>, StoreError>;
}

#[cfg(test)]
pub(crate) mod contract;
