//! What the feature does: no HTTP, no SQL.

use std::sync::Arc;

use airside_common::airport::CarrierCode;
use airside_common::api::bookings::{
    Booking, BookingPage, CreateBooking, HistoryEntry, HistoryPage,
};
use airside_common::api::problem::Problem;
use airside_common::booking::{BookingStatus, OperationKey};
use airside_common::flight::{FlightId, FlightNumber};
use airside_common::locator::Locator;
use airside_common::time::CalendarDate;
use airside_common::user::Role;
use jiff::SignedDuration;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::command::{Action, Command, Fingerprint, IfMatch, Outcome};
use super::integrity::Violation;
use super::party;
use super::store::{BookingStore, Filter, Page, StoreError};
use super::writer::{WriteError, Writer};
use crate::features::auth::caller::Caller;

/// How long an idempotency key and its answer are kept.
pub const KEYS_LIVE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often old keys are forgotten, and how many in one transaction.
const FORGET_EVERY: std::time::Duration = std::time::Duration::from_mins(10);
const FORGET_AT_ONCE: u32 = 5_000;

/// Why the service has no answer.
#[derive(Debug, thiserror::Error)]
pub enum BookingError {
    /// The request is refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// There is no such booking, or the caller may not see it.
    #[error("there is no booking {0}")]
    NotFound(Locator),
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The request has no canonical form.
    #[error("the request cannot be condensed: {0}")]
    Fingerprint(#[from] serde_json::Error),
}

/// What a list is asked for.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// A passenger's surname.
    pub surname: Option<String>,
    /// Carrier and number of a flight.
    pub flight: Option<(CarrierCode, FlightNumber)>,
    /// Local departure date of a segment.
    pub date: Option<CalendarDate>,
    /// State.
    pub status: Option<BookingStatus>,
    /// The key of the making, of the caller's own bookings.
    pub operation: Option<OperationKey>,
    /// One flight.
    pub flight_id: Option<FlightId>,
    /// Only bookings older than the one of this number.
    pub before: Option<i64>,
    /// Bookings of one page.
    pub limit: u8,
}

/// Bookings as the API sees them.
#[derive(Debug, Clone)]
pub struct Bookings {
    store: Arc<dyn BookingStore>,
    writer: Writer,
}

impl Bookings {
    /// A service over a store and its one writer.
    pub fn new(store: Arc<dyn BookingStore>, writer: Writer) -> Self {
        Self { store, writer }
    }

    /// Commands that wait to be written.
    pub fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    /// Makes a booking, or gives the answer that its key was given before.
    pub async fn create(
        &self,
        caller: Caller,
        request_id: &str,
        key: OperationKey,
        body: CreateBooking,
    ) -> Result<Outcome, BookingError> {
        party::check(&body).map_err(|problem| BookingError::Refused(Box::new(problem)))?;
        let fingerprint = Fingerprint::of("POST", "/v1/bookings", &body)?;
        let action = Action::Create(Box::new(body));
        let command = Command {
            caller,
            request_id: request_id.to_owned(),
            key,
            fingerprint,
            action,
        };
        Ok(self.writer.submit(command).await?)
    }

    /// Cancels a booking, or gives the answer that its key was given before.
    pub async fn cancel(
        &self,
        caller: Caller,
        request_id: &str,
        key: OperationKey,
        locator: Locator,
        expected: IfMatch,
    ) -> Result<Outcome, BookingError> {
        let path = format!("/v1/bookings/{locator}/cancel");
        let fingerprint = Fingerprint::of("POST", &path, &json!(null))?;
        let action = Action::Cancel { locator, expected };
        let command = Command {
            caller,
            request_id: request_id.to_owned(),
            key,
            fingerprint,
            action,
        };
        Ok(self.writer.submit(command).await?)
    }

    /// The booking of a locator.
    pub async fn booking(
        &self,
        caller: &Caller,
        locator: Locator,
    ) -> Result<Booking, BookingError> {
        self.store
            .booking(locator)
            .await?
            .filter(|stored| stored.is_visible_to(caller))
            .map(|stored| stored.seen_by(caller))
            .ok_or(BookingError::NotFound(locator))
    }

    /// A booking's history.
    pub async fn history(
        &self,
        caller: &Caller,
        locator: Locator,
    ) -> Result<HistoryPage, BookingError> {
        self.booking(caller, locator).await?;
        let items: Vec<HistoryEntry> = self.store.history(locator).await?;
        Ok(HistoryPage {
            items,
            next_cursor: None,
        })
    }

    /// A page of the caller's office's bookings, of all offices' for an admin.
    pub async fn list(
        &self,
        caller: &Caller,
        query: ListQuery,
    ) -> Result<BookingPage, BookingError> {
        let filter = Filter {
            office: match caller.role {
                Role::Admin => None,
                Role::Agent => Some(caller.office.clone()),
            },
            surname: query.surname,
            flight: query.flight,
            date: query.date.map(|date| date.0),
            flight_id: query.flight_id,
            status: query.status,
            operation: query.operation.map(|key| (caller.user_id, key)),
        };
        let limit = usize::from(query.limit);
        // One more than is shown tells whether there is another page.
        let page = Page {
            before: query.before,
            limit: u32::from(query.limit) + 1,
        };
        let mut found = self.store.bookings(&filter, page).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next_cursor = found
            .last()
            .filter(|_| more)
            .map(|last| last.id.to_string());
        Ok(BookingPage {
            items: found
                .into_iter()
                .map(|stored| stored.seen_by(caller))
                .collect(),
            next_cursor,
        })
    }

    /// Every row that contradicts another.
    pub async fn violations(&self) -> Result<Vec<Violation>, BookingError> {
        Ok(self.store.violations().await?)
    }

    /// Forgets keys that are older than [`KEYS_LIVE`], now and every ten minutes, until told to stop.
    pub async fn forget_keys(self, stop: CancellationToken) {
        loop {
            match self.store.forget_keys(KEYS_LIVE, FORGET_AT_ONCE).await {
                Ok(gone) if gone >= u64::from(FORGET_AT_ONCE) => {
                    if stop.is_cancelled() {
                        return;
                    }
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "old idempotency keys stay for now"),
            }
            tokio::select! {
                () = tokio::time::sleep(FORGET_EVERY) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}
