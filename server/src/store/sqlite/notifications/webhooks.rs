//! Webhooks and what they are told, on SQLite.

use std::time::Duration;

use airside_common::api::webhooks::{Delivery as LoggedDelivery, Webhook};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use sqlx::sqlite::SqliteTransaction;

use super::super::clock::{now, while_of};
use super::most;
use crate::features::audit::entry::NewEntry;
use crate::features::notifications::outgoing::Verdict;
use crate::features::notifications::webhooks::store::{
    Answered, CallOutcome, ClaimedDelivery, NewWebhook, WebhookChange, WebhookStore,
};
use crate::messages::consumer::Delivery;
use crate::store::StoreError;
use crate::store::rows::notifications::{
    ClaimedDeliveryRow, DeliveryRow, IS_ANY_ENABLED, WebhookRow, deliveries, state,
};
use crate::store::sqlite::messages::first_time;
use crate::store::sqlite::{Sqlite, audit};

/// The columns of a [`WebhookRow`].
macro_rules! columns {
    () => {
        "id, url, events, description, enabled, disabled_reason, created_at, updated_at"
    };
}

/// Gives up what waits for a webhook that is called no more.
async fn give_up(tx: &mut SqliteTransaction<'_>, webhook: i64) -> Result<(), sqlx::Error> {
    sqlx::query(concat!(
        "UPDATE webhook_deliveries SET state = 'failed', body = NULL, ended_at = ",
        now!(),
        " WHERE webhook = ?1 AND state = 'waiting'"
    ))
    .bind(webhook)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[async_trait]
impl WebhookStore for Sqlite {
    async fn create_webhook(
        &self,
        new: &NewWebhook,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<Webhook, StoreError> {
        let mut tx = self.write().await?;
        let row: WebhookRow = sqlx::query_as(concat!(
            "INSERT INTO webhooks (url, events, description, secret, enabled, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5) RETURNING ",
            columns!()
        ))
        .bind(&new.url)
        .bind(json!(new.events).to_string())
        .bind(&new.description)
        .bind(&new.secret.0)
        .bind(now.as_microsecond())
        .fetch_one(&mut *tx)
        .await?;
        audit::append(&mut tx, now, entry).await?;
        tx.commit().await?;
        Ok(row.try_into()?)
    }

    async fn webhooks(&self, before: Option<i64>, limit: u32) -> Result<Vec<Webhook>, StoreError> {
        let rows: Vec<WebhookRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM webhooks WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
        ))
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn webhook(&self, id: i64) -> Result<Option<Webhook>, StoreError> {
        let row: Option<WebhookRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM webhooks WHERE id = ?1"
        ))
        .bind(id)
        .fetch_optional(self.readers())
        .await?;
        Ok(row.map(Webhook::try_from).transpose()?)
    }

    async fn change_webhook(
        &self,
        id: i64,
        change: &WebhookChange,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<Option<Webhook>, StoreError> {
        let mut tx = self.write().await?;
        let events = change
            .events
            .as_ref()
            .map(|events| json!(events).to_string());
        let row: Option<WebhookRow> = sqlx::query_as(concat!(
            "UPDATE webhooks
             SET url = coalesce(?2, url), events = coalesce(?3, events), description = coalesce(?4, description),
                 enabled = coalesce(?5, enabled), disabled_reason = iif(?5 IS NULL, disabled_reason, NULL), updated_at = ?6
             WHERE id = ?1 RETURNING ",
            columns!()
        ))
        .bind(id)
        .bind(&change.url)
        .bind(events)
        .bind(&change.description)
        .bind(change.enabled)
        .bind(now.as_microsecond())
        .fetch_optional(&mut *tx)
        .await?;
        if row.is_some() {
            if change.enabled == Some(false) {
                give_up(&mut tx, id).await?;
            }
            audit::append(&mut tx, now, entry).await?;
        }
        tx.commit().await?;
        Ok(row.map(Webhook::try_from).transpose()?)
    }

    async fn remove_webhook(
        &self,
        id: i64,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let removed = sqlx::query("DELETE FROM webhooks WHERE id = ?1")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        let was_there = removed.rows_affected() > 0;
        if was_there {
            audit::append(&mut tx, now, entry).await?;
        }
        tx.commit().await?;
        Ok(was_there)
    }

    async fn queue_test(
        &self,
        id: i64,
        event: &str,
        body: &str,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query(concat!(
            "INSERT INTO webhook_deliveries (webhook, event, body, state, made_at, due_at)
             SELECT w.id, ?2, ?3, 'waiting', t.now, t.now FROM webhooks w, (SELECT ",
            now!(),
            " AS now) t WHERE w.id = ?1 AND w.enabled"
        ))
        .bind(id)
        .bind(event)
        .bind(body)
        .execute(&mut *tx)
        .await?;
        audit::append(&mut tx, now, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn queue_deliveries(&self, batch: &[(Delivery, String)]) -> Result<u64, StoreError> {
        // The writer is not bothered where nobody wants to know.
        let is_wanted: bool = sqlx::query_scalar(IS_ANY_ENABLED)
            .fetch_one(self.readers())
            .await?;
        if !is_wanted {
            return Ok(0);
        }
        let messages: Vec<Delivery> = batch.iter().map(|(message, _)| message.clone()).collect();
        let mut tx = self.write().await?;
        let new = first_time(&mut tx, &messages).await?;
        let is_new = |message: &Delivery| new.contains(&message);
        let rows: Vec<_> = batch
            .iter()
            .filter(|(message, _)| is_new(message))
            .map(|(message, body)| {
                json!([message.envelope.id, message.envelope.event.kind(), body])
            })
            .collect();
        let queued = sqlx::query(concat!(
            "INSERT INTO webhook_deliveries (webhook, message, event, body, state, made_at, due_at)
             SELECT w.id, j.value ->> 0, j.value ->> 1, j.value ->> 2, 'waiting', t.now, t.now
             FROM json_each(?1) j, webhooks w, (SELECT ",
            now!(),
            " AS now) t
             WHERE w.enabled AND EXISTS (SELECT 1 FROM json_each(w.events) e WHERE e.value = j.value ->> 1)
             ORDER BY j.value ->> 0"
        ))
        .bind(json!(rows).to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(queued.rows_affected())
    }

    async fn claim_deliveries(
        &self,
        count: usize,
        time: Duration,
        busy: &[i64],
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let busy = json!(busy).to_string();
        // The writer is not bothered where there is nothing.
        let next: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT id FROM webhook_deliveries WHERE state = 'waiting' AND due_at <= ",
            now!(),
            " AND webhook NOT IN (SELECT value FROM json_each(?1)) LIMIT 1"
        ))
        .bind(&busy)
        .fetch_optional(self.readers())
        .await?;
        if next.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.write().await?;
        let rows: Vec<ClaimedDeliveryRow> = sqlx::query_as(concat!(
            "UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = ?2 + ",
            now!(),
            " WHERE id IN (
                 SELECT id FROM webhook_deliveries WHERE state = 'waiting' AND due_at <= ",
            now!(),
            " AND webhook NOT IN (SELECT value FROM json_each(?3)) ORDER BY due_at, id LIMIT ?1)
             RETURNING id, attempts, ",
            now!(),
            " - made_at AS age, webhook, message, body,
             (SELECT url FROM webhooks WHERE webhooks.id = webhook) AS url,
             (SELECT secret FROM webhooks WHERE webhooks.id = webhook) AS secret"
        ))
        .bind(most(count))
        .bind(while_of(time))
        .bind(&busy)
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(ClaimedDelivery::from).collect())
    }

    async fn settle_delivery(
        &self,
        delivery: &ClaimedDelivery,
        answered: &Answered,
        outcome: CallOutcome,
    ) -> Result<(), StoreError> {
        let verdict = match outcome {
            CallOutcome::Settled(verdict) => verdict,
            CallOutcome::Gone => Verdict::Failed,
        };
        let (state, pause) = state(verdict, "delivered");
        let mut tx = self.write().await?;
        let settled = sqlx::query(concat!(
            "UPDATE webhook_deliveries
             SET state = ?3, body = iif(?3 = 'waiting', body, NULL), due_at = ?4 + ",
            now!(),
            ", ended_at = iif(?3 = 'waiting', NULL, ",
            now!(),
            ") WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'"
        ))
        .bind(delivery.hand.id)
        .bind(delivery.hand.attempt)
        .bind(state)
        .bind(while_of(pause))
        .execute(&mut *tx)
        .await?;
        if settled.rows_affected() > 0 {
            sqlx::query(concat!(
                "INSERT INTO webhook_attempts (delivery, attempt, at, status, answer) VALUES (?1, ?2, ",
                now!(),
                ", ?3, ?4) ON CONFLICT DO NOTHING"
            ))
            .bind(delivery.hand.id)
            .bind(delivery.hand.attempt)
            .bind(answered.status)
            .bind(&answered.text)
            .execute(&mut *tx)
            .await?;
            if outcome == CallOutcome::Gone {
                sqlx::query(concat!(
                    "UPDATE webhooks SET enabled = 0, disabled_reason = 'it answered 410', updated_at = ",
                    now!(),
                    " WHERE id = ?1"
                ))
                .bind(delivery.webhook)
                .execute(&mut *tx)
                .await?;
                give_up(&mut tx, delivery.webhook).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    async fn deliveries(
        &self,
        webhook: i64,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<LoggedDelivery>, StoreError> {
        let rows: Vec<DeliveryRow> = sqlx::query_as(
            "SELECT d.id, d.message, d.event, d.state, d.made_at, d.due_at, d.ended_at, a.attempt, a.at, a.status, a.answer
             FROM (SELECT * FROM webhook_deliveries WHERE webhook = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3) d
             LEFT JOIN webhook_attempts a ON a.delivery = d.id
             ORDER BY d.id DESC, a.attempt",
        )
        .bind(webhook)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        Ok(deliveries(rows)?)
    }

    async fn waiting_deliveries(&self) -> Result<u64, StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM webhook_deliveries WHERE state = 'waiting'")
                .fetch_one(self.readers())
                .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn forget_deliveries(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let old: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT id FROM webhook_deliveries WHERE ended_at <= ",
            now!(),
            " - ?1 LIMIT 1"
        ))
        .bind(while_of(age))
        .fetch_optional(self.readers())
        .await?;
        if old.is_none() {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        let gone = sqlx::query(concat!(
            "DELETE FROM webhook_deliveries WHERE id IN (
                 SELECT id FROM webhook_deliveries WHERE ended_at <= ",
            now!(),
            " - ?1 ORDER BY ended_at LIMIT ?2)"
        ))
        .bind(while_of(age))
        .bind(limit)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(gone.rows_affected())
    }
}
