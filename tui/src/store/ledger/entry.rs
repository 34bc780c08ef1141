//! An operation with what the store alone knows of it.

use std::time::Duration;

use airside_common::locator::Locator;
use serde::{Deserialize, Serialize};

use super::answer::{Setback, SetbackKind};
use super::backoff::{self, Jitter};
use crate::store::moment::Moment;
use crate::store::operation::{Operation, OperationState};

/// Whether an operation's journal record is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Durability {
    Writing,
    Written,
}

/// Whether the agent was asked about an old operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Consent {
    /// It is young enough to be sent without a question.
    NotNeeded,
    /// It became old; the question is open.
    Wanted,
    /// The agent wants it sent.
    Given,
}

/// Whether an operation can have reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reach {
    /// Every attempt ended before the server was reached, or there was none.
    Impossible,
    /// An attempt may have got there; also after a restart, since attempts are not written down.
    Possible,
}

/// An operation with what the store alone knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) operation: Operation,
    pub(super) durability: Durability,
    pub(super) consent: Consent,
    pub(super) reach: Reach,
    /// Attempts that did not settle it.
    pub(super) failed: u32,
    /// Not sent before this, on the clock that never jumps.
    pub(super) not_before: Duration,
    /// Confirmed by an event that names locator and version; the booking itself is still being read.
    pub(super) blind: Option<(Locator, u64)>,
}

impl Entry {
    pub(super) fn asks(&self) -> bool {
        self.consent == Consent::Wanted && self.blind.is_none()
    }

    /// An attempt did not settle it; answers how long it waits for the next one.
    pub(super) fn set_back(
        &mut self,
        setback: &Setback,
        moment: Moment,
        jitter: Jitter,
    ) -> Duration {
        self.failed = self.failed.saturating_add(1);
        let wait = backoff::wait(self.failed, setback.retry_after, jitter);
        self.not_before = moment.elapsed.saturating_add(wait);
        if setback.kind != SetbackKind::Unreached {
            self.reach = Reach::Possible;
        }
        self.operation.state = match self.reach {
            Reach::Impossible => OperationState::Queued,
            Reach::Possible => OperationState::Unknown,
        };
        wait
    }
}
