//! Rows of mails, webhooks and deliveries.

use std::time::Duration;

use airside_common::api::auth::Secret;
use airside_common::api::mails::{Mail, MailState};
use airside_common::api::webhooks::{Delivery, DeliveryAttempt, DeliveryState, Webhook};
use airside_common::time::Instant;

use super::instant::StoredInstant;
use crate::features::notifications::mail::store::ClaimedMail;
use crate::features::notifications::outgoing::{InHand, Verdict};
use crate::features::notifications::webhooks::store::{ClaimedDelivery, webhook_id};
use crate::messages::consumer::Delivery as Message;

fn unreadable(what: &str, id: i64) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} of {id}").into())
}

fn in_hand(id: i64, attempts: i64, age: i64) -> InHand {
    InHand {
        id,
        attempt: u32::try_from(attempts).unwrap_or(u32::MAX),
        age: Duration::from_micros(u64::try_from(age).unwrap_or(0)),
    }
}

fn moment(at: Option<StoredInstant>) -> Result<Option<Instant>, sqlx::Error> {
    Ok(at.map(StoredInstant::timestamp).transpose()?.map(Instant))
}

/// What a verdict makes of a row: its state (`done` is that of what is out), and for how long it waits.
pub(crate) fn state(verdict: Verdict, done: &'static str) -> (&'static str, Duration) {
    match verdict {
        Verdict::Done => (done, Duration::ZERO),
        Verdict::Again(pause) => ("waiting", pause),
        Verdict::Failed => ("failed", Duration::ZERO),
    }
}

/// A change of a booking, as its history has it: the version after it, and the type of its event.
#[derive(sqlx::FromRow)]
pub(crate) struct ChangeRow {
    locator: String,
    version: i64,
    action: String,
}

/// The types of the events that came after that of a message, of the same booking.
pub(crate) fn later<'a>(changes: &'a [ChangeRow], message: &Message) -> Vec<&'a str> {
    let Some(event) = message.envelope.event.booking() else {
        return Vec::new();
    };
    let of_it = changes.iter().filter(|change| {
        change.locator == event.locator.as_str() && change.version > event.version.cast_signed()
    });
    of_it.map(|change| change.action.as_str()).collect()
}

#[derive(sqlx::FromRow)]
pub(crate) struct ClaimedMailRow {
    id: i64,
    attempts: i64,
    age: i64,
    recipient: String,
    body: Vec<u8>,
}

impl From<ClaimedMailRow> for ClaimedMail {
    fn from(row: ClaimedMailRow) -> Self {
        Self {
            hand: in_hand(row.id, row.attempts, row.age),
            recipient: row.recipient,
            body: row.body,
        }
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct MailRow {
    id: i64,
    event: String,
    locator: String,
    recipient: String,
    subject: String,
    state: String,
    attempts: i64,
    answer: Option<String>,
    made_at: StoredInstant,
    due_at: StoredInstant,
    ended_at: Option<StoredInstant>,
}

impl TryFrom<MailRow> for Mail {
    type Error = sqlx::Error;

    fn try_from(row: MailRow) -> Result<Self, sqlx::Error> {
        let wrong = |what| unreadable(what, row.id);
        let state = MailState::of_word(&row.state).ok_or_else(|| wrong("mails.state"))?;
        let due_at = (state == MailState::Waiting).then_some(row.due_at);
        Ok(Self {
            id: row.id.to_string(),
            locator: row.locator.parse().map_err(|_| wrong("mails.locator"))?,
            event: row.event,
            recipient: row.recipient,
            subject: row.subject,
            state,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            answer: row.answer,
            created_at: Instant(row.made_at.timestamp()?),
            next_attempt_at: moment(due_at)?,
            ended_at: moment(row.ended_at)?,
        })
    }
}

/// Whether any webhook is called at all.
pub(crate) const IS_ANY_ENABLED: &str = "SELECT EXISTS (SELECT 1 FROM webhooks WHERE enabled)";

/// A webhook, its events as a JSON array.
#[derive(sqlx::FromRow)]
pub(crate) struct WebhookRow {
    id: i64,
    url: String,
    events: String,
    description: String,
    enabled: bool,
    disabled_reason: Option<String>,
    created_at: StoredInstant,
    updated_at: StoredInstant,
}

impl TryFrom<WebhookRow> for Webhook {
    type Error = sqlx::Error;

    fn try_from(row: WebhookRow) -> Result<Self, sqlx::Error> {
        let events = serde_json::from_str(&row.events);
        Ok(Self {
            id: row.id.to_string(),
            url: row.url,
            events: events.map_err(|_| unreadable("webhooks.events", row.id))?,
            description: row.description,
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            created_at: Instant(row.created_at.timestamp()?),
            updated_at: Instant(row.updated_at.timestamp()?),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct ClaimedDeliveryRow {
    id: i64,
    attempts: i64,
    age: i64,
    webhook: i64,
    message: Option<i64>,
    body: String,
    url: String,
    secret: String,
}

impl From<ClaimedDeliveryRow> for ClaimedDelivery {
    fn from(row: ClaimedDeliveryRow) -> Self {
        Self {
            hand: in_hand(row.id, row.attempts, row.age),
            webhook: row.webhook,
            message: row.message,
            body: row.body,
            url: row.url,
            secret: Secret(row.secret),
        }
    }
}

/// A delivery beside one of its attempts; those of one delivery stand together.
#[derive(sqlx::FromRow)]
pub(crate) struct DeliveryRow {
    id: i64,
    message: Option<i64>,
    event: String,
    state: String,
    made_at: StoredInstant,
    due_at: StoredInstant,
    ended_at: Option<StoredInstant>,
    attempt: Option<i64>,
    at: Option<StoredInstant>,
    status: Option<i64>,
    answer: Option<String>,
}

/// Deliveries with all their attempts.
pub(crate) fn deliveries(rows: Vec<DeliveryRow>) -> Result<Vec<Delivery>, sqlx::Error> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    for row in rows {
        let id = row.id.to_string();
        if deliveries.last().is_none_or(|last| last.id != id) {
            let state = DeliveryState::of_word(&row.state);
            let state = state.ok_or_else(|| unreadable("webhook_deliveries.state", row.id))?;
            let due_at = (state == DeliveryState::Waiting).then_some(row.due_at);
            deliveries.push(Delivery {
                id,
                webhook_id: webhook_id(row.id, row.message),
                event: row.event,
                state,
                attempts: Vec::new(),
                created_at: Instant(row.made_at.timestamp()?),
                next_attempt_at: moment(due_at)?,
                ended_at: moment(row.ended_at)?,
            });
        }
        if let (Some(last), Some(attempt), Some(at)) = (deliveries.last_mut(), row.attempt, row.at)
        {
            last.attempts.push(DeliveryAttempt {
                attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
                at: Instant(at.timestamp()?),
                status: row.status.and_then(|status| u16::try_from(status).ok()),
                answer: row.answer.unwrap_or_default(),
            });
        }
    }
    Ok(deliveries)
}
