//! Making, changing and disabling users.

use std::sync::Arc;

use airside_common::api::auth::Secret;
use airside_common::api::users::{CreateUser, PatchUser, User, UserPage};
use airside_common::user::{SYSTEM, UserId, Username};

use super::store::{Change, NewUser, UserStore, UserStoreError};
use crate::clock::SharedClock;
use crate::features::audit::entry::Author;
use crate::features::auth::passwords::{self, HashError, Passwords, Weak};
use crate::features::auth::revocations::Revocations;
use crate::features::auth::service::ended_until;
use crate::store::StoreError;

/// Why a user was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The password is not taken.
    #[error("{0}")]
    Weak(#[from] Weak),
    /// The name is the system's own.
    #[error("{SYSTEM} is the name of what nobody asked for; take another one")]
    Reserved,
    /// Nothing was to be changed.
    #[error("nothing to change: give a password, a role, an office or `disabled`")]
    Nothing,
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] UserStoreError),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl From<StoreError> for UserError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Users: all copies are the same service.
#[derive(Clone)]
pub struct Users {
    store: Arc<dyn UserStore>,
    passwords: Passwords,
    revocations: Arc<Revocations>,
    clock: SharedClock,
}

impl Users {
    /// A service over a store.
    pub fn new(
        store: Arc<dyn UserStore>,
        passwords: Passwords,
        revocations: Arc<Revocations>,
        clock: SharedClock,
    ) -> Self {
        Self {
            store,
            passwords,
            revocations,
            clock,
        }
    }

    /// A page of users, by name.
    pub async fn list(&self, after: Option<&str>, limit: u8) -> Result<UserPage, UserError> {
        let limit = usize::from(limit);
        // One more than wanted says whether there is a next page.
        let most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let mut items = self.store.list(after, most).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| last.username.to_string());
        Ok(UserPage { items, next_cursor })
    }

    /// One user.
    pub async fn user(&self, id: UserId) -> Result<User, UserError> {
        let user = self.store.user(id).await?;
        Ok(user.ok_or(UserStoreError::NotFound)?)
    }

    /// The user of a name.
    pub async fn by_name(&self, name: &Username) -> Result<User, UserError> {
        let user = self.store.by_name(name).await?;
        Ok(user.ok_or(UserStoreError::NotFound)?)
    }

    /// Whether a user has a password.
    pub async fn has_password(&self, name: &Username, password: Secret) -> Result<bool, UserError> {
        let hash = self.store.password_hash(name).await?;
        Ok(self.passwords.matches(password, hash).await?)
    }

    /// Makes a user.
    pub async fn create(&self, author: &Author, new: CreateUser) -> Result<User, UserError> {
        if new.username.as_str() == SYSTEM {
            return Err(UserError::Reserved);
        }
        passwords::check(&new.password)?;
        let entry = author.did("user.created", new.username.to_string());
        let user = NewUser {
            password_hash: self.passwords.hash(new.password).await?,
            username: new.username,
            role: new.role,
            office: new.office,
        };
        Ok(self.store.create(user, self.clock.now(), entry).await?)
    }

    /// Changes a user and ends that user's sessions.
    pub async fn change(
        &self,
        author: &Author,
        id: UserId,
        patch: PatchUser,
    ) -> Result<User, UserError> {
        let target = self.user(id).await?.username.to_string();
        let mut entries = Vec::new();
        let mut note = |action| entries.push(author.did(action, target.clone()));
        if patch.password.is_some() {
            note("user.password_changed");
        }
        if patch.role.is_some() {
            note("user.role_changed");
        }
        if patch.office.is_some() {
            note("user.office_changed");
        }
        match patch.disabled {
            Some(true) => note("user.disabled"),
            Some(false) => note("user.enabled"),
            None => {}
        }
        if entries.is_empty() {
            return Err(UserError::Nothing);
        }
        let password_hash = match patch.password {
            Some(password) => {
                passwords::check(&password)?;
                Some(self.passwords.hash(password).await?)
            }
            None => None,
        };
        let change = Change {
            password_hash,
            role: patch.role,
            office: patch.office,
            disabled: patch.disabled,
        };
        let now = self.clock.now();
        let until = ended_until(now);
        let (user, ended) = self.store.change(id, change, now, until, entries).await?;
        for session in ended {
            self.revocations.add(session, until);
        }
        Ok(user)
    }
}
