//! What the feature does: no HTTP, no SQL.

use std::sync::Arc;

use airside_common::api::bookings::{CreateBooking, RebookBooking};
use airside_common::api::problem::Problem;
use airside_common::booking::OperationKey;
use airside_common::flight::FlightId;
use airside_common::locator::Locator;
use jiff::SignedDuration;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::command::{Action, Asked, Command, Fingerprint, IfMatch, Outcome};
use super::hold::HoldTerms;
use super::integrity::Violation;
use super::party;
use super::reading::Reading;
use super::store::{BookingStore, Look, StoreError};
use super::writer::{WriteError, Writer};
use crate::features::auth::caller::Caller;

/// How long an idempotency key and its answer are kept.
pub const KEYS_LIVE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often old keys are forgotten, and how many in one transaction.
const FORGET_EVERY: std::time::Duration = std::time::Duration::from_mins(10);
const FORGET_AT_ONCE: u32 = 5_000;

/// Most that is due and waits for the writer at once: requests have their places in its queue beside it.
const DUE_AT_ONCE: u32 = 128;

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

/// Bookings where they are written.
#[derive(Debug, Clone)]
pub struct Bookings {
    store: Arc<dyn BookingStore>,
    writer: Writer,
    terms: HoldTerms,
}

impl Bookings {
    /// A service over a store and its one writer.
    pub fn new(store: Arc<dyn BookingStore>, writer: Writer, terms: HoldTerms) -> Self {
        Self {
            store,
            writer,
            terms,
        }
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
        let action = Action::Create {
            body: Box::new(body),
            terms: self.terms,
        };
        let asked = Asked {
            caller,
            request_id: request_id.to_owned(),
            key,
            fingerprint,
            action,
        };
        Ok(self.writer.submit(Command::Asked(Box::new(asked))).await?)
    }

    /// Confirms a held booking, or gives the answer that its key was given before.
    pub async fn confirm(
        &self,
        caller: Caller,
        request_id: &str,
        key: OperationKey,
        locator: Locator,
        expected: IfMatch,
    ) -> Result<Outcome, BookingError> {
        let path = format!("/v1/bookings/{locator}/confirm");
        let asked = Asked {
            caller,
            request_id: request_id.to_owned(),
            key,
            fingerprint: Fingerprint::of("POST", &path, &json!(null))?,
            action: Action::Confirm { locator, expected },
        };
        Ok(self.writer.submit(Command::Asked(Box::new(asked))).await?)
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
        let asked = Asked {
            caller,
            request_id: request_id.to_owned(),
            key,
            fingerprint,
            action: Action::Cancel { locator, expected },
        };
        Ok(self.writer.submit(Command::Asked(Box::new(asked))).await?)
    }

    /// Accepts what happened to a booking's flights, or takes others; or gives the answer that its key was given before.
    pub async fn rebook(
        &self,
        caller: Caller,
        request_id: &str,
        key: OperationKey,
        (locator, expected): (Locator, IfMatch),
        body: RebookBooking,
    ) -> Result<Outcome, BookingError> {
        party::check_rebooking(&body)
            .map_err(|problem| BookingError::Refused(Box::new(problem)))?;
        let path = format!("/v1/bookings/{locator}/rebook");
        let asked = Asked {
            caller,
            request_id: request_id.to_owned(),
            key,
            fingerprint: Fingerprint::of("POST", &path, &body)?,
            action: Action::Rebook {
                locator,
                expected,
                body: Box::new(body),
            },
        };
        Ok(self.writer.submit(Command::Asked(Box::new(asked))).await?)
    }

    /// Does what is due of held bookings.
    pub async fn attend_to_holds(&self) -> Result<usize, BookingError> {
        let near = self.terms.near;
        self.attend(Look::Holds { near }).await
    }

    /// Does what is due on flights, all or some, and notes which of their changes all bookings know.
    pub async fn attend_to_flights(
        &self,
        flights: Option<&[FlightId]>,
    ) -> Result<usize, BookingError> {
        let look = flights.map_or(Look::Everything, Look::Flights);
        let changed = self.attend(look).await?;
        self.store.settle_changes().await?;
        Ok(changed)
    }

    /// Does what is due where it is looked; answers how many bookings changed by it.
    pub async fn attend(&self, look: Look<'_>) -> Result<usize, BookingError> {
        let mut changed = 0;
        loop {
            let due = self.store.due(look, DUE_AT_ONCE).await?;
            let count = due.len();
            let commands = due.into_iter().map(Command::Due);
            let work = commands.map(|command| self.writer.submit(command));
            let mut now = 0;
            for outcome in futures_util::future::join_all(work).await {
                if let Outcome::Settled(bookings) = outcome? {
                    now += bookings;
                }
            }
            changed += now;
            // Where others are at it as well, they do the rest.
            if count < DUE_AT_ONCE as usize || now == 0 {
                return Ok(changed);
            }
        }
    }

    /// Bookings as they are read, which any process may do.
    pub fn read(&self) -> Reading {
        Reading::new(Arc::clone(&self.store))
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
