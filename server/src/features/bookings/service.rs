//! What the feature does: no HTTP, no SQL.

use std::sync::Arc;

use airside_common::api::bookings::CreateBooking;
use airside_common::api::problem::Problem;
use airside_common::booking::OperationKey;
use airside_common::locator::Locator;
use jiff::SignedDuration;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::command::{Action, Command, Fingerprint, IfMatch, Outcome};
use super::integrity::Violation;
use super::party;
use super::reading::Reading;
use super::store::{BookingStore, StoreError};
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

/// Bookings where they are written.
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
