//! What logging in needs of a database.

use airside_common::api::auth::Me;
use airside_common::user::UserId;
use async_trait::async_trait;
use jiff::Timestamp;

use super::caller::SessionId;
use crate::features::audit::entry::NewEntry;
use crate::store::StoreError;

/// The SHA-256 of a refresh token; the token itself is stored nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

/// A user with what a login is checked against.
#[derive(Debug, Clone)]
pub struct Account {
    /// Who.
    pub user: Me,
    /// The password's hash, a PHC string.
    pub password_hash: String,
    /// Whether the user may no longer log in.
    pub disabled_at: Option<Timestamp>,
    /// When password, role, office or permission changed last.
    pub valid_from: Timestamp,
}

/// A refresh token that is handed out.
#[derive(Debug, Clone, Copy)]
pub struct NewToken {
    /// Its hash.
    pub hash: TokenHash,
    /// When it is handed out.
    pub issued_at: Timestamp,
    /// When it is no longer taken.
    pub expires_at: Timestamp,
}

/// What became of a refresh token that was shown.
#[derive(Debug, Clone)]
pub enum Rotation {
    /// It was good, and the new one is in its place.
    Rotated {
        /// Whose.
        user: Me,
        /// Of which session.
        session: SessionId,
    },
    /// It had been used before: its session was ended.
    Reused {
        /// The session.
        session: SessionId,
    },
    /// It is not known, has expired, or its user is disabled.
    Refused,
}

/// Sessions and what is recorded of them. Each method is one transaction.
#[async_trait]
pub trait AuthStore: Send + Sync + 'static {
    /// The user of a name.
    async fn account(&self, username: &str) -> Result<Option<Account>, StoreError>;

    /// Starts a session, unless the user has changed since `valid_from` was read (`false`).
    async fn start_session(
        &self,
        user: UserId,
        valid_from: Timestamp,
        session: SessionId,
        token: NewToken,
        entry: NewEntry,
    ) -> Result<bool, StoreError>;

    /// Puts a new refresh token into the place of an old one. `ended_until` is when the last access token of a session
    /// that this ends will have expired; `request_id` names the request in the audit log.
    async fn rotate(
        &self,
        old: TokenHash,
        new: NewToken,
        ended_until: Timestamp,
        request_id: &str,
    ) -> Result<Rotation, StoreError>;

    /// Ends the session of a refresh token, if it has one.
    async fn end_session(
        &self,
        token: TokenHash,
        now: Timestamp,
        ended_until: Timestamp,
        request_id: &str,
    ) -> Result<Option<SessionId>, StoreError>;

    /// Sessions that were ended since an instant, each with when its last access token will have expired.
    async fn ended_since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(SessionId, Timestamp)>, StoreError>;

    /// Records an act that changed nothing else, such as a refused login.
    async fn record(&self, now: Timestamp, entry: NewEntry) -> Result<(), StoreError>;

    /// Forgets what has expired.
    async fn forget_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}

#[cfg(test)]
pub(crate) mod contract;
