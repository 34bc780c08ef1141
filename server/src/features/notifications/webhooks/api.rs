//! Endpoints of webhooks, for admins.

use airside_common::api::problem::Code;
use airside_common::api::webhooks::{
    CreateWebhook, DeliveryPage, PatchWebhook, Webhook, WebhookMade, WebhookPage,
};
use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::service::{WebhookError, Webhooks};
use crate::features::audit::entry::Author;
use crate::features::flights::api::page_size;
use crate::http::authentication::AdminAuth;
use crate::http::body::{Body, JsonBytes};
use crate::http::context::RequestId;
use crate::http::problem::ProblemAnswer;

/// Endpoints of webhooks.
#[derive(Clone)]
pub struct WebhooksApi {
    webhooks: Webhooks,
}

impl WebhooksApi {
    /// Endpoints over a service.
    pub fn new(webhooks: Webhooks) -> Self {
        Self { webhooks }
    }
}

impl From<WebhookError> for ProblemAnswer {
    fn from(error: WebhookError) -> Self {
        let text = error.to_string();
        match error {
            WebhookError::NotFound => Self::new(Code::NotFound, text),
            WebhookError::Target(_) => Self::field("url", text),
            WebhookError::NoEvents => Self::field("events", text),
            WebhookError::Event { index } => Self::field(format!("events[{index}]"), text),
            WebhookError::Description => Self::field("description", text),
            WebhookError::Nothing => Self::field("body", text),
            WebhookError::Disabled => Self::new(Code::Conflict, text),
            WebhookError::Test(_) => {
                Self::new(Code::Internal, "the test could not be written").because(text)
            }
            WebhookError::Store(error) => error.into(),
        }
    }
}

/// A webhook that was made.
#[derive(ApiResponse)]
pub enum WebhookCreated {
    /// The webhook, and its secret, which is shown this once.
    #[oai(status = 201)]
    Created(
        JsonBytes<WebhookMade>,
        /// Where the webhook is.
        #[oai(header = "Location")]
        String,
    ),
}

/// A webhook that was removed.
#[derive(ApiResponse)]
pub enum WebhookGone {
    /// It is not here any more.
    #[oai(status = 204)]
    Gone,
}

/// A test that will be made.
#[derive(ApiResponse)]
pub enum TestQueued {
    /// The webhook will be called.
    #[oai(status = 202)]
    Queued(
        /// Where it is found what came of it.
        #[oai(header = "Location")]
        String,
    ),
}

fn number(id: &str) -> Result<i64, ProblemAnswer> {
    id.parse().map_err(|_| WebhookError::NotFound.into())
}

fn before(cursor: Option<String>) -> Result<Option<i64>, ProblemAnswer> {
    cursor
        .map(|text| text.parse::<i64>())
        .transpose()
        .map_err(|_| ProblemAnswer::field("cursor", "take it from the page before"))
}

#[OpenApi(prefix_path = "/v1/admin")]
impl WebhooksApi {
    /// List webhooks, the newest first
    #[oai(path = "/webhooks", method = "get", operation_id = "listWebhooks")]
    async fn list(
        &self,
        _admin: AdminAuth,
        /// Webhooks of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<WebhookPage>, ProblemAnswer> {
        let limit = page_size(limit.0)?;
        JsonBytes::of(&self.webhooks.list(before(cursor.0)?, limit).await?)
    }

    /// Make a webhook
    ///
    /// It is called with a POST for each event of its types: the body is a CloudEvents envelope, and the headers
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature` are those of Standard Webhooks. 2xx within 15 seconds means
    /// that it was taken; otherwise it is called again, for three days. 410 ends the webhook; redirects are not followed. A
    /// call may come twice, with the same `webhook-id`, and in no certain order: `aggregateversion` in the envelope says what is
    /// newer.
    #[oai(path = "/webhooks", method = "post", operation_id = "createWebhook")]
    async fn create(
        &self,
        admin: AdminAuth,
        request: RequestId,
        body: Body<CreateWebhook>,
    ) -> Result<WebhookCreated, ProblemAnswer> {
        let author = Author::of(&admin.0, &request);
        let made = self.webhooks.create(&author, body.0).await?;
        Ok(WebhookCreated::Created(
            JsonBytes::of(&made)?,
            format!("/v1/admin/webhooks/{}", made.webhook.id),
        ))
    }

    /// Read a webhook
    #[oai(path = "/webhooks/:id", method = "get", operation_id = "readWebhook")]
    async fn read(
        &self,
        _admin: AdminAuth,
        id: Path<String>,
    ) -> Result<JsonBytes<Webhook>, ProblemAnswer> {
        JsonBytes::of(&self.webhooks.webhook(number(&id.0)?).await?)
    }

    /// Change a webhook
    #[oai(
        path = "/webhooks/:id",
        method = "patch",
        operation_id = "changeWebhook"
    )]
    async fn change(
        &self,
        admin: AdminAuth,
        request: RequestId,
        id: Path<String>,
        body: Body<PatchWebhook>,
    ) -> Result<JsonBytes<Webhook>, ProblemAnswer> {
        let author = Author::of(&admin.0, &request);
        let changed = self.webhooks.change(&author, number(&id.0)?, body.0);
        JsonBytes::of(&changed.await?)
    }

    /// Remove a webhook, and its log
    #[oai(
        path = "/webhooks/:id",
        method = "delete",
        operation_id = "deleteWebhook"
    )]
    async fn remove(
        &self,
        admin: AdminAuth,
        request: RequestId,
        id: Path<String>,
    ) -> Result<WebhookGone, ProblemAnswer> {
        let author = Author::of(&admin.0, &request);
        self.webhooks.remove(&author, number(&id.0)?).await?;
        Ok(WebhookGone::Gone)
    }

    /// Call a webhook with an event of the type `webhook.test`, once
    #[oai(
        path = "/webhooks/:id/test",
        method = "post",
        operation_id = "testWebhook"
    )]
    async fn test(
        &self,
        admin: AdminAuth,
        request: RequestId,
        id: Path<String>,
    ) -> Result<TestQueued, ProblemAnswer> {
        let author = Author::of(&admin.0, &request);
        let id = number(&id.0)?;
        self.webhooks.test(&author, id).await?;
        let log = format!("/v1/admin/webhooks/{id}/deliveries");
        Ok(TestQueued::Queued(log))
    }

    /// List what a webhook was told, and what it answered
    ///
    /// What waits, and for 30 days what has ended; the newest comes first.
    #[oai(
        path = "/webhooks/:id/deliveries",
        method = "get",
        operation_id = "listWebhookDeliveries"
    )]
    async fn deliveries(
        &self,
        _admin: AdminAuth,
        id: Path<String>,
        /// Deliveries of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<DeliveryPage>, ProblemAnswer> {
        let limit = page_size(limit.0)?;
        let (id, before) = (number(&id.0)?, before(cursor.0)?);
        JsonBytes::of(&self.webhooks.deliveries(id, before, limit).await?)
    }
}
