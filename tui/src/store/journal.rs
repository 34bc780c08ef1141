//! What is written down before anything is sent, and what a restart makes of it. Pure; the files are
//! [`crate::effects::disk`]'s.

use std::collections::{HashMap, HashSet};

use airside_common::booking::OperationKey;
use airside_common::locator::Locator;
use serde::{Deserialize, Serialize};

use super::operation::{Draft, DraftReason, Operation, OperationState, Reference};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum JournalRecord {
    /// An agent asked for something; it is sent once this is on the disk.
    Submitted {
        /// What was asked for.
        operation: Box<Operation>,
    },
    /// The server did it.
    Confirmed {
        /// The operation.
        key: OperationKey,
        /// The booking that it made or changed.
        locator: Locator,
        /// The booking's version after it.
        version: u64,
    },
    /// It did not happen and is kept as a draft.
    Drafted {
        /// The draft.
        draft: Box<Draft>,
    },
    /// An operation ended without a draft, or its draft was used or thrown away.
    Dropped {
        /// The operation.
        key: OperationKey,
    },
}

impl JournalRecord {
    /// The operation that the record speaks of.
    pub fn key(&self) -> &OperationKey {
        match self {
            Self::Submitted { operation } => &operation.key,
            Self::Confirmed { key, .. } | Self::Dropped { key } => key,
            Self::Drafted { draft } => &draft.operation.key,
        }
    }
}

/// What journals say when they are read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saved {
    /// Operations without a final answer, in the order in which they were asked for.
    pub operations: Vec<Operation>,
    /// Drafts, the oldest first.
    pub drafts: Vec<Draft>,
}

impl Saved {
    /// Reads records back, of one journal or of several after each other: an operation that any of them ended has
    /// ended, and one that several name is there once.
    pub fn replay(records: impl IntoIterator<Item = JournalRecord>) -> Self {
        let mut operations: Vec<Operation> = Vec::new();
        let mut drafts: Vec<Draft> = Vec::new();
        let mut ended: HashSet<OperationKey> = HashSet::new();
        let mut dropped: HashSet<OperationKey> = HashSet::new();
        let mut confirmed: HashMap<OperationKey, (Locator, u64)> = HashMap::new();
        let mut undone: HashMap<OperationKey, DraftReason> = HashMap::new();
        for record in records {
            match record {
                JournalRecord::Submitted { operation } => {
                    if !operations.iter().any(|o| o.key == operation.key) {
                        operations.push(*operation);
                    }
                }
                JournalRecord::Confirmed {
                    key,
                    locator,
                    version,
                } => {
                    ended.insert(key.clone());
                    confirmed.insert(key, (locator, version));
                }
                JournalRecord::Drafted { draft } => {
                    ended.insert(draft.operation.key.clone());
                    undone.insert(draft.operation.key.clone(), draft.reason.of_dependents());
                    if !drafts
                        .iter()
                        .any(|d| d.operation.key == draft.operation.key)
                    {
                        drafts.push(*draft);
                    }
                }
                JournalRecord::Dropped { key } => {
                    ended.insert(key.clone());
                    dropped.insert(key);
                }
            }
        }
        operations.retain(|o| !ended.contains(&o.key));
        drafts.retain(|d| {
            !dropped.contains(&d.operation.key) && !confirmed.contains_key(&d.operation.key)
        });
        undone.retain(|key, _| !confirmed.contains_key(key));
        let mut waiting = Vec::with_capacity(operations.len());
        for mut operation in operations {
            // A console that was killed may have written down what did not happen without what depended on it. Operations
            // stand after what they depend on, so one pass finds all.
            let on = operation.depends_on.as_ref();
            if let Some(reason) = on.and_then(|key| undone.get(key)).cloned() {
                undone.insert(operation.key.clone(), reason.clone());
                drafts.push(Draft { operation, reason });
                continue;
            }
            // Whether it was sent is not written down; so it may have been.
            operation.state = OperationState::Unknown;
            for (key, (locator, version)) in &confirmed {
                operation.follow(key, *locator, *version);
            }
            for key in &dropped {
                operation.stand_alone(key);
            }
            waiting.push(operation);
        }
        Self {
            operations: waiting,
            drafts,
        }
    }

    /// The fewest records that read back to the same: what compaction writes.
    pub fn records(&self) -> impl Iterator<Item = JournalRecord> + '_ {
        let submitted = self
            .operations
            .iter()
            .map(|operation| JournalRecord::Submitted {
                operation: Box::new(operation.clone()),
            });
        let drafted = self.drafts.iter().map(|draft| JournalRecord::Drafted {
            draft: Box::new(draft.clone()),
        });
        submitted.chain(drafted)
    }
}

impl Operation {
    /// Takes notice that another operation was confirmed: what pointed at the unmade booking now names the made one,
    /// and what built on that operation builds on the version that it left.
    pub(super) fn follow(&mut self, key: &OperationKey, locator: Locator, version: u64) {
        if self.target == Reference::Pending(key.clone()) {
            self.target = Reference::Known(locator);
        }
        if self.depends_on.as_ref() == Some(key) {
            self.depends_on = None;
            self.base_version = Some(version);
        }
    }

    /// Takes notice that another operation was refused, and left the booking as it was.
    pub(super) fn stand_alone(&mut self, key: &OperationKey) {
        if self.depends_on.as_ref() == Some(key) {
            self.depends_on = None;
        }
    }
}
