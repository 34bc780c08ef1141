//! Logging in, refreshing, logging out.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::user::{Office, Role, UserId, Username};

/// A secret text: never shown by `Debug`, nor by the error of what is no text.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::NewType))]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Secret, E> {
                Ok(Secret(text))
            }

            // serde's own would repeat the value.
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
                Err(E::custom("not a string"))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
                Err(E::custom("not a string"))
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
                Err(E::custom("not a string"))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
                Err(E::custom("not a string"))
            }
        }

        // Not `deserialize_string`: for a number serde_json would not ask the visitor.
        deserializer.deserialize_any(Text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_repeated_by_nothing() {
        let secret: Secret = serde_json::from_str("\"s\\u00e4cret\"").unwrap();
        assert_eq!(secret.0, "säcret");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        for wrong in [
            "12345678",
            "-12345678",
            "1234.5678",
            "true",
            "[\"12345678\"]",
            "{\"true\":1}",
            "null",
        ] {
            let error = serde_json::from_str::<Secret>(wrong)
                .unwrap_err()
                .to_string();
            assert!(error.contains("string"), "{error}");
            for part in ["1234", "5678", "true"] {
                assert!(!error.contains(part), "{error}");
            }
        }
    }
}
