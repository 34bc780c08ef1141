//! What bookings need of a database.

use std::fmt;

use airside_common::airport::CarrierCode;
use airside_common::api::bookings::HistoryEntry;
use airside_common::booking::{BookingStatus, OperationKey};
use airside_common::flight::{FlightId, FlightNumber};
use airside_common::locator::Locator;
use airside_common::user::{Office, UserId};
use async_trait::async_trait;
use jiff::SignedDuration;
use jiff::civil::Date;

use super::command::{Command, Duty, Outcome};
use super::decide::Stored;
use super::integrity::Violation;

/// Most commands of one transaction.
pub const BATCH: usize = 64;

/// How a database says no.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a database did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It refused the data: a constraint, or something that cannot be read. Nothing was written.
    #[error("the database refused the data: {0}")]
    Data(#[source] Cause),
    /// Somebody else holds a lock. Nothing was written.
    #[error("locked: {0}")]
    Locked(#[source] Cause),
    /// The disk is full. Nothing was written.
    #[error("the disk is full: {0}")]
    Full(#[source] Cause),
    /// It cannot be reached, or is broken. Nothing was written.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] Cause),
    /// It did not say whether it has committed.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(#[source] Cause),
}

/// Which bookings are listed; all that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this office's.
    pub office: Option<Office>,
    /// With a passenger of this surname, in any case.
    pub surname: Option<String>,
    /// With a segment on a flight of this carrier and number.
    pub flight: Option<(CarrierCode, FlightNumber)>,
    /// With a segment on a flight of this local departure date.
    pub date: Option<Date>,
    /// With a segment on this very flight.
    pub flight_id: Option<FlightId>,
    /// In this state.
    pub status: Option<BookingStatus>,
    /// Made by this user with this key.
    pub operation: Option<(UserId, OperationKey)>,
}

/// A piece of a list.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only bookings older than the one of this number.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Where is looked for what is due.
#[derive(Debug, Clone, Copy)]
pub enum Look<'a> {
    /// At held bookings: those whose time limit has passed, and those of which nobody was told that it is near.
    Holds {
        /// How long before a time limit it is near; half of the time for which the booking is held at most.
        near: SignedDuration,
    },
    /// At all flights: bookings that do not know what happened to them, waitlisted ones whose flights are gone, and flights that
    /// have seats for somebody who waits.
    Everything,
    /// The same of these flights alone.
    Flights(&'a [FlightId]),
}

/// Most parties that a transaction gives seats to: more wait for the next one.
pub const CANDIDATES: u32 = 64;

/// Bookings in a database. Each method is one transaction, or one consistent look.
#[async_trait]
pub trait BookingStore: Send + Sync + fmt::Debug + 'static {
    /// How many batches of a process are worth carrying out at once: more than one where they wait for each other only if
    /// they touch the same rows.
    fn batches_at_once(&self) -> usize;

    /// Runs commands with different keys, in their order, as one transaction; one outcome for each. A key that is
    /// known answers from its record. On an error none of them was carried out, unless it is
    /// [`StoreError::Unknown`].
    async fn execute(&self, batch: &[Command]) -> Result<Vec<Outcome>, StoreError>;

    /// What is due by the database's time, at most so many. Another process may be first with all of it.
    async fn due(&self, look: Look<'_>, limit: u32) -> Result<Vec<Duty>, StoreError>;

    /// Notes that all bookings know what happened to their flights, where they do; answers of how many changes they do.
    async fn settle_changes(&self) -> Result<u64, StoreError>;

    /// The booking of a locator.
    async fn booking(&self, locator: Locator) -> Result<Option<Stored>, StoreError>;

    /// Bookings, the newest first.
    async fn bookings(&self, filter: &Filter, page: Page) -> Result<Vec<Stored>, StoreError>;

    /// A booking's history, the oldest first.
    async fn history(&self, locator: Locator) -> Result<Vec<HistoryEntry>, StoreError>;

    /// Forgets at most `limit` idempotency keys that are older than `age`; answers how many there were.
    async fn forget_keys(&self, age: SignedDuration, limit: u32) -> Result<u64, StoreError>;

    /// Every row that contradicts another: seats sold against seats of living segments.
    async fn violations(&self) -> Result<Vec<Violation>, StoreError>;
}

#[cfg(test)]
pub(crate) mod contract;
