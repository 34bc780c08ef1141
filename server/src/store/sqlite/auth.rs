//! Sessions on SQLite.

use airside_common::event::Event;
use airside_common::time::Instant;
use airside_common::user::UserId;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::SqliteTransaction;

use super::{Sqlite, audit, instant, micros, outbox};
use crate::features::audit::entry::NewEntry;
use crate::features::auth::caller::SessionId;
use crate::features::auth::store::{Account, AuthStore, NewToken, Rotation, TokenHash};
use crate::store::StoreError;
use crate::store::rows::users::{AccountRow, TokenRow, session};

async fn insert_token(
    tx: &mut SqliteTransaction<'_>,
    family: &str,
    user: &str,
    token: NewToken,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO refresh_tokens (token_hash, family, user_id, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .bind(&token.hash.0[..])
    .bind(family)
    .bind(user)
    .bind(micros(token.issued_at))
    .bind(micros(token.expires_at))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends sessions: their refresh tokens are gone, and every process learns that their access tokens are void.
async fn end(
    tx: &mut SqliteTransaction<'_>,
    families: &[String],
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<SessionId>, sqlx::Error> {
    let mut sessions = Vec::with_capacity(families.len());
    for family in families {
        sqlx::query("DELETE FROM refresh_tokens WHERE family = ?1")
            .bind(family)
            .execute(&mut **tx)
            .await?;
        sqlx::query(
            "INSERT INTO revoked_sessions (family, revoked_at, expires_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )
        .bind(family)
        .bind(micros(now))
        .bind(micros(until))
        .execute(&mut **tx)
        .await?;
        sessions.push(session(family)?);
    }
    if !sessions.is_empty() {
        let event = Event::SessionsEnded {
            sessions: sessions.clone(),
            until: Instant(until),
        };
        outbox::append(tx, now, &[event]).await?;
    }
    Ok(sessions)
}

/// Ends all sessions of a user in an open transaction; answers which.
pub(super) async fn end_sessions_of(
    tx: &mut SqliteTransaction<'_>,
    user: UserId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<SessionId>, sqlx::Error> {
    let families: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT family FROM refresh_tokens WHERE user_id = ?1")
            .bind(user.to_string())
            .fetch_all(&mut **tx)
            .await?;
    end(tx, &families, now, until).await
}

async fn token(
    tx: &mut SqliteTransaction<'_>,
    hash: TokenHash,
) -> Result<Option<TokenRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT t.family, t.expires_at, t.used_at,
                u.id, u.username, u.role, u.office, u.disabled_at
         FROM refresh_tokens t JOIN users u ON u.id = t.user_id
         WHERE t.token_hash = ?1",
    )
    .bind(&hash.0[..])
    .fetch_optional(&mut **tx)
    .await
}

fn entry(
    user: &str,
    request_id: &str,
    action: &'static str,
    target: &str,
    outcome: &str,
) -> NewEntry {
    NewEntry {
        user: user.to_owned(),
        request_id: request_id.to_owned(),
        action,
        target: target.to_owned(),
        outcome: outcome.to_owned(),
    }
}

#[async_trait]
impl AuthStore for Sqlite {
    async fn account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> = sqlx::query_as(
            "SELECT id, username, password_hash, role, office, disabled_at, valid_from
             FROM users WHERE username = ?1",
        )
        .bind(username)
        .fetch_optional(self.readers())
        .await?;
        Ok(row.map(Account::try_from).transpose()?)
    }

    async fn start_session(
        &self,
        user: UserId,
        valid_from: Timestamp,
        session: SessionId,
        token: NewToken,
        entry: NewEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let unchanged: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM users WHERE id = ?1 AND valid_from = ?2 AND disabled_at IS NULL",
        )
        .bind(user.to_string())
        .bind(micros(valid_from))
        .fetch_optional(&mut *tx)
        .await?;
        if unchanged.is_none() {
            return Ok(false);
        }
        insert_token(&mut tx, &session.to_string(), &user.to_string(), token).await?;
        audit::append(&mut tx, token.issued_at, &entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn rotate(
        &self,
        old: TokenHash,
        new: NewToken,
        ended_until: Timestamp,
        request_id: &str,
    ) -> Result<Rotation, StoreError> {
        let now = new.issued_at;
        let mut tx = self.write().await?;
        let Some(row) = token(&mut tx, old).await? else {
            return Ok(Rotation::Refused);
        };
        if row.used_at.is_some() {
            end(&mut tx, std::slice::from_ref(&row.family), now, ended_until).await?;
            let entry = entry(
                &row.user.username,
                request_id,
                "session.reused",
                &row.family,
                "unauthenticated",
            );
            audit::append(&mut tx, now, &entry).await?;
            self.commit(tx).await?;
            return Ok(Rotation::Reused {
                session: session(&row.family)?,
            });
        }
        let disabled = row.disabled_at.is_some();
        if disabled || row.expires_at.0 <= micros(now) {
            return Ok(Rotation::Refused);
        }
        sqlx::query("UPDATE refresh_tokens SET used_at = ?2 WHERE token_hash = ?1")
            .bind(&old.0[..])
            .bind(micros(now))
            .execute(&mut *tx)
            .await?;
        insert_token(&mut tx, &row.family, &row.user.id, new).await?;
        tx.commit().await?;
        Ok(Rotation::Rotated {
            user: row.user.try_into()?,
            session: session(&row.family)?,
        })
    }

    async fn end_session(
        &self,
        shown: TokenHash,
        now: Timestamp,
        ended_until: Timestamp,
        request_id: &str,
    ) -> Result<Option<SessionId>, StoreError> {
        let mut tx = self.write().await?;
        let Some(row) = token(&mut tx, shown).await? else {
            return Ok(None);
        };
        let families = std::slice::from_ref(&row.family);
        end(&mut tx, families, now, ended_until).await?;
        let entry = entry(&row.user.username, request_id, "logout", &row.family, "ok");
        audit::append(&mut tx, now, &entry).await?;
        self.commit(tx).await?;
        Ok(Some(session(&row.family)?))
    }

    async fn ended_since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(SessionId, Timestamp)>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT family, expires_at FROM revoked_sessions WHERE revoked_at >= ?1",
        )
        .bind(micros(since))
        .fetch_all(self.readers())
        .await?;
        rows.into_iter()
            .map(|(family, until)| Ok((session(&family)?, instant(until))))
            .collect()
    }

    async fn record(&self, now: Timestamp, entry: NewEntry) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        audit::append(&mut tx, now, &entry).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn forget_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for statement in [
            "DELETE FROM refresh_tokens WHERE expires_at <= ?1",
            "DELETE FROM revoked_sessions WHERE expires_at <= ?1",
        ] {
            sqlx::query(statement)
                .bind(micros(now))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
