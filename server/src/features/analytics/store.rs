//! What analytics needs of a database.

use airside_common::api::analytics::{GroupBy, LoadFactor, UnservedSearches};
use airside_common::flight::FlightId;
use airside_common::money::Currency;
use async_trait::async_trait;
use jiff::civil::Date;

use crate::messages::consumer::Delivery;
use crate::store::StoreError;

#[cfg(test)]
pub(crate) mod contract;

/// Days, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: Date,
    /// The last.
    pub to: Date,
}

/// What was sold of one group in one currency, in its minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesSum {
    /// Which group.
    pub key: String,
    /// In which currency.
    pub currency: Currency,
    /// Seats booked.
    pub booked: u64,
    /// What they cost.
    pub revenue: i64,
    /// Seats given back.
    pub cancelled: u64,
    /// What they had cost.
    pub refunded: i64,
    /// Days from booking to departure, of all booked seats together.
    pub lead_days: u64,
}

/// Where a list of sums goes on: behind a group and currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesPosition {
    /// The group.
    pub key: String,
    /// The currency.
    pub currency: String,
}

/// Figures in a database.
#[async_trait]
pub trait AnalyticsStore: Send + Sync + 'static {
    /// Counts what messages tell, each once. A booking's figures become those of the booking as it is now, whatever came
    /// before, so that neither the order nor a lost message matters for long.
    async fn count(&self, batch: &[Delivery]) -> Result<(), StoreError>;

    /// Makes the figures of so many bookings behind a number anew, from the bookings themselves; answers the last number, or
    /// `None` where there are no more.
    async fn recount(&self, behind: i64, limit: u32) -> Result<Option<i64>, StoreError>;

    /// Sums by group, in the order of groups and currencies.
    async fn sales(
        &self,
        period: Period,
        by: GroupBy,
        behind: Option<&SalesPosition>,
        limit: u32,
    ) -> Result<Vec<SalesSum>, StoreError>;

    /// How full the flights of a local departure date are, by departure, behind a flight.
    async fn load_factors(
        &self,
        date: Date,
        behind: Option<FlightId>,
        limit: u32,
    ) -> Result<Vec<LoadFactor>, StoreError>;

    /// Searches that found no seats, the most on top.
    async fn unserved(
        &self,
        period: Period,
        limit: u32,
    ) -> Result<Vec<UnservedSearches>, StoreError>;
}
