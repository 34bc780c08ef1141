//! Mails on PostgreSQL.

use std::time::Duration;

use airside_common::api::mails::{Mail, MailState};
use airside_common::locator::Locator;
use async_trait::async_trait;

use super::super::clock::interval;
use super::{attempts, most};
use crate::features::notifications::mail::letter::Writer;
use crate::features::notifications::mail::store::{
    ClaimedMail, MailFilter, MailStore, QueueMailError,
};
use crate::features::notifications::outgoing::{InHand, Verdict};
use crate::messages::consumer::Delivery;
use crate::store::StoreError;
use crate::store::postgres::messages::first_time;
use crate::store::postgres::{Postgres, bookings};
use crate::store::rows::notifications::{ChangeRow, ClaimedMailRow, MailRow, later, state};

#[async_trait]
impl MailStore for Postgres {
    async fn queue_mails(
        &self,
        batch: &[Delivery],
        writer: &Writer,
    ) -> Result<usize, QueueMailError> {
        let server = self.primary.serving();
        let queued = async {
            let mut tx = server.lookups.begin().await?;
            let new = first_time(&mut tx, batch).await?;
            let locators: Vec<Locator> = new.iter().copied().filter_map(Writer::locator).collect();
            let bookings = bookings::by_locators(&mut *tx, &locators).await?;
            // Read after the bookings: what has confirmed one meanwhile has its own letter.
            let changes: Vec<ChangeRow> = sqlx::query_as(
                "SELECT b.locator, h.version, h.action FROM bookings b JOIN history h ON h.booking_id = b.id
                 WHERE b.locator = ANY ($1) AND h.version > 1",
            )
            .bind(locators.iter().map(Locator::as_str).collect::<Vec<_>>())
            .fetch_all(&mut *tx)
            .await?;
            let mut queued = 0;
            for delivery in new {
                let locator = Writer::locator(delivery);
                let booking = bookings
                    .iter()
                    .find(|stored| Some(stored.booking.locator) == locator);
                let Some(booking) = booking else { continue };
                let Some(mail) =
                    writer.write(delivery, &booking.booking, &later(&changes, delivery))?
                else {
                    continue;
                };
                queued += 1;
                let (body, refusal) = match mail.body {
                    Ok(body) => (Some(body), None),
                    Err(refusal) => (None, Some(refusal)),
                };
                sqlx::query(
                    "INSERT INTO mails (message, event, locator, recipient, subject, body, state, answer, made_at, due_at, ended_at)
                     SELECT $1, $2, $3, $4, $5, $6, CASE WHEN $7::text IS NULL THEN 'waiting' ELSE 'failed' END, $7, now, now,
                            CASE WHEN $7::text IS NOT NULL THEN now END
                     FROM clock_timestamp() AS now",
                )
                .bind(mail.message)
                .bind(mail.event)
                .bind(mail.locator.as_str())
                .bind(mail.recipient)
                .bind(mail.subject)
                .bind(body)
                .bind(refusal)
                .execute(&mut *tx)
                .await?;
            }
            tx.commit().await?;
            Ok::<usize, QueueMailError>(queued)
        };
        server.unless_replaced(queued).await
    }

    async fn claim_mails(
        &self,
        count: usize,
        time: Duration,
    ) -> Result<Vec<ClaimedMail>, StoreError> {
        let server = self.primary.serving();
        // Changed where they lie, as messages are.
        let claimed = sqlx::query_as(
            "WITH next AS (
                 SELECT ctid FROM mails WHERE state = 'waiting' AND due_at <= clock_timestamp()
                 ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
             )
             UPDATE mails SET attempts = attempts + 1, due_at = clock_timestamp() + $2
             FROM next WHERE mails.ctid = next.ctid
             RETURNING mails.id, attempts::bigint, (extract(epoch FROM clock_timestamp() - made_at) * 1000000)::bigint AS age,
                       recipient, body",
        )
        .bind(most(count))
        .bind(interval(time)?)
        .fetch_all(&server.lookups);
        let rows: Vec<ClaimedMailRow> = server.unless_replaced(claimed).await?;
        Ok(rows.into_iter().map(ClaimedMail::from).collect())
    }

    async fn settle_mail(
        &self,
        hand: InHand,
        verdict: Verdict,
        answer: &str,
    ) -> Result<(), StoreError> {
        let (state, pause) = state(verdict, "sent");
        let server = self.primary.serving();
        let settled = sqlx::query(
            "UPDATE mails
             SET state = $3, answer = $4, body = CASE WHEN $3 = 'waiting' THEN body END,
                 due_at = clock_timestamp() + $5, ended_at = CASE WHEN $3 <> 'waiting' THEN clock_timestamp() END
             WHERE id = $1 AND attempts = $2 AND state = 'waiting'",
        )
        .bind(hand.id)
        .bind(attempts(hand.attempt))
        .bind(state)
        .bind(answer)
        .bind(interval(pause)?)
        .execute(&server.lookups);
        server.unless_replaced(settled).await?;
        Ok(())
    }

    async fn mails(&self, filter: &MailFilter) -> Result<Vec<Mail>, StoreError> {
        let rows: Vec<MailRow> = sqlx::query_as(
            "SELECT id, event, locator, recipient, subject, state, attempts::bigint, answer, made_at, due_at, ended_at
             FROM mails
             WHERE id < $1 AND ($2::text IS NULL OR locator = $2) AND ($3::text IS NULL OR state = $3)
             ORDER BY id DESC LIMIT $4",
        )
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(filter.locator.as_ref().map(Locator::as_str))
        .bind(filter.state.map(MailState::word))
        .bind(i64::from(filter.limit))
        .fetch_all(&self.primary())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn waiting_mails(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM mails WHERE state = 'waiting'")
            .fetch_one(&self.primary())
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn forget_mails(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let server = self.primary.serving();
        let gone = sqlx::query(
            "DELETE FROM mails WHERE id IN (
                 SELECT id FROM mails WHERE ended_at < clock_timestamp() - $1 ORDER BY ended_at LIMIT $2)",
        )
        .bind(interval(age)?)
        .bind(i64::from(limit))
        .execute(&server.lookups);
        Ok(server.unless_replaced(gone).await?.rows_affected())
    }
}
