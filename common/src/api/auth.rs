//! Logging in, refreshing, logging out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::user::{Office, Role, UserId, Username};

/// A secret text: never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::NewType))]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `POST /v1/auth/login`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct LoginRequest {
    /// The user's name; any text, since a wrong one is told apart from a wrong password by nobody.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// `POST /v1/auth/refresh` and `POST /v1/auth/logout`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct RefreshRequest {
    /// The refresh token of the last answer; each works once.
    pub refresh_token: Secret,
}

/// A session's tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Tokens {
    /// For the `Authorization: Bearer` header.
    pub access_token: Secret,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds that the access token lives.
    pub expires_in: u64,
    /// Gets the next pair; works once.
    pub refresh_token: Secret,
    /// Who is logged in.
    pub user: Me,
}

/// Who the caller is: `GET /v1/auth/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Me {
    /// The user's identity.
    pub id: UserId,
    /// The user's name.
    pub username: Username,
    /// What the user may do.
    pub role: Role,
    /// Whose bookings the user sees.
    pub office: Office,
}
