//! What admins do with webhooks.

use std::sync::Arc;

use airside_common::api::webhooks::{
    CreateWebhook, DeliveryPage, PatchWebhook, Webhook, WebhookMade, WebhookPage,
};
use airside_common::text::is_control;
use uuid::Uuid;

use super::addresses::Reach;
use super::events::{EVENTS, TEST};
use super::signature;
use super::store::{NewWebhook, WebhookChange, WebhookStore};
use super::target::{Target, TargetError};
use crate::clock::SharedClock;
use crate::features::audit::entry::Author;
use crate::messages::cloud_event;
use crate::store::StoreError;

/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 200;

/// Why a webhook was not made, changed or tested.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is none of this number.
    #[error("there is no such webhook")]
    NotFound,
    /// Its address is not taken.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// It is told nothing.
    #[error("name one type of event at least, of {}", EVENTS.join(", "))]
    NoEvents,
    /// There is no such event, or none that others are told.
    #[error("is one of {}", EVENTS.join(", "))]
    Event {
        /// Which of them, from 0.
        index: usize,
    },
    /// The description is too long, or drives a terminal.
    #[error("has {LONGEST_DESCRIPTION} characters at most, none of them a control character")]
    Description,
    /// Nothing was to be changed.
    #[error("nothing to change: give a url, events, a description or `enabled`")]
    Nothing,
    /// Who is not called is not tested.
    #[error("the webhook is disabled; enable it first")]
    Disabled,
    /// The test cannot be written.
    #[error("the test: {0}")]
    Test(#[from] serde_json::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Webhooks as admins know them.
#[derive(Clone)]
pub struct Webhooks {
    store: Arc<dyn WebhookStore>,
    reach: Reach,
    clock: SharedClock,
}

impl Webhooks {
    /// Those of a store, which may be in some places.
    pub fn new(store: Arc<dyn WebhookStore>, reach: Reach, clock: SharedClock) -> Self {
        Self {
            store,
            reach,
            clock,
        }
    }

    /// A page, the newest first.
    pub async fn list(&self, before: Option<i64>, limit: u8) -> Result<WebhookPage, StoreError> {
        let mut items = self.store.webhooks(before, u32::from(limit) + 1).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let next_cursor = items.last().filter(|_| more).map(|last| last.id.clone());
        Ok(WebhookPage { items, next_cursor })
    }

    /// One of them.
    pub async fn webhook(&self, id: i64) -> Result<Webhook, WebhookError> {
        let found = self.store.webhook(id).await?;
        found.ok_or(WebhookError::NotFound)
    }

    /// Makes one; its secret is answered this once.
    pub async fn create(
        &self,
        author: &Author,
        new: CreateWebhook,
    ) -> Result<WebhookMade, WebhookError> {
        let target = Target::parse(&new.url, self.reach)?;
        let new = NewWebhook {
            url: target.url().to_string(),
            events: events(new.events)?,
            description: description(new.description.unwrap_or_default())?,
            secret: signature::random(),
        };
        // Its number is not known yet, and its path may be a secret.
        let entry = author.did("webhook.created", target.host().to_owned());
        let now = self.clock.now();
        let webhook = self.store.create_webhook(&new, now, &entry).await?;
        Ok(WebhookMade {
            webhook,
            secret: new.secret,
        })
    }

    /// Changes one.
    pub async fn change(
        &self,
        author: &Author,
        id: i64,
        patch: PatchWebhook,
    ) -> Result<Webhook, WebhookError> {
        if patch == PatchWebhook::default() {
            return Err(WebhookError::Nothing);
        }
        let target = patch.url.map(|url| Target::parse(&url, self.reach));
        let change = WebhookChange {
            url: target.transpose()?.map(|target| target.url().to_string()),
            events: patch.events.map(events).transpose()?,
            description: patch.description.map(description).transpose()?,
            enabled: patch.enabled,
        };
        let action = match patch.enabled {
            Some(true) => "webhook.enabled",
            Some(false) => "webhook.disabled",
            None => "webhook.changed",
        };
        let entry = author.did(action, id.to_string());
        let now = self.clock.now();
        let changed = self.store.change_webhook(id, &change, now, &entry).await?;
        changed.ok_or(WebhookError::NotFound)
    }

    /// Removes one.
    pub async fn remove(&self, author: &Author, id: i64) -> Result<(), WebhookError> {
        let entry = author.did("webhook.deleted", id.to_string());
        let now = self.clock.now();
        if self.store.remove_webhook(id, now, &entry).await? {
            Ok(())
        } else {
            Err(WebhookError::NotFound)
        }
    }

    /// Has one called with an event that did not happen. What came of it is in its log.
    pub async fn test(&self, author: &Author, id: i64) -> Result<(), WebhookError> {
        if !self.webhook(id).await?.enabled {
            return Err(WebhookError::Disabled);
        }
        let now = self.clock.now();
        let body = cloud_event::test(&format!("test-{}", Uuid::new_v4()), TEST, now)?;
        let entry = author.did("webhook.tested", id.to_string());
        let queued = self.store.queue_test(id, TEST, &body, now, &entry);
        Ok(queued.await?)
    }

    /// What one was told, the newest first.
    pub async fn deliveries(
        &self,
        id: i64,
        before: Option<i64>,
        limit: u8,
    ) -> Result<DeliveryPage, WebhookError> {
        self.webhook(id).await?;
        let found = self.store.deliveries(id, before, u32::from(limit) + 1);
        let mut items = found.await?;
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let next_cursor = items.last().filter(|_| more).map(|last| last.id.clone());
        Ok(DeliveryPage { items, next_cursor })
    }
}

/// Types of events, each once.
fn events(mut events: Vec<String>) -> Result<Vec<String>, WebhookError> {
    let is_unknown = |event: &String| !EVENTS.contains(&event.as_str());
    if let Some(index) = events.iter().position(is_unknown) {
        return Err(WebhookError::Event { index });
    }
    if events.is_empty() {
        return Err(WebhookError::NoEvents);
    }
    events.sort_unstable();
    events.dedup();
    Ok(events)
}

fn description(text: String) -> Result<String, WebhookError> {
    if text.chars().count() > LONGEST_DESCRIPTION || text.chars().any(is_control) {
        return Err(WebhookError::Description);
    }
    Ok(text)
}
