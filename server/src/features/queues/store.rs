//! What queues need of a database.

use airside_common::api::queues::{QueueItem, QueueTotal};
use airside_common::locator::Locator;
use airside_common::queue::{QueueItemId, QueueNumber};
use airside_common::text::Remark;
use airside_common::user::{Office, Username};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::features::audit::entry::NewEntry;
use crate::messages::consumer::Delivery;
use crate::store::StoreError;

/// Why an entry is not what was wished.
#[derive(Debug, thiserror::Error)]
pub enum QueueStoreError {
    /// There is no such entry on this queue of the office, or no such booking.
    #[error("there is no such entry")]
    NotFound,
    /// Somebody else has taken it.
    #[error("{0} has taken the entry")]
    InHand(Username),
    /// It is done with.
    #[error("the entry is done with")]
    Done,
    /// The time is not later than the database's, or too late.
    #[error("a time that has passed, or more than a year away")]
    Past,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for QueueStoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A queue of an office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfQueue {
    /// Whose.
    pub office: Office,
    /// Which one.
    pub queue: QueueNumber,
}

/// An entry that somebody works at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfItem {
    /// The queue.
    pub queue: OfQueue,
    /// The entry.
    pub id: QueueItemId,
    /// Who works at it.
    pub by: Username,
}

/// A booking that somebody puts on a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// The queue.
    pub queue: OfQueue,
    /// Which booking of the office.
    pub locator: Locator,
    /// What there is to say.
    pub remark: Option<Remark>,
    /// Who puts it there.
    pub by: Username,
}

/// Until when an entry is put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// A time.
    At(Timestamp),
    /// So long from now.
    In(SignedDuration),
}

/// How far an entry may be put off.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_hours(366 * 24);

impl Until {
    /// The time that is meant at a time; it is later, by a year at most.
    pub fn after(self, now: Timestamp) -> Result<Timestamp, QueueStoreError> {
        let until = match self {
            Self::At(until) => until,
            Self::In(time) => now + time,
        };
        if until > now && until <= now + LONGEST_DELAY {
            Ok(until)
        } else {
            Err(QueueStoreError::Past)
        }
    }
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// When the last entry can be taken, in microseconds since 1970-01-01 UTC.
    pub due_at: i64,
    /// The entry.
    pub id: i64,
}

/// Offices' queues in a database, by its clock. Each method is one transaction.
#[async_trait]
pub trait QueueStore: Send + Sync + 'static {
    /// Records messages, and makes the queues what they mean.
    async fn react(&self, batch: &[Delivery]) -> Result<(), StoreError>;

    /// How much lies on the queues of an office, all of them.
    async fn totals(&self, office: &Office) -> Result<Vec<QueueTotal>, StoreError>;

    /// What is not done with, in the order in which it is taken.
    async fn items(
        &self,
        of: &OfQueue,
        behind: Option<Position>,
        limit: u32,
    ) -> Result<Vec<QueueItem>, StoreError>;

    /// The next entry that can be taken is somebody's for a while; `None` where there is none.
    async fn take(
        &self,
        of: &OfQueue,
        by: &Username,
        time: SignedDuration,
    ) -> Result<Option<QueueItem>, StoreError>;

    /// Puts a booking of the office on a queue. Where somebody has put it there before, it gets the new remark.
    async fn place(&self, item: &NewItem, audit: NewEntry) -> Result<QueueItem, QueueStoreError>;

    /// An entry is done with; one that was before stays as it is. Where something has come since its holder has taken it, it is
    /// not: it is in nobody's hands, and nothing is audited. Who asks again before they have taken it again gets the same answer.
    async fn finish(&self, item: &OfItem, audit: NewEntry) -> Result<QueueItem, QueueStoreError>;

    /// An entry is put off, and in nobody's hands. Where something has come since its holder has taken it, it can be taken at
    /// once, as with [`Self::finish`].
    async fn delay(
        &self,
        item: &OfItem,
        until: Until,
        audit: NewEntry,
    ) -> Result<QueueItem, QueueStoreError>;

    /// Forgets at most `limit` entries that were done with more than `age` ago; answers how many.
    async fn forget_items(&self, age: SignedDuration, limit: u32) -> Result<u64, StoreError>;
}

#[cfg(test)]
pub(crate) mod contract;
