//! What keeping users needs of a database.

use airside_common::api::users::User;
use airside_common::user::{Office, Role, UserId, Username};
use async_trait::async_trait;
use jiff::Timestamp;

use crate::features::audit::entry::NewEntry;
use crate::features::auth::caller::SessionId;
use crate::store::StoreError;

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Name for logging in.
    pub username: Username,
    /// The password's hash, a PHC string.
    pub password_hash: String,
    /// What the user may do.
    pub role: Role,
    /// Whose bookings the user sees.
    pub office: Office,
}

/// What is to become of a user; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The new password's hash.
    pub password_hash: Option<String>,
    /// The new role.
    pub role: Option<Role>,
    /// The new office.
    pub office: Option<Office>,
    /// Whether the user is to be disabled, or allowed again.
    pub disabled: Option<bool>,
}

/// Why a user was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserStoreError {
    /// The name is taken.
    #[error("there is a user {0} already")]
    AlreadyExists(Username),
    /// There is no such user.
    #[error("there is no such user")]
    NotFound,
    /// Nobody could undo it.
    #[error("this is the last admin who may log in")]
    LastAdmin,
    /// The database said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for UserStoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Users. Each method is one transaction.
#[async_trait]
pub trait UserStore: Send + Sync + 'static {
    /// Users by name, behind a name.
    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StoreError>;

    /// One user.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user of a name.
    async fn by_name(&self, name: &Username) -> Result<Option<User>, StoreError>;

    /// The hash of a user's password.
    async fn password_hash(&self, name: &Username) -> Result<Option<String>, StoreError>;

    /// Makes a user.
    async fn create(
        &self,
        user: NewUser,
        now: Timestamp,
        entry: NewEntry,
    ) -> Result<User, UserStoreError>;

    /// Changes a user and ends all sessions of that user; answers which. `ended_until` is when their last access
    /// tokens will have expired.
    async fn change(
        &self,
        id: UserId,
        change: Change,
        now: Timestamp,
        ended_until: Timestamp,
        entries: Vec<NewEntry>,
    ) -> Result<(User, Vec<SessionId>), UserStoreError>;
}

#[cfg(test)]
pub(crate) mod contract;
