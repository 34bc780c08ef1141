//! Endpoints of offices' queues.

use airside_common::api::problem::Code;
use airside_common::api::queues::{
    DelayItem, PlaceItem, QueueItem, QueueItemPage, QueueTotals, TakenItem,
};
use airside_common::queue::{QueueItemId, QueueNumber};
use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::service::{OfficeQueues, QueueError};
use super::store::{Position, QueueStoreError};
use crate::features::audit::entry::Author;
use crate::features::flights::api::page_size;
use crate::http::authentication::AgentAuth;
use crate::http::body::{Body, JsonBytes};
use crate::http::context::RequestId;
use crate::http::problem::ProblemAnswer;

/// Endpoints of queues.
#[derive(Clone)]
pub struct QueuesApi {
    queues: OfficeQueues,
}

impl QueuesApi {
    /// Endpoints over a service.
    pub fn new(queues: OfficeQueues) -> Self {
        Self { queues }
    }
}

impl From<QueueError> for ProblemAnswer {
    fn from(error: QueueError) -> Self {
        let text = error.to_string();
        match error {
            QueueError::Refused(problem) => (*problem).into(),
            QueueError::Booking(error) => error.into(),
            QueueError::Store(error) => match error {
                QueueStoreError::NotFound => Self::new(Code::NotFound, text),
                QueueStoreError::InHand(_) | QueueStoreError::Done | QueueStoreError::Past => {
                    Self::new(Code::Conflict, text)
                }
                QueueStoreError::Store(error) => error.into(),
            },
        }
    }
}

/// What was taken, if there was something.
#[derive(ApiResponse)]
pub enum Taken {
    /// The entry with its booking.
    #[oai(status = 200)]
    Item(JsonBytes<TakenItem>),
    /// Nothing is to be done now.
    #[oai(status = 204)]
    Nothing,
}

/// An entry that was placed.
#[derive(ApiResponse)]
pub enum Placed {
    /// The entry.
    #[oai(status = 201)]
    Item(JsonBytes<QueueItem>),
}

/// The queue of a number, if there is such a one.
fn named(number: &str) -> Result<QueueNumber, ProblemAnswer> {
    number
        .parse()
        .map_err(|_| ProblemAnswer::new(Code::NotFound, format!("there is no queue {number}")))
}

/// The place that a cursor holds.
fn position(cursor: Option<&str>) -> Result<Option<Position>, ProblemAnswer> {
    let parse = |text: &str| {
        let (due_at, id) = text.split_once('.')?;
        Some(Position {
            due_at: due_at.parse().ok()?,
            id: id.parse().ok()?,
        })
    };
    cursor
        .map(|text| {
            parse(text)
                .ok_or_else(|| ProblemAnswer::field("cursor", "take it from the page before"))
        })
        .transpose()
}

#[OpenApi(prefix_path = "/v1")]
impl QueuesApi {
    /// The queues of the own office
    ///
    /// 0 holds what somebody put there, 1 flights cancelled (UN), 2 waitlists cleared, 7 schedule changes (TK), 8 time limits
    /// that are near.
    #[oai(path = "/queues", method = "get", operation_id = "listQueues")]
    async fn totals(&self, caller: AgentAuth) -> Result<JsonBytes<QueueTotals>, ProblemAnswer> {
        JsonBytes::of(&self.queues.totals(&caller.0).await?)
    }

    /// What lies on a queue
    ///
    /// All that is not done with, in the order in which it is taken.
    #[oai(
        path = "/queues/:queue/items",
        method = "get",
        operation_id = "listQueueItems"
    )]
    async fn items(
        &self,
        caller: AgentAuth,
        /// The queue's number.
        queue: Path<String>,
        /// Entries of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<QueueItemPage>, ProblemAnswer> {
        let queue = named(&queue.0)?;
        let (behind, limit) = (position(cursor.0.as_deref())?, page_size(limit.0)?);
        JsonBytes::of(&self.queues.items(&caller.0, queue, behind, limit).await?)
    }

    /// Take the next entry of a queue
    ///
    /// It is the caller's alone for some minutes (`bookings.queue_lease_minutes`); nobody else gets it meanwhile. What is neither
    /// done nor put off by then can be taken again. 204 where there is nothing to be taken.
    #[oai(
        path = "/queues/:queue/take",
        method = "post",
        operation_id = "takeQueueItem"
    )]
    async fn take(
        &self,
        caller: AgentAuth,
        /// The queue's number.
        queue: Path<String>,
    ) -> Result<Taken, ProblemAnswer> {
        let taken = self.queues.take(&caller.0, named(&queue.0)?).await?;
        Ok(match taken {
            Some(taken) => Taken::Item(JsonBytes::of(&taken)?),
            None => Taken::Nothing,
        })
    }

    /// Put a booking on a queue
    ///
    /// One of the own office. Where somebody has put it there before and it is not done with, it gets the new remark.
    #[oai(
        path = "/queues/:queue/items",
        method = "post",
        operation_id = "placeQueueItem"
    )]
    async fn place(
        &self,
        caller: AgentAuth,
        request_id: RequestId,
        /// The queue's number.
        queue: Path<String>,
        body: Body<PlaceItem>,
    ) -> Result<Placed, ProblemAnswer> {
        let author = Author::of(&caller.0, &request_id);
        let queue = named(&queue.0)?;
        let item = self.queues.place(&caller.0, queue, body.0, &author).await?;
        Ok(Placed::Item(JsonBytes::of(&item)?))
    }

    /// Be done with an entry
    ///
    /// Entries whose reason is gone, since what was to be done was done with the booking, or it was cancelled, are done with by
    /// themselves. Where something happened to the booking after the entry was taken, or it was placed once more by somebody
    /// else, it is not done with: `state` is `waiting`, and taking it gives it again, with the booking as it is now. 409 where
    /// somebody else has taken it.
    #[oai(
        path = "/queues/:queue/items/:id/done",
        method = "post",
        operation_id = "finishQueueItem"
    )]
    async fn finish(
        &self,
        caller: AgentAuth,
        request_id: RequestId,
        /// The queue's number.
        queue: Path<String>,
        /// The entry.
        id: Path<QueueItemId>,
    ) -> Result<JsonBytes<QueueItem>, ProblemAnswer> {
        let author = Author::of(&caller.0, &request_id);
        let queue = named(&queue.0)?;
        JsonBytes::of(&self.queues.finish(&caller.0, queue, id.0, &author).await?)
    }

    /// Put an entry off
    ///
    /// Until then nobody gets it. Where something happened to the booking after the entry was taken, it is not put off: `state`
    /// is `waiting`, as with `done`. 409 where somebody else has taken it, or it is done with.
    #[oai(
        path = "/queues/:queue/items/:id/delay",
        method = "post",
        operation_id = "delayQueueItem"
    )]
    async fn delay(
        &self,
        caller: AgentAuth,
        request_id: RequestId,
        /// The queue's number.
        queue: Path<String>,
        /// The entry.
        id: Path<QueueItemId>,
        body: Body<DelayItem>,
    ) -> Result<JsonBytes<QueueItem>, ProblemAnswer> {
        let author = Author::of(&caller.0, &request_id);
        let queue = named(&queue.0)?;
        let item = self.queues.delay(&caller.0, queue, id.0, &body.0, &author);
        JsonBytes::of(&item.await?)
    }
}
