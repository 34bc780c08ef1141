//! The console's bookings: what the server said, and apart from it what the agent asked for. Pure: what it wants done
//! comes out as [`LedgerEffect`]s, what happened goes in, with the time.
//!
//! Truth is replaced only by a higher version. An operation is sent once its journal record is on the disk, under its
//! own account, one after another for one booking, and is kept until an answer ends it.

pub mod answer;
pub mod backoff;
pub mod fold;
pub mod intent;

use std::collections::BTreeMap;
use std::time::Duration;

use airside_common::api::bookings::Booking;
use airside_common::api::events::BookingChanged;
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::OperationKey;
use airside_common::locator::Locator;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::journal::{JournalRecord, Saved};
use super::moment::Moment;
use super::operation::{Draft, DraftReason, Operation, OperationKind, OperationState, Reference};
use answer::{Answer, Setback, SetbackKind};
use backoff::Jitter;
pub use intent::{Intent, SubmitError};

/// An operation older than this asks first: the agent may long have done it in another way.
pub const ASKS_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The most operations on their way at once.
pub const MOST_IN_FLIGHT: usize = 4;

/// What the ledger wants done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerEffect {
    /// Append to the journal and fdatasync; a `Submitted` record is then told to [`Ledger::journalled`], or to
    /// [`Ledger::not_journalled`].
    Append(JournalRecord),
    /// Send to the server; what comes back goes to [`Ledger::answered`].
    Send(Box<Operation>),
    /// Read a booking, of which something newer is known to exist; it goes to [`Ledger::fetched`].
    Fetch(Locator),
}

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

/// Whether an operation's journal record is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Durability {
    Writing,
    Written,
}

/// Whether the agent was asked about an old operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Consent {
    /// It is young enough to be sent without a question.
    NotNeeded,
    /// It became old; the question is open.
    Wanted,
    /// The agent wants it sent.
    Given,
}

/// Whether an operation can have reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Reach {
    /// Every attempt ended before the server was reached, or there was none.
    Impossible,
    /// An attempt may have got there; also after a restart, since attempts are not written down.
    Possible,
}

/// An operation with what the store alone knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    operation: Operation,
    durability: Durability,
    consent: Consent,
    reach: Reach,
    /// Attempts that did not settle it.
    failed: u32,
    /// Not sent before this, on the clock that never jumps.
    not_before: Duration,
    /// Confirmed by an event that names locator and version; the booking itself is still being read.
    blind: Option<(Locator, u64)>,
}

impl Entry {
    fn asks(&self) -> bool {
        self.consent == Consent::Wanted && self.blind.is_none()
    }

    /// An attempt did not settle it; answers how long it waits for the next one.
    fn set_back(&mut self, setback: &Setback, moment: Moment, jitter: Jitter) -> Duration {
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

/// The console's bookings and operations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Who is logged in, or was last.
    account: Option<Account>,
    /// The session has ended; nothing is sent until the next log-in.
    paused: bool,
    /// What the server said.
    truth: BTreeMap<Locator, Booking>,
    /// What is asked for, in order.
    entries: Vec<Entry>,
    /// What operations made.
    aliases: BTreeMap<OperationKey, Locator>,
    /// What was taken back.
    drafts: Vec<Draft>,
}

impl Ledger {
    /// A ledger that goes on with what journals kept.
    pub fn restore(saved: Saved) -> Self {
        let entries = saved
            .operations
            .into_iter()
            .map(|operation| Entry {
                operation,
                durability: Durability::Written,
                consent: Consent::NotNeeded,
                reach: Reach::Possible,
                failed: 0,
                not_before: Duration::ZERO,
                blind: None,
            })
            .collect();
        Self {
            entries,
            drafts: saved.drafts,
            ..Self::default()
        }
    }

    /// Somebody logged in: the own operations may be sent. Another account's truth is forgotten.
    pub fn log_in(&mut self, account: Account, moment: Moment) -> Vec<LedgerEffect> {
        if self.account.as_ref() != Some(&account) {
            self.truth.clear();
        }
        self.account = Some(account);
        self.paused = false;
        for entry in &mut self.entries {
            entry.not_before = Duration::ZERO;
        }
        self.due(moment)
    }

    /// The session has ended: nothing is sent until the next log-in.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// The user logged out: what was shown is forgotten, operations wait for their user.
    pub fn log_out(&mut self) {
        self.account = None;
        self.truth.clear();
    }

    /// The account that is logged in.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// An operation's record is on the disk: it may be sent.
    pub fn journalled(&mut self, key: &OperationKey, moment: Moment) -> Vec<LedgerEffect> {
        if let Some(entry) = self.entries.iter_mut().find(|e| e.operation.key == *key) {
            entry.durability = Durability::Written;
        }
        self.due(moment)
    }

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

