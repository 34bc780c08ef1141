//! How operations end: done, refused or taken back, with what depends on them, or not yet.

use std::time::Duration;

use airside_common::api::problem::{Code, Problem};
use airside_common::booking::OperationKey;
use airside_common::locator::Locator;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Setback, SetbackKind};
use super::backoff::Jitter;
use super::entry::Durability;
use super::{Ledger, LedgerEffect};
use crate::store::journal::JournalRecord;
use crate::store::moment::Moment;
use crate::store::operation::{
    Draft, DraftReason, Operation, OperationKind, OperationState, Reference,
};

/// Why an operation cannot be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WithdrawError {
    /// It has ended.
    #[error("it is settled already")]
    Settled,
    /// It may have reached the server, and the answer will tell.
    #[error("it may have reached the server; its answer is awaited")]
    Underway,
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server did it; screens that hold the operation's reference are led to the booking.
    Confirmed {
        /// What was asked for.
        operation: Box<Operation>,
        /// The booking.
        locator: Locator,
    },
    /// The server refused it; it is taken back.
    Refused {
        /// What was asked for, as it was.
        operation: Box<Operation>,
        /// The reason.
        problem: Problem,
        /// Operations that depended on it and are drafts now.
        dependents: Vec<Operation>,
    },
    /// Not settled: it is sent again after a while.
    Kept {
        /// The operation.
        key: OperationKey,
        /// Why.
        setback: Setback,
        /// The wait before the next attempt.
        wait: Duration,
    },
    /// Nothing that concerns who is logged in: the operation had ended before, or is another user's.
    Settled,
}

/// What a step of the ledger wants done and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is to be done, in order.
    pub effects: Vec<LedgerEffect>,
    /// What it came to.
    pub outcome: Outcome,
}

impl Ledger {
    /// An operation's record could not be written: it is not sent, and becomes a draft with all that depends on it.
    /// The effects try to write that down too, in case half of the record is on the disk.
    pub fn not_journalled(&mut self, key: &OperationKey, why: &str) -> Vec<LedgerEffect> {
        let Some(at) = self.position(key) else {
            return Vec::new();
        };
        if self.entries[at].durability == Durability::Written {
            return Vec::new();
        }
        let mut gone = vec![self.entries.remove(at).operation];
        gone.extend(self.take_dependents(key));
        gone.into_iter()
            .map(|operation| self.keep_draft(operation, DraftReason::NotWritten(why.to_owned())))
            .collect()
    }

    /// An operation's answer arrived.
    pub fn answered(
        &mut self,
        key: &OperationKey,
        answer: Answer,
        moment: Moment,
        jitter: Jitter,
    ) -> Step {
        let Some(at) = self.position(key) else {
            // It ended before: by a list that was read, or by an answer that came twice.
            return self.step(Outcome::Settled, Vec::new(), moment);
        };
        if !self.is_own(key) {
            return self.answered_to_another(at, answer, moment, jitter);
        }
        match answer {
            Answer::Done(booking) => {
                let (locator, version) = (booking.locator, booking.version);
                // First: what an event has confirmed goes with what is learnt, and the places of others change.
                let entry = self.entries.remove(at);
                self.learn(*booking);
                let effects = self.confirm(&entry.operation, locator, version);
                let outcome = Outcome::Confirmed {
                    operation: Box::new(entry.operation),
                    locator,
                };
                self.step(outcome, effects, moment)
            }
            // Confirmed by an event already: what else comes back for it cannot be about its outcome.
            _ if self.entries[at].blind.is_some() => {
                self.step(Outcome::Settled, Vec::new(), moment)
            }
            Answer::Refused(problem) => self.refuse(at, problem, moment),
            Answer::Kept(setback) => {
                let wait = self.entries[at].set_back(&setback, moment, jitter);
                if setback.kind == SetbackKind::LoggedOut {
                    self.paused = true;
                }
                let outcome = Outcome::Kept {
                    key: key.clone(),
                    setback,
                    wait,
                };
                self.step(outcome, Vec::new(), moment)
            }
        }
    }

