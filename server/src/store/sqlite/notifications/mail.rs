//! Mails on SQLite.

use std::time::Duration;

use airside_common::api::mails::Mail;
use airside_common::locator::Locator;
use async_trait::async_trait;
use serde_json::json;

use super::super::clock::{now, while_of};
use super::most;
use crate::features::notifications::mail::letter::Writer;
use crate::features::notifications::mail::store::{
    ClaimedMail, MailFilter, MailStore, QueueMailError,
};
use crate::features::notifications::outgoing::{InHand, Verdict};
use crate::messages::consumer::Delivery;
use crate::store::StoreError;
use crate::store::rows::notifications::{ChangeRow, ClaimedMailRow, MailRow, later, state};
use crate::store::sqlite::messages::first_time;
use crate::store::sqlite::{Sqlite, bookings};

#[async_trait]
impl MailStore for Sqlite {
    async fn queue_mails(
        &self,
        batch: &[Delivery],
        writer: &Writer,
    ) -> Result<usize, QueueMailError> {
        let mut tx = self.write().await?;
        let new = first_time(&mut tx, batch).await?;
        let locators: Vec<Locator> = new.iter().copied().filter_map(Writer::locator).collect();
        let bookings = bookings::by_locators(&mut *tx, &locators).await?;
        let changes: Vec<ChangeRow> = sqlx::query_as(
            "SELECT b.locator, h.version, h.action
             FROM json_each(?1) j CROSS JOIN bookings b ON b.locator = j.value JOIN history h ON h.booking_id = b.id
             WHERE h.version > 1",
        )
        .bind(json!(locators).to_string())
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
            sqlx::query(concat!(
                "INSERT INTO mails (message, event, locator, recipient, subject, body, state, answer, made_at, due_at, ended_at)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, iif(?7 IS NULL, 'waiting', 'failed'), ?7, t.now, t.now, iif(?7 IS NULL, NULL, t.now)
                 FROM (SELECT ",
                now!(),
                " AS now) t"
            ))
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
        Ok(queued)
    }

    async fn claim_mails(
        &self,
        count: usize,
        time: Duration,
    ) -> Result<Vec<ClaimedMail>, StoreError> {
        // The writer is not bothered where there is nothing.
        let next: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT id FROM mails WHERE state = 'waiting' AND due_at <= ",
            now!(),
            " LIMIT 1"
        ))
        .fetch_optional(self.readers())
        .await?;
        if next.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.write().await?;
        let rows: Vec<ClaimedMailRow> = sqlx::query_as(concat!(
            "UPDATE mails SET attempts = attempts + 1, due_at = ?2 + ",
            now!(),
            " WHERE id IN (SELECT id FROM mails WHERE state = 'waiting' AND due_at <= ",
            now!(),
            " ORDER BY due_at LIMIT ?1)
             RETURNING id, attempts, ",
            now!(),
            " - made_at AS age, recipient, body"
        ))
        .bind(most(count))
        .bind(while_of(time))
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(ClaimedMail::from).collect())
    }

    async fn settle_mail(
        &self,
        hand: InHand,
        verdict: Verdict,
        answer: &str,
    ) -> Result<(), StoreError> {
        let (state, pause) = state(verdict, "sent");
        let mut tx = self.write().await?;
        sqlx::query(concat!(
            "UPDATE mails
             SET state = ?3, answer = ?4, body = iif(?3 = 'waiting', body, NULL), due_at = ?5 + ",
            now!(),
            ", ended_at = iif(?3 = 'waiting', NULL, ",
            now!(),
            ") WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'"
        ))
        .bind(hand.id)
        .bind(hand.attempt)
        .bind(state)
        .bind(answer)
        .bind(while_of(pause))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn mails(&self, filter: &MailFilter) -> Result<Vec<Mail>, StoreError> {
        let rows: Vec<MailRow> = sqlx::query_as(
            "SELECT id, event, locator, recipient, subject, state, attempts, answer, made_at, due_at, ended_at FROM mails
             WHERE id < ?1 AND (?2 IS NULL OR locator = ?2) AND (?3 IS NULL OR state = ?3)
             ORDER BY id DESC LIMIT ?4",
        )
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(filter.locator.as_ref().map(Locator::as_str))
        .bind(filter.state.map(airside_common::api::mails::MailState::word))
        .bind(filter.limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn waiting_mails(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM mails WHERE state = 'waiting'")
            .fetch_one(self.readers())
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn forget_mails(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let old: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT id FROM mails WHERE ended_at <= ",
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
            "DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE ended_at <= ",
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
