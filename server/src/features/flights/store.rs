//! What flights need from a database.

use std::time::Duration;

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::flight::{
    AircraftCode, Cabin, FlightId, FlightNumber, FlightStatus, SeatNumber,
};
use airside_common::money::Money;
use airside_common::time::{CalendarDate, OffsetTime};
use async_trait::async_trait;
use jiff::Timestamp;

use super::decide::{self, Merge, Refusal};
use super::import::RowOutcome;
use super::import::checkpoint::{Advance, Wish};
use super::seat_layout::Capacities;
use crate::features::audit::entry::NewEntry;

/// What a flight is meant to be: valid in itself, as [`super::decide`] made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightPlan {
    /// Carrier.
    pub carrier: CarrierCode,
    /// Number.
    pub number: FlightNumber,
    /// From.
    pub origin: AirportCode,
    /// To.
    pub destination: AirportCode,
    /// Departure with the origin's offset; a whole minute.
    pub departure: OffsetTime,
    /// Arrival with the destination's offset; a whole minute.
    pub arrival: OffsetTime,
    /// Type of aircraft.
    pub aircraft: AircraftCode,
    /// Its cabins by [`Cabin::index`].
    pub cabins: [Option<CabinTerms>; 4],
}

/// Seats and fare of one cabin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CabinTerms {
    /// Seats there are.
    pub capacity: u32,
    /// Fare of one seat.
    pub fare: Money,
}

impl FlightPlan {
    /// Seats of each cabin.
    pub fn capacities(&self) -> Capacities {
        self.cabins.map(|cabin| cabin.map_or(0, |c| c.capacity))
    }
}

/// A flight as stored, read in one consistent look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightRecord {
    /// Its identity.
    pub id: FlightId,
    /// What it is.
    pub plan: FlightPlan,
    /// Whether it operates.
    pub status: FlightStatus,
    /// Grows with every change of the flight.
    pub version: u64,
    /// Seats sold of each cabin.
    pub sold: Capacities,
}

/// What lives on a flight and binds its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightFacts {
    /// The flight.
    pub flight: FlightRecord,
    /// Living bookings on it.
    pub bookings: u64,
    /// Chosen seats of living bookings, with the cabin that each was chosen in.
    pub chosen: Vec<(SeatNumber, Cabin)>,
}

/// Which flights an admin asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlightFilter {
    /// From.
    pub origin: Option<AirportCode>,
    /// To.
    pub destination: Option<AirportCode>,
    /// Local date of departure.
    pub date: Option<CalendarDate>,
    /// Carrier.
    pub carrier: Option<CarrierCode>,
    /// Number.
    pub number: Option<FlightNumber>,
    /// Whether it operates.
    pub status: Option<FlightStatus>,
}

/// Where a page of flights ended: departure in microseconds, and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlightPosition {
    /// Departure, microseconds since 1970-01-01 UTC.
    pub departure: i64,
    /// Identity.
    pub id: FlightId,
}

/// Why a store did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum FlightStoreError {
    /// There is no such flight.
    #[error("there is no such flight")]
    NotFound,
    /// Its version is another one.
    #[error("the flight has version {current}")]
    Stale {
        /// The version that it has.
        current: u64,
    },
    /// A flight with the same carrier, number, origin and date exists.
    #[error("the flight exists already, with id {0}")]
    AlreadyExists(FlightId),
    /// The rules refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another process has the file, and what this one did of it was not written.
    #[error("another process has the file")]
    LeaseLost,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// A change that an admin asks for; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightChange {
    /// Which flight.
    pub id: FlightId,
    /// The version that the admin saw.
    pub version: u64,
    /// New times, aircraft, cabins.
    pub patch: airside_common::api::flights::PatchFlight,
}

/// One row of a file, valid in itself, with where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRow {
    /// The line in the file, from 1.
    pub line: u64,
    /// What the flight is to be.
    pub plan: FlightPlan,
    /// What of it the file does not say.
    pub unsaid: Unsaid,
}

/// What a file's format leaves open. A flight that exists keeps it; one that is new gets what stands in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaid {
    /// The row says everything.
    Nothing,
    /// The type of aircraft.
    Aircraft,
    /// All fares.
    Fares {
        /// Cabins, by [`Cabin::index`], whose fare in the plan means nothing: with one of them no flight is made.
        missing: [bool; 4],
    },
}

