//! Webhooks and what they are told, on PostgreSQL.

use std::time::Duration;

use airside_common::api::webhooks::{Delivery as LoggedDelivery, Webhook};
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgTransaction;

use super::super::clock::interval;
use super::{attempts, most};
use crate::features::audit::entry::NewEntry;
use crate::features::notifications::outgoing::Verdict;
use crate::features::notifications::webhooks::store::{
    Answered, CallOutcome, ClaimedDelivery, NewWebhook, WebhookChange, WebhookStore,
};
use crate::messages::consumer::Delivery;
use crate::store::StoreError;
use crate::store::postgres::messages::first_time;
use crate::store::postgres::{Postgres, audit};
use crate::store::rows::instant::StoredInstant;
use crate::store::rows::notifications::{
    ClaimedDeliveryRow, DeliveryRow, IS_ANY_ENABLED, WebhookRow, deliveries, state,
};

/// The columns of a [`WebhookRow`].
macro_rules! columns {
    () => {
        "id, url, to_json(events)::text AS events, description, enabled, disabled_reason, created_at, updated_at"
    };
}

/// Gives up what waits for a webhook that is called no more. Its row is locked before: who puts in what it is told locks it
/// as well, so that this statement sees all there is.
async fn give_up(tx: &mut PgTransaction<'_>, webhook: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE webhook_deliveries SET state = 'failed', body = NULL, ended_at = clock_timestamp()
         WHERE webhook = $1 AND state = 'waiting'",
    )
    .bind(webhook)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[async_trait]
