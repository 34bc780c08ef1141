//! Users on PostgreSQL.

use airside_common::api::users::User;
use airside_common::event::Event;
use airside_common::time::Instant;
use airside_common::user::{Office, Role, UserId, Username};
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{PgTransaction, Postgres as Db};

use super::replicas::MayBeOld;
use super::{Postgres, audit, auth, outbox};
use crate::features::audit::entry::NewEntry;
use crate::features::auth::caller::SessionId;
use crate::features::users::store::{Change, NewUser, UserStore, UserStoreError};
use crate::store::StoreError;
use crate::store::rows::instant::StoredInstant;
use crate::store::rows::users::UserRow;

async fn find(tx: &mut PgTransaction<'_>, id: UserId) -> Result<Option<User>, sqlx::Error> {
    let row: Option<UserRow> = sqlx::query_as(
        "SELECT id, username, role, office, disabled_at, created_at FROM users WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(&mut **tx)
    .await?;
    row.map(User::try_from).transpose()
}

#[async_trait]
impl UserStore for Postgres {
    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StoreError> {
        let read = |mut connection: PoolConnection<Db>| async move {
            sqlx::query_as(
                "SELECT id, username, role, office, disabled_at, created_at
                 FROM users WHERE username > $1 ORDER BY username LIMIT $2",
            )
            .bind(after.unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await
        };
        let rows: Vec<UserRow> = self.read(MayBeOld::Users, read).await?;
        rows.into_iter()
            .map(|row| Ok(User::try_from(row)?))
            .collect()
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT id, username, role, office, disabled_at, created_at FROM users WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.primary())
        .await?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn by_name(&self, name: &Username) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT id, username, role, office, disabled_at, created_at FROM users WHERE username = $1",
        )
        .bind(name.as_str())
        .fetch_optional(&self.primary())
        .await?;
        Ok(row.map(User::try_from).transpose()?)
    }

    async fn password_hash(&self, name: &Username) -> Result<Option<String>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT password_hash FROM users WHERE username = $1")
                .bind(name.as_str())
                .fetch_optional(&self.primary())
                .await?,
        )
    }

    async fn create(
        &self,
        user: NewUser,
        now: Timestamp,
        entry: NewEntry,
    ) -> Result<User, UserStoreError> {
        let mut tx = self.write().await?;
        let id = UserId::new();
        sqlx::query(
            "INSERT INTO users (id, username, password_hash, role, office, disabled_at, valid_from, created_at)
             VALUES ($1, $2, $3, $4, $5, NULL, $6, $6)",
        )
        .bind(id.to_string())
        .bind(user.username.as_str())
        .bind(&user.password_hash)
        .bind(user.role.word())
        .bind(user.office.as_str())
        .bind(StoredInstant::from(now))
        .execute(&mut *tx)
        .await
        .map_err(|error| match &error {
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => {
                UserStoreError::AlreadyExists(user.username.clone())
            }
            _ => error.into(),
        })?;
        audit::append(&mut tx, now, &entry).await?;
        self.commit(tx).await?;
        Ok(User {
            id,
            username: user.username,
            role: user.role,
            office: user.office,
            disabled_at: None,
            created_at: Instant(StoredInstant::from(now).timestamp()?),
        })
    }

    async fn change(
        &self,
        id: UserId,
        change: Change,
        now: Timestamp,
        ended_until: Timestamp,
        entries: Vec<NewEntry>,
    ) -> Result<(User, Vec<SessionId>), UserStoreError> {
        let mut tx = self.write().await?;
        // One change at a time: of two that each take away the last admin but one, the second must see the first.
        sqlx::query("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")
            .execute(&mut *tx)
            .await?;
        let old = find(&mut tx, id).await?.ok_or(UserStoreError::NotFound)?;
        sqlx::query(
            "UPDATE users SET
                password_hash = coalesce($2, password_hash),
                role = coalesce($3, role),
                office = coalesce($4, office),
                disabled_at = CASE $5 WHEN TRUE THEN coalesce(disabled_at, $6) WHEN FALSE THEN NULL ELSE disabled_at END,
                valid_from = greatest($6, valid_from + interval '1 microsecond')
             WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(change.password_hash)
        .bind(change.role.map(Role::word))
        .bind(change.office.as_ref().map(Office::as_str))
        .bind(change.disabled)
        .bind(StoredInstant::from(now))
        .execute(&mut *tx)
        .await?;
        let admins: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL",
        )
        .fetch_one(&mut *tx)
        .await?;
        let was_admin = old.role == Role::Admin && old.disabled_at.is_none();
        if was_admin && admins == 0 {
            return Err(UserStoreError::LastAdmin);
        }
        let ended = auth::end_sessions_of(&mut tx, id, now, ended_until).await?;
        for entry in &entries {
            audit::append(&mut tx, now, entry).await?;
        }
        let user = find(&mut tx, id).await?.ok_or(UserStoreError::NotFound)?;
        if user.disabled_at.is_some() && old.disabled_at.is_none() {
            outbox::append(&mut tx, now, &[Event::UserDisabled { user: id }]).await?;
        }
        self.commit(tx).await?;
        Ok((user, ended))
    }
}