    /// Whether an operation waits for an answer and is of the user who is logged in.
    pub(crate) fn is_own(&self, key: &OperationKey) -> bool {
        self.own().any(|entry| entry.operation.key == *key)
    }

    /// Bookings were read: what is newer enters truth, and what names a pending operation confirms it.
    pub fn fetched(&mut self, bookings: Vec<Booking>, moment: Moment) -> Vec<LedgerEffect> {
        let mut effects = Vec::new();
        for booking in bookings {
            let (locator, version) = (booking.locator, booking.version);
            let made_by = booking.operation.clone();
            self.learn(booking);
            let confirmed = made_by.and_then(|key| self.position(&key));
            if let Some(at) = confirmed {
                let entry = self.entries.remove(at);
                if entry.blind.is_none() {
                    effects.extend(self.confirm(&entry.operation, locator, version));
                }
            }
        }
        effects.extend(self.due(moment));
        effects
    }

    /// A booking is no longer there, or no longer to be seen.
    pub fn gone(&mut self, locator: Locator) {
        self.truth.remove(&locator);
    }

    /// A live event: one that names an own operation confirms it, without a second row; what is newer is read.
    pub fn event(&mut self, event: &BookingChanged, moment: Moment) -> Vec<LedgerEffect> {
        let mut effects = Vec::new();
        let at = event.operation.as_ref().and_then(|key| self.position(key));
        if let Some(at) = at
            && self.entries[at].blind.is_none()
        {
            self.entries[at].blind = Some((event.locator, event.version));
            let operation = self.entries[at].operation.clone();
            effects.extend(self.confirm(&operation, event.locator, event.version));
        }
        let known = self.truth.get(&event.locator).map_or(0, |b| b.version);
        if known < event.version {
            effects.push(LedgerEffect::Fetch(event.locator));
        } else {
            self.settle_blind(event.locator);
        }
        effects.extend(self.due(moment));
        effects
    }

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

    /// Where a reference leads now: to the booking, once the operation that makes it is confirmed.
    pub fn resolve(&self, reference: &Reference) -> Reference {
        match reference {
            Reference::Pending(key) => self
                .aliases
                .get(key)
                .map_or_else(|| reference.clone(), |locator| Reference::Known(*locator)),
            Reference::Known(_) => reference.clone(),
        }
    }

    /// What the server last said of a booking.
    pub fn booking(&self, locator: Locator) -> Option<&Booking> {
        self.truth.get(&locator)
    }

    /// Operations of the present account that wait for an answer, in order.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.own()
            .filter(|e| e.blind.is_none())
            .map(|e| &e.operation)
    }

    /// How many operations wait for another user or another server.
    pub fn foreign(&self) -> usize {
        self.entries.len() - self.own().count()
    }

    /// Operations so old that the agent is asked first: answer with [`Ledger::consent`] or [`Ledger::withdraw`].
    pub fn asking(&self) -> impl Iterator<Item = &Operation> {
        self.own().filter(|e| e.asks()).map(|e| &e.operation)
    }

    /// The agent wants an old operation sent.
    pub fn consent(&mut self, key: &OperationKey, moment: Moment) -> Vec<LedgerEffect> {
        if let Some(at) = self.position(key) {
            self.entries[at].consent = Consent::Given;
        }
        self.due(moment)
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

    /// Drafts of the present account, the oldest first.
    pub fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.drafts
            .iter()
            .filter(|d| Some(&d.operation.account) == self.account.as_ref())
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

    fn own(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|e| Some(&e.operation.account) == self.account.as_ref())
    }

    fn position(&self, key: &OperationKey) -> Option<usize> {
        self.entries.iter().position(|e| e.operation.key == *key)
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

    /// Enters a booking into truth, if it is newer than what is known.
    fn learn(&mut self, booking: Booking) {
        let locator = booking.locator;
        let known = self.truth.get(&locator).map(|b| b.version);
        if known.is_none_or(|version| version < booking.version) {
            self.truth.insert(locator, booking);
        }
        self.settle_blind(locator);
    }

    /// Drops operations that an event confirmed, once truth shows what they did.
    fn settle_blind(&mut self, locator: Locator) {
        let Some(known) = self.truth.get(&locator).map(|b| b.version) else {
            return;
        };
        self.entries
            .retain(|e| !matches!(e.blind, Some((l, version)) if l == locator && version <= known));
    }

    /// An operation is done: its target becomes an alias, and what waited for it may go on.
    fn confirm(
        &mut self,
        operation: &Operation,
        locator: Locator,
        version: u64,
    ) -> Vec<LedgerEffect> {
        if matches!(operation.kind, OperationKind::Create { .. }) {
            self.aliases.insert(operation.key.clone(), locator);
        }
        for entry in &mut self.entries {
            entry.operation.follow(&operation.key, locator, version);
        }
        vec![LedgerEffect::Append(JournalRecord::Confirmed {
            key: operation.key.clone(),
            locator,
            version,
        })]
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
