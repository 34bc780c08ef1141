//! What search needs from a database.

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::event::Unserved;
use airside_common::flight::{AircraftCode, FlightId, FlightNumber};
use airside_common::time::{CalendarDate, OffsetTime};
use async_trait::async_trait;
use jiff::Timestamp;

use crate::features::flights::store::CabinTerms;
use crate::store::StoreError;

/// A flight of the schedule that operates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledFlight {
    /// Its identity.
    pub id: FlightId,
    /// Carrier.
    pub carrier: CarrierCode,
    /// Number.
    pub number: FlightNumber,
    /// From.
    pub origin: AirportCode,
    /// To.
    pub destination: AirportCode,
    /// Departure with the origin's offset.
    pub departure: OffsetTime,
    /// Arrival with the destination's offset.
    pub arrival: OffsetTime,
    /// Type of aircraft.
    pub aircraft: AircraftCode,
    /// The flight's version.
    pub version: u64,
}

/// Seats left and fares of one flight; a cabin's terms hold the seats left as capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightOffers {
    /// Which flight.
    pub id: FlightId,
    /// Its cabins by `Cabin::index`.
    pub cabins: [Option<CabinTerms>; 4],
}

/// The schedule and the seats in a database. The schedule is read where the writes go: it holds what an event tells by the
/// time at which the event is read.
#[async_trait]
pub trait SearchStore: Send + Sync + 'static {
    /// At most `limit` flights that operate and depart after an instant, by id, behind an id.
    async fn schedule(
        &self,
        departing_after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<ScheduledFlight>, StoreError>;

    /// Those of the named flights that operate.
    async fn scheduled(&self, ids: &[FlightId]) -> Result<Vec<ScheduledFlight>, StoreError>;

    /// Id and version of at most `limit` flights that operate and depart after an instant, by id, behind an id.
    async fn versions(
        &self,
        departing_after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<(FlightId, u64)>, StoreError>;

    /// Seats left and fares of the named flights, in one consistent look.
    async fn offers(&self, ids: &[FlightId]) -> Result<Vec<FlightOffers>, StoreError>;

    /// Tells those who listen to events of searches that found no seats.
    async fn report_unserved(
        &self,
        day: CalendarDate,
        searches: Vec<Unserved>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Says that flights have changed: from now on their offers are of this moment or later.
    fn changed(&self, _ids: &[FlightId]) {}
}
