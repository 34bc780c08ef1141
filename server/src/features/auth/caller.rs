//! Who makes a request.

use std::fmt;

use airside_common::user::{Office, Role, UserId, Username};
use uuid::Uuid;

/// The user behind a request, as the access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The user's identity.
    pub user_id: UserId,
    /// The user's name.
    pub username: Username,
    /// What the user may do.
    pub role: Role,
    /// Whose bookings the user sees, unless the user is an admin.
    pub office: Office,
    /// The session that the token belongs to.
    pub session: SessionId,
}

impl Caller {
    /// Whether what belongs to an office may be seen: the own office's, and everything for an admin.
    pub fn sees(&self, office: &Office) -> bool {
        self.role == Role::Admin || self.office == *office
    }
}

/// A session: one login and all tokens that descend from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

impl SessionId {
    /// A new session, ordered by the time of its making.
    #[expect(
        clippy::new_without_default,
        reason = "a default identity would have no meaning"
    )]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
