//! What agents do with their office's queues. No HTTP and no SQL.

use std::sync::Arc;
use std::time::Duration;

use airside_common::api::problem::Problem;
use airside_common::api::queues::{
    DelayItem, PlaceItem, QueueItem, QueueItemPage, QueueTotals, TakenItem,
};
use airside_common::queue::{QueueItemId, QueueNumber};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::store::{NewItem, OfItem, OfQueue, Position, QueueStore, QueueStoreError, Until};
use crate::features::audit::entry::Author;
use crate::features::auth::caller::Caller;
use crate::features::bookings::reading::Reading;
use crate::features::bookings::service::BookingError;
use crate::store::StoreError;

/// How long entries are kept that are done with.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often old ones are forgotten, and how many in one transaction.
const FORGET_EVERY: Duration = Duration::from_mins(10);
const FORGET_AT_ONCE: u32 = 1_000;

/// The most minutes for which an entry is put off: a year.
const LONGEST_DELAY: u32 = 365 * 24 * 60;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The request is refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The entry is not what was wished.
    #[error(transparent)]
    Store(#[from] QueueStoreError),
    /// The booking of an entry cannot be read.
    #[error(transparent)]
    Booking(#[from] BookingError),
}

impl From<StoreError> for QueueError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// The queues of offices.
#[derive(Clone)]
pub struct OfficeQueues {
    store: Arc<dyn QueueStore>,
    bookings: Reading,
    lease: SignedDuration,
}

impl OfficeQueues {
    /// Queues in a store; what is taken is whose who takes it for a while.
    pub fn new(store: Arc<dyn QueueStore>, bookings: Reading, lease: SignedDuration) -> Self {
        Self {
            store,
            bookings,
            lease,
        }
    }

    /// How much lies on the queues of the caller's office.
    pub async fn totals(&self, caller: &Caller) -> Result<QueueTotals, QueueError> {
        Ok(QueueTotals {
            items: self.store.totals(&caller.office).await?,
            next_cursor: None,
        })
    }

    /// What lies on a queue and is not done with.
    pub async fn items(
        &self,
        caller: &Caller,
        queue: QueueNumber,
        behind: Option<Position>,
        limit: u8,
    ) -> Result<QueueItemPage, QueueError> {
        let of = of(caller, queue);
        let mut items = self.store.items(&of, behind, u32::from(limit) + 1).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let last = items.last().filter(|_| more);
        let next_cursor =
            last.map(|last| format!("{}.{}", last.due_at.0.as_microsecond(), last.id));
        Ok(QueueItemPage { items, next_cursor })
    }

    /// The next entry of a queue, for the caller alone for a while, with its booking.
    pub async fn take(
        &self,
        caller: &Caller,
        queue: QueueNumber,
    ) -> Result<Option<TakenItem>, QueueError> {
        let of = of(caller, queue);
        let taken = self.store.take(&of, &caller.username, self.lease).await?;
        let Some(item) = taken else {
            return Ok(None);
        };
        let booking = self.bookings.booking(caller, item.locator).await?;
        Ok(Some(TakenItem { item, booking }))
    }

    /// Puts a booking of the caller's office on a queue.
    pub async fn place(
        &self,
        caller: &Caller,
        queue: QueueNumber,
        body: PlaceItem,
        author: &Author,
    ) -> Result<QueueItem, QueueError> {
        let audit = author.did("queue.placed", format!("{queue}/{}", body.locator));
        let item = NewItem {
            queue: of(caller, queue),
            locator: body.locator,
            remark: body.remark,
            by: caller.username.clone(),
        };
        Ok(self.store.place(&item, audit).await?)
    }

    /// The caller has done what an entry was there for.
    pub async fn finish(
        &self,
        caller: &Caller,
        queue: QueueNumber,
        id: QueueItemId,
        author: &Author,
    ) -> Result<QueueItem, QueueError> {
        let audit = author.did("queue.done", format!("{queue}/{id}"));
        let item = item(caller, queue, id);
        Ok(self.store.finish(&item, audit).await?)
    }

    /// The caller puts an entry off.
    pub async fn delay(
        &self,
        caller: &Caller,
        queue: QueueNumber,
        id: QueueItemId,
        body: &DelayItem,
        author: &Author,
    ) -> Result<QueueItem, QueueError> {
        let until = until(body).map_err(|problem| QueueError::Refused(Box::new(problem)))?;
        let audit = author.did("queue.delayed", format!("{queue}/{id}"));
        let item = item(caller, queue, id);
        match self.store.delay(&item, until, audit).await {
            Err(QueueStoreError::Past) => Err(QueueError::Refused(Box::new(Problem::field(
                "until",
                "lies ahead, within a year",
            )))),
            done => Ok(done?),
        }
    }

    /// Forgets entries that were done with long ago, now and every ten minutes, until told to stop.
    pub async fn forget(self, stop: CancellationToken) {
        loop {
            match self.store.forget_items(KEPT, FORGET_AT_ONCE).await {
                Ok(gone) if gone >= u64::from(FORGET_AT_ONCE) && !stop.is_cancelled() => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "old entries of queues stay for now"),
            }
            tokio::select! {
                () = tokio::time::sleep(FORGET_EVERY) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

fn of(caller: &Caller, queue: QueueNumber) -> OfQueue {
    OfQueue {
        office: caller.office.clone(),
        queue,
    }
}

fn item(caller: &Caller, queue: QueueNumber, id: QueueItemId) -> OfItem {
    OfItem {
        queue: of(caller, queue),
        id,
        by: caller.username.clone(),
    }
}

fn until(body: &DelayItem) -> Result<Until, Problem> {
    match (body.until, body.minutes) {
        (Some(until), None) => Ok(Until::At(until.0)),
        (None, Some(minutes)) if (1..=LONGEST_DELAY).contains(&minutes) => {
            Ok(Until::In(SignedDuration::from_mins(minutes.into())))
        }
        (None, Some(_)) => Err(Problem::field(
            "minutes",
            format!("1 to {LONGEST_DELAY} minutes"),
        )),
        (None, None) => Err(Problem::field(
            "minutes",
            "say for how long, or `until` when",
        )),
        (Some(_), Some(_)) => Err(Problem::field("minutes", "one of `until` and `minutes`")),
    }
}
