//! What admins do with users.

use serde::{Deserialize, Serialize};

use super::auth::Secret;
use crate::time::Instant;
use crate::user::{Office, Role, UserId, Username};

/// A user as admins see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct User {
    /// Identity.
    pub id: UserId,
    /// Name for logging in.
    pub username: Username,
    /// What the user may do.
    pub role: Role,
    /// Whose bookings the user sees.
    pub office: Office,
    /// Since when the user may no longer log in.
    pub disabled_at: Option<Instant>,
    /// When the user was made.
    pub created_at: Instant,
}

/// `POST /v1/admin/users`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct CreateUser {
    /// Name for logging in.
    pub username: Username,
    /// 8 to 128 characters, none of the commonest.
    pub password: Secret,
    /// What the user may do.
    pub role: Role,
    /// Whose bookings the user sees.
    pub office: Office,
}

/// `PATCH /v1/admin/users/{id}`: what is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct PatchUser {
    /// New password; ends the user's sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// New role; ends the user's sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// New office; ends the user's sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub office: Option<Office>,
    /// `true` ends the user's sessions and refuses new ones; `false` allows them again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A page of users by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct UserPage {
    /// The users.
    pub items: Vec<User>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}
