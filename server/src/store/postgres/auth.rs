//! Sessions on PostgreSQL.
//!
//! What happens to the sessions of one user happens one after the other: each writer locks the user's row first. Otherwise
//! a token could be handed out in a session that is being ended, and live on.

use airside_common::event::Event;
use airside_common::time::Instant;
use airside_common::user::UserId;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{PgPool, PgTransaction};

use super::{Postgres, audit, outbox};
use crate::features::audit::entry::NewEntry;
use crate::features::auth::caller::SessionId;
use crate::features::auth::store::{Account, AuthStore, NewToken, Rotation, TokenHash};
use crate::store::StoreError;
use crate::store::rows::instant::StoredInstant;
use crate::store::rows::users::{AccountRow, TokenRow, session};

async fn insert_token(
    tx: &mut PgTransaction<'_>,
    family: &str,
    user: &str,
    token: NewToken,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO refresh_tokens (token_hash, family, user_id, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&token.hash.0[..])
    .bind(family)
    .bind(user)
    .bind(StoredInstant::from(token.issued_at))
    .bind(StoredInstant::from(token.expires_at))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends a session: its refresh tokens are gone, and every process learns that its access tokens are void.
async fn end(
    tx: &mut PgTransaction<'_>,
    family: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM refresh_tokens WHERE family = $1")
        .bind(family)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO revoked_sessions (family, revoked_at, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(family)
    .bind(StoredInstant::from(now))
    .bind(StoredInstant::from(until))
    .execute(&mut **tx)
    .await?;
    tell(tx, &[session(family)?], now, until).await
}

/// Leaves the event of ended sessions.
async fn tell(
    tx: &mut PgTransaction<'_>,
    sessions: &[SessionId],
    now: Timestamp,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    if sessions.is_empty() {
        return Ok(());
    }
    let event = Event::SessionsEnded {
        sessions: sessions.to_vec(),
        until: Instant(until),
    };
    outbox::append(tx, now, &[event]).await
}

/// Ends all sessions of a user whose row the open transaction has locked; answers which.
pub(super) async fn end_sessions_of(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<SessionId>, sqlx::Error> {
    let families: Vec<String> = sqlx::query_scalar(
        "WITH gone AS (DELETE FROM refresh_tokens WHERE user_id = $1 RETURNING family),
              families AS (SELECT DISTINCT family FROM gone),
              revoked AS (
                  INSERT INTO revoked_sessions (family, revoked_at, expires_at)
                  SELECT family, $2, $3 FROM families ON CONFLICT DO NOTHING
              )
         SELECT family FROM families",
    )
    .bind(user.to_string())
    .bind(StoredInstant::from(now))
    .bind(StoredInstant::from(until))
    .fetch_all(&mut **tx)
    .await?;
    let sessions: Vec<SessionId> = families
        .iter()
        .map(|family| session(family))
        .collect::<Result<_, _>>()?;
    tell(tx, &sessions, now, until).await?;
    Ok(sessions)
}

/// Locks the user of a token, then reads both.
async fn lock_token(
    tx: &mut PgTransaction<'_>,
    hash: TokenHash,
) -> Result<Option<TokenRow>, sqlx::Error> {
    let user: Option<String> = sqlx::query_scalar(
        "SELECT id FROM users WHERE id = (SELECT user_id FROM refresh_tokens WHERE token_hash = $1) FOR NO KEY UPDATE",
    )
    .bind(&hash.0[..])
    .fetch_optional(&mut **tx)
    .await?;
    if user.is_none() {
        return Ok(None);
    }
    // In a statement of its own, since the one that waits for a lock still sees what was there before.
    sqlx::query_as(
        "SELECT t.family, t.expires_at, t.used_at,
                u.id, u.username, u.role, u.office, u.disabled_at
         FROM refresh_tokens t JOIN users u ON u.id = t.user_id
         WHERE t.token_hash = $1",
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
impl AuthStore for Postgres {
    async fn account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> = sqlx::query_as(
            "SELECT id, username, password_hash, role, office, disabled_at, valid_from
             FROM users WHERE username = $1",
        )
        .bind(username)
        .fetch_optional(&self.primary())
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
        let unchanged: Option<i32> = sqlx::query_scalar(
            "SELECT 1 FROM users WHERE id = $1 AND valid_from = $2 AND disabled_at IS NULL FOR NO KEY UPDATE",
        )
        .bind(user.to_string())
        .bind(StoredInstant::from(valid_from))
        .fetch_optional(&mut *tx)
        .await?;
        if unchanged.is_none() {
            return Ok(false);
        }
        insert_token(&mut tx, &session.to_string(), &user.to_string(), token).await?;
        audit::append(&mut tx, token.issued_at, &entry).await?;
        self.commit(tx).await?;
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
        let Some(row) = lock_token(&mut tx, old).await? else {
            return Ok(Rotation::Refused);
        };
        if row.used_at.is_some() {
            end(&mut tx, &row.family, now, ended_until).await?;
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
        if disabled || row.expires_at.0 <= now.as_microsecond() {
            return Ok(Rotation::Refused);
        }
        sqlx::query("UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1")
            .bind(&old.0[..])
            .bind(StoredInstant::from(now))
            .execute(&mut *tx)
            .await?;
        insert_token(&mut tx, &row.family, &row.user.id, new).await?;
        self.commit(tx).await?;
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
        let Some(row) = lock_token(&mut tx, shown).await? else {
            return Ok(None);
        };
        end(&mut tx, &row.family, now, ended_until).await?;
        let entry = entry(&row.user.username, request_id, "logout", &row.family, "ok");
        audit::append(&mut tx, now, &entry).await?;
        self.commit(tx).await?;
        Ok(Some(session(&row.family)?))
    }

    async fn ended_since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(SessionId, Timestamp)>, StoreError> {
        let query = sqlx::query_as(
            "SELECT family, expires_at FROM revoked_sessions WHERE revoked_at >= $1",
        )
        .bind(StoredInstant::from(since));
        let rows: Vec<(String, StoredInstant)> = self
            .on_primary(|pool| async move { query.fetch_all(&pool).await })
            .await?;
        rows.into_iter()
            .map(|(family, until)| Ok((session(&family)?, until.timestamp()?)))
            .collect()
    }

    async fn record(&self, now: Timestamp, entry: NewEntry) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        audit::append(&mut tx, now, &entry).await?;
        self.commit(tx).await?;
        Ok(())
    }

    async fn forget_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        let forget = |pool: PgPool| async move {
            let mut tx = pool.begin().await?;
            // What somebody else holds is left for the next time: nothing is waited for, so that no deadlock can be.
            for statement in [
                "DELETE FROM refresh_tokens WHERE token_hash IN
                     (SELECT token_hash FROM refresh_tokens WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED)",
                "DELETE FROM revoked_sessions WHERE family IN
                     (SELECT family FROM revoked_sessions WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED)",
            ] {
                sqlx::query(statement)
                    .bind(StoredInstant::from(now))
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await
        };
        Ok(self.on_primary(forget).await?)
    }
}
