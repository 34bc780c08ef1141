//! Users, their roles and their offices.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;
use crate::parse::text_type;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum Role {
    /// Searches and books; sees the bookings of the own office.
    Agent,
    /// All that an agent does, for every office, and runs flights and users.
    Admin,
}

impl Role {
    /// The word used in the API and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "agent" => Ok(Self::Agent),
            "admin" => Ok(Self::Admin),
            _ => Err(ParseError::new("a role is agent or admin")),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// An agency's office, such as `NYC1A0001`: 3 to 9 letters or digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Office(String);

impl Office {
    /// The code in capital letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Office {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let code = text.trim().to_ascii_uppercase();
        if (3..=9).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(Self(code))
        } else {
            Err(ParseError::new(
                "an office code has 3 to 9 letters or digits, such as NYC1A0001",
            ))
        }
    }
}

impl fmt::Display for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_type!(Office, "office", "NYC1A0001");

/// The name under which a history shows what nobody asked for, such as the end of a hold. No user is given it.
pub const SYSTEM: &str = "system";

/// A user's name for logging in: 2 to 32 of `a-z 0-9 . _ -`, lower case, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Username(String);

impl Username {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let name = text.trim().to_ascii_lowercase();
        let shaped = (2..=32).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && name.as_bytes()[0].is_ascii_alphabetic();
        if shaped {
            Ok(Self(name))
        } else {
            Err(ParseError::new(
                "a user name has 2 to 32 of a-z 0-9 . _ - and starts with a letter",
            ))
        }
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_type!(Username, "username", "demo");

/// The identity of a user; opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub uuid::Uuid);

impl UserId {
    /// A new identity, ordered by the time of its making (RFC 9562, version 7).
    #[expect(
        clippy::new_without_default,
        reason = "a default identity would have no meaning"
    )]
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl FromStr for UserId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse()
            .map(Self)
            .map_err(|_| ParseError::new("not a user id"))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

text_type!(UserId, "user-id", "01936d5e-0000-7000-8000-000000000000");

/// A session: one login and all tokens that descend from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub uuid::Uuid);

impl SessionId {
    /// A new session, ordered by the time of its making.
    #[expect(
        clippy::new_without_default,
        reason = "a default identity would have no meaning"
    )]
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
