//! Which operations go out, and when.

use std::time::Duration;

use airside_common::booking::OperationKey;
use jiff::SignedDuration;

use super::entry::{Consent, Durability};
use super::{Ledger, LedgerEffect};
use crate::store::moment::Moment;
use crate::store::operation::OperationState;

/// An operation older than this asks first: the agent may long have done it in another way.
pub const ASKS_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The most operations on their way at once.
pub const MOST_IN_FLIGHT: usize = 4;

impl Ledger {
    /// What can be sent now; it counts as sent.
    pub fn due(&mut self, moment: Moment) -> Vec<LedgerEffect> {
        for entry in &mut self.entries {
            let age = moment.wall.duration_since(entry.operation.created_at);
            if entry.consent == Consent::NotNeeded
                && age > ASKS_AFTER
                && entry.operation.state != OperationState::Sent
            {
                entry.consent = Consent::Wanted;
            }
        }
        let mut effects = Vec::new();
        while self.in_flight() < MOST_IN_FLIGHT {
            let next = (0..self.entries.len())
                .find(|&at| self.is_ready(at) && self.entries[at].not_before <= moment.elapsed);
            let Some(at) = next else { break };
            self.entries[at].operation.state = OperationState::Sent;
            effects.push(LedgerEffect::Send(Box::new(
                self.entries[at].operation.clone(),
            )));
        }
        effects
    }

    /// When [`Ledger::due`] should be asked next, since the console's start; `None` where only an event can change
    /// anything.
    pub fn next_due(&self) -> Option<Duration> {
        if self.in_flight() >= MOST_IN_FLIGHT {
            return None;
        }
        (0..self.entries.len())
            .filter(|&at| self.is_ready(at))
            .map(|at| self.entries[at].not_before)
            .min()
    }

    /// The network is there again: waiting operations are sent without waiting longer.
    pub fn hurry(&mut self, moment: Moment) -> Vec<LedgerEffect> {
        for entry in &mut self.entries {
            entry.not_before = Duration::ZERO;
        }
        self.due(moment)
    }

    /// The session has ended: nothing is sent until the next log-in.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// The agent wants an old operation sent.
    pub fn consent(&mut self, key: &OperationKey, moment: Moment) -> Vec<LedgerEffect> {
        if let Some(at) = self.position(key) {
            self.entries[at].consent = Consent::Given;
        }
        self.due(moment)
    }

    fn in_flight(&self) -> usize {
        self.entries
            .iter()
            .filter(|e| e.operation.state == OperationState::Sent && e.blind.is_none())
            .count()
    }

    /// Whether nothing but time keeps an operation from being sent.
    fn is_ready(&self, at: usize) -> bool {
        let entry = &self.entries[at];
        !self.paused
            && Some(&entry.operation.account) == self.account.as_ref()
            && entry.durability == Durability::Written
            && entry.operation.state != OperationState::Sent
            && entry.blind.is_none()
            && entry.consent != Consent::Wanted
            && entry.operation.depends_on.is_none()
            && !self.is_held_up(at)
    }

    /// Whether another operation for the same booking goes first: an earlier one of the same user, or one that is on its way.
    /// What waits for another user may wait for ever.
    fn is_held_up(&self, at: usize) -> bool {
        let own = &self.entries[at].operation;
        self.entries.iter().enumerate().any(|(other, entry)| {
            let operation = &entry.operation;
            let is_earlier = other < at && operation.account == own.account;
            let is_first = is_earlier || operation.state == OperationState::Sent;
            is_first && entry.blind.is_none() && operation.target == own.target
        })
    }
}
