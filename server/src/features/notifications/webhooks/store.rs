//! What webhooks need of a database.

use std::time::Duration;

use airside_common::api::auth::Secret;
use airside_common::api::webhooks::{Delivery as LoggedDelivery, Webhook};
use async_trait::async_trait;
use jiff::Timestamp;

use crate::features::audit::entry::NewEntry;
use crate::features::notifications::outgoing::{InHand, Verdict};
use crate::messages::consumer::Delivery;
use crate::store::StoreError;

#[cfg(test)]
pub(crate) mod contract;

/// A webhook to be made.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Where it is called.
    pub url: String,
    /// What it is told.
    pub events: Vec<String>,
    /// What it is for.
    pub description: String,
    /// By which calls are signed.
    pub secret: Secret,
}

/// What is to become of a webhook; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// Where it is called.
    pub url: Option<String>,
    /// What it is told.
    pub events: Option<Vec<String>>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it is called.
    pub enabled: Option<bool>,
}

/// A delivery in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// Which one, and for which time.
    pub hand: InHand,
    /// To whom.
    pub webhook: i64,
    /// The event's position; none where it is a test.
    pub message: Option<i64>,
    /// The envelope.
    pub body: String,
    /// Where the webhook is.
    pub url: String,
    /// By which the call is signed.
    pub secret: Secret,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status; none where no answer came.
    pub status: Option<u16>,
    /// The beginning of the answer, or why none came.
    pub text: String,
}

/// What follows from a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// The delivery ends, or waits.
    Settled(Verdict),
    /// There is no such webhook any more, as it says itself: it is not called again.
    Gone,
}

/// Webhooks, and what they are told. Each method is one transaction; when something is due is by the database's clock.
#[async_trait]
pub trait WebhookStore: Send + Sync + 'static {
    /// Makes a webhook.
    async fn create_webhook(
        &self,
        new: &NewWebhook,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<Webhook, StoreError>;

    /// Webhooks, the newest first, older than the one of a number.
    async fn webhooks(&self, before: Option<i64>, limit: u32) -> Result<Vec<Webhook>, StoreError>;

    /// One of them.
    async fn webhook(&self, id: i64) -> Result<Option<Webhook>, StoreError>;

    /// Changes one. Where it is called no more, what waits for it is given up. Answers it, if it is there.
    async fn change_webhook(
        &self,
        id: i64,
        change: &WebhookChange,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<Option<Webhook>, StoreError>;

    /// Removes one with all that was written down of it; answers whether it was there.
    async fn remove_webhook(
        &self,
        id: i64,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<bool, StoreError>;

    /// Lets a webhook be told something that did not happen.
    async fn queue_test(
        &self,
        id: i64,
        event: &str,
        body: &str,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<(), StoreError>;

    /// Records messages as done with, and lets all webhooks be told that want to be, each message in its envelope; answers how
    /// many. A message that was done before leads to none.
    async fn queue_deliveries(&self, batch: &[(Delivery, String)]) -> Result<u64, StoreError>;

    /// Takes deliveries in hand that are due, for so long, but none to those that are busy.
    async fn claim_deliveries(
        &self,
        most: usize,
        time: Duration,
        busy: &[i64],
    ) -> Result<Vec<ClaimedDelivery>, StoreError>;

    /// Writes down what came of a call, and what follows. Whoever was too late, and whose delivery is in other hands, changes
    /// nothing.
    async fn settle_delivery(
        &self,
        delivery: &ClaimedDelivery,
        answered: &Answered,
        outcome: CallOutcome,
    ) -> Result<(), StoreError>;

    /// What a webhook was told, the newest first, older than the delivery of a number.
    async fn deliveries(
        &self,
        webhook: i64,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<LoggedDelivery>, StoreError>;

    /// How many wait.
    async fn waiting_deliveries(&self) -> Result<u64, StoreError>;

    /// Forgets deliveries that ended longer than `age` ago, `limit` at most; answers how many.
    async fn forget_deliveries(&self, age: Duration, limit: u32) -> Result<u64, StoreError>;
}

/// The `webhook-id` of a delivery: the same at each attempt.
pub fn webhook_id(delivery: i64, message: Option<i64>) -> String {
    match message {
        Some(message) => format!("evt_{message}"),
        None => format!("test_{delivery}"),
    }
}
