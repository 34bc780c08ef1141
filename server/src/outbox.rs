//! The outbox: events that were written in the transaction that made them, for every process that serves.
//!
//! Each process follows it by positions and feeds its own bus ([`follower`]). One process of all relays: it says what was
//! published, and deletes what all have had the time to read ([`relay`]). Whoever was away for longer finds that rows are
//! gone which it has not seen, and tells its consumers so.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

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

    /// Makes this process the one that relays, unless another is.
    async fn lead(&self) -> Result<Option<Box<dyn Leader>>, OutboxError>;
}

/// The right to relay: one process of all has it, until this is dropped, the process ends, or does not move any more.
#[async_trait]
pub trait Leader: Send {
    /// Records everything that is there as published, and deletes at most `most` events that were published longer than
    /// `retention` ago by the database's clock; answers how many. After an error another process may be leading.
    async fn relay(&mut self, retention: Duration, most: u32) -> Result<u64, OutboxError>;

    /// Lets another process lead.
    async fn resign(self: Box<Self>);
}

#[cfg(test)]
pub(crate) mod contract;
