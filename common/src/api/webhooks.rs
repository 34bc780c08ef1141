//! Webhooks: programs that are called when something happens.

use serde::{Deserialize, Serialize};

use super::auth::Secret;
use crate::time::Instant;

/// `POST /v1/admin/webhooks`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct CreateWebhook {
    /// Where it is called: `https://…`, a public address.
    pub url: String,
    /// The types of events that it is told, such as `booking.created`.
    pub events: Vec<String>,
    /// What it is for: at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub description: Option<String>,
}

/// `PATCH /v1/admin/webhooks/{id}`: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct PatchWebhook {
    /// Another address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Another description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `false`: it is told nothing, and what waits for it is given up. `true`: it is told what happens from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Webhook {
    /// Its number.
    pub id: String,
    /// Where it is called.
    pub url: String,
    /// The types of events that it is told.
    pub events: Vec<String>,
    /// What it is for.
    pub description: String,
    /// Whether it is called.
    pub enabled: bool,
    /// Why it is not, where its own answer was the reason.
    pub disabled_reason: Option<String>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
}

/// A webhook that was made, with its secret, which is never shown again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct WebhookMade {
    /// It.
    pub webhook: Webhook,
    /// By which it verifies that a call comes from here: `whsec_` and the key in base64 (Standard Webhooks).
    pub secret: Secret,
}

/// `GET /v1/admin/webhooks`, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct WebhookPage {
    /// The webhooks.
    pub items: Vec<Webhook>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum DeliveryState {
    /// The webhook will be called, for the first time or again.
    Waiting,
    /// It answered 2xx.
    Delivered,
    /// It did not for three days, or is not called any more.
    Failed,
}

impl DeliveryState {
    /// The word used in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::Failed]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// One call of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct DeliveryAttempt {
    /// Which one, from 1.
    pub attempt: u32,
    /// When.
    pub at: Instant,
    /// The HTTP status of the answer; null where none came.
    pub status: Option<u16>,
    /// The beginning of the answer, or why none came.
    pub answer: String,
}

/// What a webhook is told of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Delivery {
    /// Its number.
    pub id: String,
    /// The `webhook-id` of each of its calls.
    pub webhook_id: String,
    /// The event's type.
    pub event: String,
    /// How far it is.
    pub state: DeliveryState,
    /// The calls, the first one first.
    pub attempts: Vec<DeliveryAttempt>,
    /// When it was queued.
    pub created_at: Instant,
    /// When the webhook is called next.
    pub next_attempt_at: Option<Instant>,
    /// When it was delivered or given up.
    pub ended_at: Option<Instant>,
}

/// `GET /v1/admin/webhooks/{id}/deliveries`, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct DeliveryPage {
    /// The deliveries.
    pub items: Vec<Delivery>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}
