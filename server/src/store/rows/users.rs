//! Users and their sessions as they are stored.

use airside_common::api::auth::Me;
use airside_common::api::users::User;
use airside_common::time::Instant;
use sqlx::FromRow;
use uuid::Uuid;

use super::decode;
use super::instant::StoredInstant;
use crate::features::auth::caller::SessionId;
use crate::features::auth::store::Account;

/// A user as others see it.
#[derive(FromRow)]
pub(crate) struct UserRow {
    id: String,
    username: String,
    role: String,
    office: String,
    disabled_at: Option<StoredInstant>,
    created_at: StoredInstant,
}

impl TryFrom<UserRow> for User {
    type Error = sqlx::Error;

    fn try_from(row: UserRow) -> Result<Self, sqlx::Error> {
        let disabled_at = row.disabled_at.map(StoredInstant::timestamp).transpose()?;
        Ok(Self {
            id: row.id.parse().map_err(decode)?,
            username: row.username.parse().map_err(decode)?,
            role: row.role.parse().map_err(decode)?,
            office: row.office.parse().map_err(decode)?,
            disabled_at: disabled_at.map(Instant),
            created_at: Instant(row.created_at.timestamp()?),
        })
    }
}

/// A user as a login needs it.
#[derive(FromRow)]
pub(crate) struct AccountRow {
    #[sqlx(flatten)]
    user: MeRow,
    password_hash: String,
    disabled_at: Option<StoredInstant>,
    valid_from: StoredInstant,
}

impl TryFrom<AccountRow> for Account {
    type Error = sqlx::Error;

    fn try_from(row: AccountRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            user: row.user.try_into()?,
            password_hash: row.password_hash,
            disabled_at: row.disabled_at.map(StoredInstant::timestamp).transpose()?,
            valid_from: row.valid_from.timestamp()?,
        })
    }
}

/// What a session says of its user.
#[derive(FromRow)]
pub(crate) struct MeRow {
    pub(crate) id: String,
    pub(crate) username: String,
    role: String,
    office: String,
}

impl TryFrom<MeRow> for Me {
    type Error = sqlx::Error;

    fn try_from(row: MeRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id.parse().map_err(decode)?,
            username: row.username.parse().map_err(decode)?,
            role: row.role.parse().map_err(decode)?,
            office: row.office.parse().map_err(decode)?,
        })
    }
}

/// A refresh token with its user.
#[derive(FromRow)]
pub(crate) struct TokenRow {
    pub(crate) family: String,
    pub(crate) expires_at: StoredInstant,
    pub(crate) used_at: Option<StoredInstant>,
    pub(crate) disabled_at: Option<StoredInstant>,
    #[sqlx(flatten)]
    pub(crate) user: MeRow,
}

/// The session of a family of refresh tokens.
pub(crate) fn session(family: &str) -> Result<SessionId, sqlx::Error> {
    family.parse::<Uuid>().map(SessionId).map_err(decode)
}
