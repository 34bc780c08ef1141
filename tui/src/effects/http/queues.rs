//! Calls about the office's queues.

use std::time::Duration;

use airside_common::api::queues::{
    DelayItem, PlaceItem, QueueItem, QueueItemPage, QueueTotals, TakenItem,
};
use airside_common::queue::QueueItemId;
use reqwest::Method;

use super::calls::Page;
use super::{Api, ApiError, Call};
use crate::store::action::Failure;
use crate::store::queues::{QueueAnswer, QueueCall};

/// How many entries are read at once.
const PAGE: u8 = 100;

impl Api {
    /// The queues of the own office, and how much lies on each.
    pub async fn queues(&self) -> Result<QueueTotals, ApiError> {
        self.call(&Call::get("/v1/queues")).await
    }

    /// What lies on a queue, in the order in which it is taken.
    pub async fn queue_items(
        &self,
        queue: u8,
        cursor: Option<&str>,
    ) -> Result<QueueItemPage, ApiError> {
        let page = Page {
            limit: PAGE,
            cursor,
        };
        let call = Call::get(format!("/v1/queues/{queue}/items")).query(&page)?;
        self.call(&call).await
    }

    /// Takes the next entry of a queue; `None` where nothing is due.
    pub async fn take_queue_item(&self, queue: u8) -> Result<Option<TakenItem>, ApiError> {
        let call = Call::new(Method::POST, format!("/v1/queues/{queue}/take"));
        self.call(&call).await
    }

    /// Is done with an entry; again, it is done with still.
    pub async fn finish_queue_item(
        &self,
        queue: u8,
        id: QueueItemId,
    ) -> Result<QueueItem, ApiError> {
        let path = format!("/v1/queues/{queue}/items/{id}/done");
        self.call(&Call::new(Method::POST, path)).await
    }

    /// Puts an entry off.
    pub async fn delay_queue_item(
        &self,
        queue: u8,
        id: QueueItemId,
        body: &DelayItem,
    ) -> Result<QueueItem, ApiError> {
        let path = format!("/v1/queues/{queue}/items/{id}/delay");
        self.call(&Call::new(Method::POST, path).body(body)?).await
    }

    /// Puts a booking on a queue; where it lies there already, it gets the new remark.
    pub async fn place_queue_item(
        &self,
        queue: u8,
        body: &PlaceItem,
    ) -> Result<QueueItem, ApiError> {
        let call = Call::new(Method::POST, format!("/v1/queues/{queue}/items")).body(body)?;
        self.call(&call).await
    }
}

/// Does what is asked of the queues.
pub(crate) async fn answer(api: &Api, call: QueueCall) -> QueueAnswer {
    match call {
        QueueCall::Totals { request, after } => {
            wait(after).await;
            QueueAnswer::Totals {
                request,
                result: api.queues().await.map_err(Failure::from),
            }
        }
        QueueCall::Items {
            request,
            queue,
            cursor,
            after,
        } => {
            wait(after).await;
            let result = api.queue_items(queue, cursor.as_deref()).await;
            QueueAnswer::Items {
                request,
                result: result.map_err(Failure::from),
            }
        }
        QueueCall::Take { request, queue } => {
            let result = api.take_queue_item(queue).await;
            QueueAnswer::Taken {
                request,
                queue,
                result: result
                    .map(|taken| taken.map(Box::new))
                    .map_err(Failure::from),
            }
        }
        QueueCall::Finish { request, queue, id } => {
            let result = api.finish_queue_item(queue, id).await;
            QueueAnswer::Finished {
                request,
                id,
                result: result.map(Box::new).map_err(Failure::from),
            }
        }
        QueueCall::Delay {
            request,
            queue,
            id,
            body,
        } => {
            let result = api.delay_queue_item(queue, id, &body).await;
            QueueAnswer::Delayed {
                request,
                id,
                result: result.map(Box::new).map_err(Failure::from),
            }
        }
        QueueCall::Place {
            request,
            queue,
            body,
        } => {
            let result = api.place_queue_item(queue, &body).await;
            QueueAnswer::Placed {
                request,
                locator: body.locator,
                result: result.map(Box::new).map_err(Failure::from),
            }
        }
    }
}

async fn wait(after: Duration) {
    if !after.is_zero() {
        tokio::time::sleep(after).await;
    }
}
