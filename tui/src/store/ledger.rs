//! The console's bookings: what the server said, and apart from it what the agent asked for. Pure: what it wants done
//! comes out as [`LedgerEffect`]s, what happened goes in, with the time.
//!
//! Truth is replaced only by a higher version. An operation is sent once its journal record is on the disk, under its
//! own account, one after another for one booking, and is kept until an answer ends it.

pub mod answer;
pub mod backoff;
mod ending;
mod entry;
pub mod fold;
pub mod intent;
mod sending;

use std::collections::BTreeMap;
use std::time::Duration;

use airside_common::api::bookings::Booking;
use airside_common::api::events::BookingChanged;
use airside_common::booking::OperationKey;
use airside_common::locator::Locator;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::journal::{JournalRecord, Saved};
use super::moment::Moment;
use super::operation::{Draft, Operation, OperationKind, Reference};
pub use ending::{Outcome, Step, WithdrawError};
use entry::{Consent, Durability, Entry, Reach};
pub use intent::{Intent, SubmitError};
pub use sending::{ASKS_AFTER, MOST_IN_FLIGHT};

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

    /// Drafts of the present account, the oldest first.
    pub fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.drafts
            .iter()
            .filter(|d| Some(&d.operation.account) == self.account.as_ref())
    }

    fn own(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|e| Some(&e.operation.account) == self.account.as_ref())
    }

    fn position(&self, key: &OperationKey) -> Option<usize> {
        self.entries.iter().position(|e| e.operation.key == *key)
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
}
