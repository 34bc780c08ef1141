//! On whose behalf something is done, and where.

use std::fmt;

use airside_common::user::UserId;
use serde::{Deserialize, Serialize};

/// What tells one server from another across restarts: its base address, or for the demonstration, whose port changes
/// with every start, a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerId(String);

impl ServerId {
    /// The identity that goes by a name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A user of a server. An operation is sent only to its own server under its own user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Account {
    /// Which server.
    pub server: ServerId,
    /// Which of its users.
    pub user: UserId,
}
