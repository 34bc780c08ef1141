//! Who makes a request.

pub use airside_common::user::SessionId;
use airside_common::user::{Office, Role, UserId, Username};

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