/// Flights in a database. Each method is one transaction.
#[async_trait]
pub trait FlightStore: Send + Sync + 'static {
    /// One flight.
    async fn flight(&self, id: FlightId) -> Result<Option<FlightRecord>, FlightStoreError>;

    /// One flight and what is chosen on it, as of one moment.
    async fn facts(&self, id: FlightId) -> Result<Option<FlightFacts>, FlightStoreError>;

    /// At most `limit` flights by departure, behind a position.
    async fn list(
        &self,
        filter: &FlightFilter,
        after: Option<FlightPosition>,
        limit: u32,
    ) -> Result<Vec<FlightRecord>, FlightStoreError>;

    /// Makes a flight; `AlreadyExists` where its natural key is taken.
    async fn create(
        &self,
        plan: FlightPlan,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<FlightRecord, FlightStoreError>;

    /// Changes a flight by the rules of [`super::decide::change`], on facts that hold until the commit.
    async fn change(
        &self,
        change: FlightChange,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<FlightRecord, FlightStoreError>;

    /// Cancels a flight; its bookings are told by whoever hears of it. Cancelling it again changes nothing.
    async fn cancel(
        &self,
        id: FlightId,
        version: u64,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<FlightRecord, FlightStoreError>;

    /// How long one call of an import should take, by what others wait for meanwhile.
    fn pace(&self) -> Duration;

    /// Adds the flights of rows whose natural keys are free, no natural key twice among them; one outcome a row, in
    /// order. Flights that exist stay as they are.
    async fn add_missing(
        &self,
        rows: &[PlannedRow],
        now: Timestamp,
    ) -> Result<Vec<RowOutcome>, FlightStoreError>;

    /// Merges rows of a file, no natural key twice among them, by the rules of [`super::decide::merge`] where the flight
    /// exists, and of [`super::decide::asked`] where it does not; one outcome a row, in order. Rows that change nothing
    /// are not written.
    async fn merge(
        &self,
        rows: &[PlannedRow],
        expect: Expect,
        now: Timestamp,
    ) -> Result<Vec<RowOutcome>, FlightStoreError>;

    /// The same for a part of an uploaded file, and saves how far its import is then: both, or neither. Where the lease
    /// does not hold any more, nothing is written ([`FlightStoreError::LeaseLost`]).
    async fn merge_part(
        &self,
        rows: &[PlannedRow],
        expect: Expect,
        now: Timestamp,
        advance: &Advance,
    ) -> Result<MergedPart, FlightStoreError>;

    /// What [`FlightStore::merge`] would do with rows; nothing is written.
    async fn preview(&self, rows: &[PlannedRow]) -> Result<Vec<Preview>, FlightStoreError>;
}

/// What became of a part of an uploaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedPart {
    /// One a row.
    pub outcomes: Vec<RowOutcome>,
    /// Whether somebody wants the rest not to be merged.
    pub wish: Wish,
}

/// What would become of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// The flight is new.
    Created,
    /// The flight would be changed.
    Updated {
        /// As it is.
        before: Box<FlightPlan>,
        /// As it would be.
        after: Box<FlightPlan>,
    },
    /// The flight is so already.
    Unchanged,
    /// The rules forbid the change.
    Rejected(Refusal),
}

impl Preview {
    /// Of a row for a flight that exists, or not.
    pub(crate) fn of(row: &PlannedRow, facts: Option<&FlightFacts>) -> Self {
        let Some(facts) = facts else {
            return match decide::asked(row, None) {
                Ok(_) => Self::Created,
                Err(refusal) => Self::Rejected(refusal),
            };
        };
        match decide::merge(facts, row) {
            Ok(Merge::Unchanged) => Self::Unchanged,
            Ok(Merge::Changed(after)) => Self::Updated {
                before: Box::new(facts.flight.plan.clone()),
                after: Box::new(after.into_owned()),
            },
            Err(refusal) => Self::Rejected(refusal),
        }
    }

    /// The same, as if it had been done.
    pub fn outcome(self) -> RowOutcome {
        match self {
            Self::Created => RowOutcome::Created,
            Self::Updated { .. } => RowOutcome::Updated,
            Self::Unchanged => RowOutcome::Unchanged,
            Self::Rejected(refusal) => RowOutcome::Rejected(refusal),
        }
    }
}

/// What the rows of a file are thought to be; only speed depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Flights that do not exist yet.
    New,
    /// Flights of which some exist.
    Known,
}

#[cfg(test)]
pub(crate) mod contract;