    /// The same for an operation of a user who is not logged in any more: it is written down for the next time, and nobody
    /// else learns of it.
    fn answered_to_another(
        &mut self,
        at: usize,
        answer: Answer,
        moment: Moment,
        jitter: Jitter,
    ) -> Step {
        let effects = match answer {
            Answer::Done(booking) => {
                let entry = self.entries.remove(at);
                self.confirm(&entry.operation, booking.locator, booking.version)
            }
            Answer::Refused(problem) if self.entries[at].blind.is_none() => {
                let Step {
                    mut effects,
                    outcome,
                } = self.refuse(at, problem, moment);
                effects.retain(|effect| !matches!(effect, LedgerEffect::Fetch(_)));
                if let Outcome::Refused { dependents, .. } = outcome {
                    for dependent in dependents {
                        effects.extend(self.drop_draft(&dependent.key));
                    }
                }
                effects
            }
            Answer::Refused(_) => Vec::new(),
            Answer::Kept(setback) => {
                self.entries[at].set_back(&setback, moment, jitter);
                Vec::new()
            }
        };
        self.step(Outcome::Settled, effects, moment)
    }

    /// The agent takes an operation back: one that was not sent yet, or one that asks first. It becomes a draft, with
    /// all that depends on it.
    pub fn withdraw(&mut self, key: &OperationKey) -> Result<Vec<LedgerEffect>, WithdrawError> {
        let at = self.position(key).ok_or(WithdrawError::Settled)?;
        let entry = &self.entries[at];
        if entry.blind.is_some() {
            return Err(WithdrawError::Settled);
        }
        if entry.operation.state != OperationState::Queued && !entry.asks() {
            return Err(WithdrawError::Underway);
        }
        let entry = self.entries.remove(at);
        let mut gone = vec![entry.operation];
        gone.extend(self.take_dependents(key));
        Ok(gone
            .into_iter()
            .map(|operation| self.keep_draft(operation, DraftReason::Withdrawn))
            .collect())
    }

    /// A draft was used or thrown away.
    pub fn drop_draft(&mut self, key: &OperationKey) -> Vec<LedgerEffect> {
        let Some(at) = self.drafts.iter().position(|d| d.operation.key == *key) else {
            return Vec::new();
        };
        self.drafts.remove(at);
        vec![LedgerEffect::Append(JournalRecord::Dropped {
            key: key.clone(),
        })]
    }

    fn step(&mut self, outcome: Outcome, mut effects: Vec<LedgerEffect>, moment: Moment) -> Step {
        effects.extend(self.due(moment));
        Step { effects, outcome }
    }

    fn refuse(&mut self, at: usize, problem: Problem, moment: Moment) -> Step {
        let operation = self.entries.remove(at).operation;
        let mut effects = Vec::new();
        match &operation.kind {
            OperationKind::Create { .. } => {
                let reason = DraftReason::Refused(problem.clone());
                effects.push(self.keep_draft(operation.clone(), reason));
            }
            // What is refused of a booking that is there leaves nothing to be corrected: it can be asked for again. What was
            // asked for behind it is a wish of its own.
            OperationKind::Confirm | OperationKind::Rebook { .. } | OperationKind::Cancel => {
                effects.push(LedgerEffect::Append(JournalRecord::Dropped {
                    key: operation.key.clone(),
                }));
                for entry in &mut self.entries {
                    entry.operation.stand_alone(&operation.key);
                }
            }
        }
        if let Reference::Known(locator) = operation.target
            && matches!(
                problem.code,
                Code::StaleVersion | Code::Conflict | Code::TimeLimitPassed
            )
        {
            effects.push(LedgerEffect::Fetch(locator));
        }
        let dependents = self.take_dependents(&operation.key);
        for dependent in &dependents {
            let reason = DraftReason::Refused(problem.clone()).of_dependents();
            effects.push(self.keep_draft(dependent.clone(), reason));
        }
        let outcome = Outcome::Refused {
            operation: Box::new(operation),
            problem,
            dependents,
        };
        self.step(outcome, effects, moment)
    }

    fn keep_draft(&mut self, operation: Operation, reason: DraftReason) -> LedgerEffect {
        let draft = Draft { operation, reason };
        self.drafts.push(draft.clone());
        LedgerEffect::Append(JournalRecord::Drafted {
            draft: Box::new(draft),
        })
    }

    /// Takes out all operations that depend on one, directly or through others, in order.
    fn take_dependents(&mut self, key: &OperationKey) -> Vec<Operation> {
        let mut ended = vec![key.clone()];
        let mut taken = Vec::new();
        // Operations stand after what they depend on, so one pass finds all.
        self.entries.retain(|entry| {
            let hit = entry
                .operation
                .depends_on
                .as_ref()
                .is_some_and(|on| ended.contains(on));
            if hit {
                ended.push(entry.operation.key.clone());
                taken.push(entry.operation.clone());
            }
            !hit
        });
        taken
    }
}