impl WebhookStore for Postgres {
    async fn create_webhook(
        &self,
        new: &NewWebhook,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<Webhook, StoreError> {
        let mut tx = self.write().await?;
        let row: WebhookRow = sqlx::query_as(concat!(
            "INSERT INTO webhooks (url, events, description, secret, enabled, created_at, updated_at)
             VALUES ($1, $2, $3, $4, true, $5, $5) RETURNING ",
            columns!()
        ))
        .bind(&new.url)
        .bind(&new.events)
        .bind(&new.description)
        .bind(&new.secret.0)
        .bind(StoredInstant::from(now))
        .fetch_one(&mut *tx)
        .await?;
        audit::append(&mut tx, now, entry).await?;
        self.commit(tx).await?;
        Ok(row.try_into()?)
    }

    async fn webhooks(&self, before: Option<i64>, limit: u32) -> Result<Vec<Webhook>, StoreError> {
        let rows: Vec<WebhookRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM webhooks WHERE id < $1 ORDER BY id DESC LIMIT $2"
        ))
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(&self.primary())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn webhook(&self, id: i64) -> Result<Option<Webhook>, StoreError> {
        let row: Option<WebhookRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM webhooks WHERE id = $1"
        ))
        .bind(id)
        .fetch_optional(&self.primary())
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
        let row: Option<WebhookRow> = sqlx::query_as(concat!(
            "UPDATE webhooks
             SET url = coalesce($2, url), events = coalesce($3, events), description = coalesce($4, description),
                 enabled = coalesce($5, enabled),
                 disabled_reason = CASE WHEN $5 IS NULL THEN disabled_reason END, updated_at = $6
             WHERE id = $1 RETURNING ",
            columns!()
        ))
        .bind(id)
        .bind(&change.url)
        .bind(&change.events)
        .bind(&change.description)
        .bind(change.enabled)
        .bind(StoredInstant::from(now))
        .fetch_optional(&mut *tx)
        .await?;
        if row.is_some() {
            if change.enabled == Some(false) {
                give_up(&mut tx, id).await?;
            }
            audit::append(&mut tx, now, entry).await?;
        }
        self.commit(tx).await?;
        Ok(row.map(Webhook::try_from).transpose()?)
    }

    async fn remove_webhook(
        &self,
        id: i64,
        now: Timestamp,
        entry: &NewEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let removed = sqlx::query("DELETE FROM webhooks WHERE id = $1")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        let was_there = removed.rows_affected() > 0;
        if was_there {
            audit::append(&mut tx, now, entry).await?;
        }
        self.commit(tx).await?;
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
        sqlx::query(
            "INSERT INTO webhook_deliveries (webhook, event, body, state, made_at, due_at)
             SELECT id, $2, $3, 'waiting', now, now FROM webhooks, clock_timestamp() AS now
             WHERE id = $1 AND enabled FOR SHARE OF webhooks",
        )
        .bind(id)
        .bind(event)
        .bind(body)
        .execute(&mut *tx)
        .await?;
        audit::append(&mut tx, now, entry).await?;
        self.commit(tx).await?;
        Ok(())
    }

    async fn queue_deliveries(&self, batch: &[(Delivery, String)]) -> Result<u64, StoreError> {
        let messages: Vec<Delivery> = batch.iter().map(|(message, _)| message.clone()).collect();
        let server = self.primary.serving();
        let queued = async {
            let is_wanted: bool = sqlx::query_scalar(IS_ANY_ENABLED)
                .fetch_one(&server.lookups)
                .await?;
            if !is_wanted {
                return Ok(0);
            }
            let mut tx = server.lookups.begin().await?;
            let new = first_time(&mut tx, &messages).await?;
            let (mut ids, mut kinds, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
            for (message, body) in batch {
                if new.contains(&message) {
                    ids.push(message.envelope.id);
                    kinds.push(message.envelope.event.kind());
                    bodies.push(body.as_str());
                }
            }
            let queued = sqlx::query(
                "INSERT INTO webhook_deliveries (webhook, message, event, body, state, made_at, due_at)
                 SELECT webhooks.id, message, event, body, 'waiting', now, now
                 FROM unnest($1::bigint[], $2::text[], $3::text[]) AS given (message, event, body),
                      webhooks, clock_timestamp() AS now
                 WHERE enabled AND event = ANY (events)
                 ORDER BY webhooks.id, message FOR SHARE OF webhooks",
            )
            .bind(ids)
            .bind(kinds)
            .bind(bodies)
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            Ok::<u64, sqlx::Error>(queued.rows_affected())
        };
        Ok(server.unless_replaced(queued).await?)
    }

    async fn claim_deliveries(
        &self,
        count: usize,
        time: Duration,
        busy: &[i64],
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let server = self.primary.serving();
        // Changed where they lie, as messages are.
        let claimed = sqlx::query_as(
            "WITH next AS (
                 SELECT ctid FROM webhook_deliveries
                 WHERE state = 'waiting' AND due_at <= clock_timestamp() AND webhook <> ALL ($3)
                 ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
             )
             UPDATE webhook_deliveries AS d SET attempts = attempts + 1, due_at = clock_timestamp() + $2
             FROM next, webhooks AS w WHERE d.ctid = next.ctid AND w.id = d.webhook
             RETURNING d.id, attempts::bigint, (extract(epoch FROM clock_timestamp() - made_at) * 1000000)::bigint AS age,
                       webhook, message, body, url, secret",
        )
        .bind(most(count))
        .bind(interval(time)?)
        .bind(busy)
        .fetch_all(&server.lookups);
        let rows: Vec<ClaimedDeliveryRow> = server.unless_replaced(claimed).await?;
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
        let pause = interval(pause)?;
        let server = self.primary.serving();
        let settled = async {
            let mut tx = server.lookups.begin().await?;
            if outcome == CallOutcome::Gone {
                // Before its deliveries, as everybody does who wants both.
                sqlx::query("SELECT FROM webhooks WHERE id = $1 FOR UPDATE")
                    .bind(delivery.webhook)
                    .execute(&mut *tx)
                    .await?;
            }
            let settled = sqlx::query(
                "WITH ended AS (
                     UPDATE webhook_deliveries
                     SET state = $3, body = CASE WHEN $3 = 'waiting' THEN body END, due_at = clock_timestamp() + $4,
                         ended_at = CASE WHEN $3 <> 'waiting' THEN clock_timestamp() END
                     WHERE id = $1 AND attempts = $2 AND state = 'waiting' RETURNING id
                 )
                 INSERT INTO webhook_attempts (delivery, attempt, at, status, answer)
                 SELECT id, $2, clock_timestamp(), $5, $6 FROM ended ON CONFLICT DO NOTHING",
            )
            .bind(delivery.hand.id)
            .bind(attempts(delivery.hand.attempt))
            .bind(state)
            .bind(pause)
            .bind(answered.status.and_then(|status| i16::try_from(status).ok()))
            .bind(&answered.text)
            .execute(&mut *tx)
            .await?;
            if outcome == CallOutcome::Gone && settled.rows_affected() > 0 {
                sqlx::query(
                    "UPDATE webhooks SET enabled = false, disabled_reason = 'it answered 410', updated_at = clock_timestamp()
                     WHERE id = $1",
                )
                .bind(delivery.webhook)
                .execute(&mut *tx)
                .await?;
                give_up(&mut tx, delivery.webhook).await?;
            }
            tx.commit().await
        };
        Ok(server.unless_replaced(settled).await?)
    }

    async fn deliveries(
        &self,
        webhook: i64,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<LoggedDelivery>, StoreError> {
        let rows: Vec<DeliveryRow> = sqlx::query_as(
            "SELECT d.id, d.message, d.event, d.state, d.made_at, d.due_at, d.ended_at, a.attempt::bigint, a.at,
                    a.status::bigint, a.answer
             FROM (SELECT * FROM webhook_deliveries WHERE webhook = $1 AND id < $2 ORDER BY id DESC LIMIT $3) d
             LEFT JOIN webhook_attempts a ON a.delivery = d.id
             ORDER BY d.id DESC, a.attempt",
        )
        .bind(webhook)
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(&self.primary())
        .await?;
        Ok(deliveries(rows)?)
    }

    async fn waiting_deliveries(&self) -> Result<u64, StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM webhook_deliveries WHERE state = 'waiting'")
                .fetch_one(&self.primary())
                .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn forget_deliveries(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let server = self.primary.serving();
        let gone = sqlx::query(
            "DELETE FROM webhook_deliveries WHERE id IN (
                 SELECT id FROM webhook_deliveries WHERE ended_at < clock_timestamp() - $1 ORDER BY ended_at LIMIT $2)",
        )
        .bind(interval(age)?)
        .bind(i64::from(limit))
        .execute(&server.lookups);
        Ok(server.unless_replaced(gone).await?.rows_affected())
    }
}
