//! The outbox: events that were written in the transaction that made them, for every process that serves.
//!
//! Each process follows it by positions and feeds its own bus ([`follower`]). Those that relay take the events to the queues
//! of those who react to them, each some of the lanes, and delete what was taken there and all have had the time to read
//! ([`relay`]). Whoever was away for longer finds that rows are gone which it has not seen, and tells its consumers so.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use airside_common::event::Event;
use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::bus::Envelope;

pub mod follower;
pub mod relay;

/// A look into the outbox: all of one moment.
#[derive(Debug)]
pub struct Page {
    /// Committed events after the position that was asked for, in order.
    pub events: Vec<Result<Envelope, Unreadable>>,
    /// Everything up to here has been deleted.
    pub pruned: i64,
    /// The newest position that was given. It never goes back, but on a database that is another one.
    pub newest: i64,
}

/// An event that this release cannot read: a newer one wrote it.
#[derive(Debug, thiserror::Error)]
#[error("event {id} cannot be read: {source}")]
pub struct Unreadable {
    /// Its position.
    pub id: i64,
    /// Why.
    pub source: serde_json::Error,
}

/// Why the outbox did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database said no.
    #[error("outbox: {0}")]
    Database(#[from] sqlx::Error),
    /// The database does not answer.
    #[error("the database does not answer")]
    Late(#[from] tokio::time::error::Elapsed),
    /// The file by which processes exclude each other cannot be locked.
    #[error("{path}: {source}")]
    Lock {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The outbox, as those who read it need it.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// The newest position: who reads on from here is told of all that is not yet to be seen in the database.
    async fn present(&self) -> Result<i64, OutboxError>;

    /// Events after a position, at most `limit`.
    async fn read_after(&self, position: i64, limit: u32) -> Result<Page, OutboxError>;

    /// Waits until something was committed; a call between two waits is not lost. Some databases tell only of what this
    /// process commits. One waits at a time.
    async fn appended(&self);

    /// The lanes, as a relay of this process shares them with others.
    fn lanes(&self) -> Box<dyn Lanes>;
}

/// One of sixteen ways from the outbox to the queues. Events of one booking or flight go the same way, and so in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(u8);

impl Lane {
    /// All there are.
    pub const COUNT: u8 = 16;

    /// Every lane.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The lane of an event: by what it speaks of, the same in every process and release.
    pub fn of(event: &Event) -> Self {
        let hash = match event.subject() {
            Some(subject) => Sha256::digest(subject),
            None => Sha256::digest(event.kind()),
        };
        Self(hash[0] % Self::COUNT)
    }

    /// Its number, from 0.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The lane of a number that a database keeps.
    pub(crate) fn numbered(number: i64) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (number < Self::COUNT).then_some(Self(number))
    }
}

/// How long a relay has its lanes without a word. One that does not move any more is replaced by then.
pub const HELD: Duration = Duration::from_secs(5);

/// A relay's share of the lanes. No two relays have the same lane at a time, for all that the databases' clocks say.
#[async_trait]
pub trait Lanes: Send {
    /// Keeps for [`HELD`] what this relay has and should have, takes what nobody has of its share, and leaves what is more:
    /// answers its lanes with the last position that was relayed on each.
    async fn share(&mut self) -> Result<BTreeMap<Lane, i64>, OutboxError>;

    /// Records that lanes have been relayed so far; of a lane that is not this relay's any more nothing is recorded.
    async fn relayed(&mut self, lanes: &BTreeMap<Lane, i64>) -> Result<(), OutboxError>;

    /// Deletes at most `most` events that all lanes have relayed and that are older than `retention` by the database's
    /// clock; answers how many. Only the relay that has the first lane does so.
    async fn prune(&mut self, retention: Duration, most: u32) -> Result<u64, OutboxError>;

    /// Leaves all lanes to others.
    async fn leave(self: Box<Self>);
}

#[cfg(test)]
pub(crate) mod contract;
