//! What agents ask for, and when it is not taken.

use std::time::Duration;

use airside_common::api::bookings::{CreateBooking, RebookBooking};
use airside_common::booking::{BookingStatus, OperationKey};
use serde::{Deserialize, Serialize};

use super::entry::{Consent, Durability, Entry, Reach};
use super::fold::Row;
use super::{Ledger, LedgerEffect};
use crate::store::journal::JournalRecord;
use crate::store::moment::Moment;
use crate::store::operation::{Operation, OperationKind, OperationState, Preview, Reference};
use crate::store::rebooking;

/// What an agent wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// A new booking.
    Create {
        /// The body of the request.
        body: CreateBooking,
        /// What is shown until the server has answered.
        preview: Preview,
    },
    /// A held booking is confirmed.
    Confirm {
        /// Which one; it may still be pending.
        target: Reference,
    },
    /// Changed flights are accepted, or others taken in their place.
    Rebook {
        /// Which one; the server has it.
        target: Reference,
        /// The body of the request.
        body: RebookBooking,
        /// The booking as it will be.
        preview: Preview,
    },
    /// A booking is given back.
    Cancel {
        /// Which one; it may still be pending.
        target: Reference,
    },
}

/// Why an intent was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Nobody is logged in, so that it is nobody's.
    #[error("log in first")]
    NotLoggedIn,
    /// The key is in use already.
    #[error("this was asked for already")]
    AlreadyAsked,
    /// The booking is not known here.
    #[error("the booking is not known here")]
    UnknownBooking,
    /// The booking is cancelled, or its cancellation is under way.
    #[error("the booking is cancelled already")]
    AlreadyCancelled,
    /// It is not held, or its confirmation is under way.
    #[error("only a held booking can be confirmed")]
    NotHeld,
    /// It waits for seats, and holds none that could be changed.
    #[error("it waits for seats and holds none: make another booking")]
    Waitlisted,
    /// It is not made yet, so that nothing can have happened to it.
    #[error("the server does not have it yet")]
    NotMade,
    /// What is asked for names segments by their positions, which another request is about to change.
    #[error("it is being rebooked: wait for the answer")]
    AlreadyRebooking,
}

impl Ledger {
    /// Takes an intent under a new key: it shows at once, and the effects write it down.
    pub fn submit(
        &mut self,
        key: OperationKey,
        intent: Intent,
        moment: Moment,
    ) -> Result<Vec<LedgerEffect>, SubmitError> {
        let account = self.account.clone().ok_or(SubmitError::NotLoggedIn)?;
        let used = self.entries.iter().any(|e| e.operation.key == key)
            || self.aliases.contains_key(&key)
            || self.drafts.iter().any(|d| d.operation.key == key);
        if used {
            return Err(SubmitError::AlreadyAsked);
        }
        let (kind, target, base_version) = match intent {
            Intent::Create { body, preview } => (
                OperationKind::Create {
                    body: Box::new(body),
                    preview,
                },
                Reference::Pending(key.clone()),
                None,
            ),
            Intent::Confirm { target } => {
                let target = self.resolve(&target);
                let row = self.row(&target).ok_or(SubmitError::UnknownBooking)?;
                if row.status != BookingStatus::Held {
                    return Err(SubmitError::NotHeld);
                }
                let version = row.truth.map(|booking| booking.version);
                (OperationKind::Confirm, target, version)
            }
            Intent::Rebook {
                target,
                body,
                preview,
            } => {
                let target = self.resolve(&target);
                let row = self.may_rebook(&target)?;
                let version = row.truth.map(|booking| booking.version);
                let kind = OperationKind::Rebook {
                    body: Box::new(body),
                    preview,
                    seats: rebooking::seats_needed(row.passengers),
                };
                (kind, target, version)
            }
            Intent::Cancel { target } => {
                let target = self.resolve(&target);
                let row = self.row(&target).ok_or(SubmitError::UnknownBooking)?;
                if row.status == BookingStatus::Cancelled {
                    return Err(SubmitError::AlreadyCancelled);
                }
                let version = row.truth.map(|booking| booking.version);
                (OperationKind::Cancel, target, version)
            }
        };
        let before = self
            .own()
            .rev()
            .find(|e| e.blind.is_none() && e.operation.target == target);
        let operation = Operation {
            depends_on: before.map(|e| e.operation.key.clone()),
            key,
            account,
            kind,
            target,
            base_version,
            created_at: moment.wall,
            state: OperationState::Queued,
        };
        self.entries.push(Entry {
            operation: operation.clone(),
            durability: Durability::Writing,
            consent: Consent::NotNeeded,
            reach: Reach::Impossible,
            failed: 0,
            not_before: Duration::ZERO,
            blind: None,
        });
        Ok(vec![LedgerEffect::Append(JournalRecord::Submitted {
            operation: Box::new(operation),
        })])
    }

    /// A booking as it is shown, if its flights can be accepted or replaced.
    pub fn may_rebook(&self, target: &Reference) -> Result<Row<'_>, SubmitError> {
        let row = self.row(target).ok_or(SubmitError::UnknownBooking)?;
        if row.truth.is_none() {
            return Err(SubmitError::NotMade);
        }
        match row.status {
            BookingStatus::Held | BookingStatus::Confirmed => {}
            BookingStatus::Waitlisted => return Err(SubmitError::Waitlisted),
            BookingStatus::Cancelled => return Err(SubmitError::AlreadyCancelled),
        }
        let rebooks = |e: &Entry| {
            e.operation.target == row.reference
                && matches!(e.operation.kind, OperationKind::Rebook { .. })
        };
        if self.own().any(rebooks) {
            return Err(SubmitError::AlreadyRebooking);
        }
        Ok(row)
    }
}
