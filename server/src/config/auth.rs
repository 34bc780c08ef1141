//! Logging in: its limits, and where the keys of access tokens are.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::data_folder::DataFolder;
use crate::features::auth::key_folder::KeyFolder;
use crate::features::auth::throttle::Limits;

/// Logging in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// Failed logins of one account that are let through a minute.
    pub account_failures_per_minute: NonZeroU32,
    /// Failed logins from one address that are let through a minute.
    pub address_failures_per_minute: NonZeroU32,
    /// Passwords that are hashed at the same time; each takes 19 MiB.
    pub hashes_at_once: NonZeroUsize,
    /// The folder of signing keys; empty: `signing-keys` in the data folder.
    pub keys: PathBuf,
    /// Where a process that is not `auth` finds the public keys; empty: nowhere.
    pub jwks_url: JwksUrl,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            account_failures_per_minute: NonZeroU32::MIN.saturating_add(4),
            address_failures_per_minute: NonZeroU32::MIN.saturating_add(19),
            hashes_at_once: NonZeroUsize::MIN.saturating_add(3),
            keys: PathBuf::new(),
            jwks_url: JwksUrl::default(),
        }
    }
}

impl AuthSettings {
    /// The folder of signing keys, with the data folder's own where none is set.
    pub fn keys_in(&self, folder: &DataFolder) -> KeyFolder {
        if self.keys.as_os_str().is_empty() {
            folder.signing_keys()
        } else {
            KeyFolder::at(self.keys.clone())
        }
    }

    /// The limits of the throttle.
    pub fn limits(&self) -> Limits {
        Limits {
            account: self.account_failures_per_minute.get(),
            address: self.address_failures_per_minute.get(),
        }
    }
}

/// The address of a JSON Web Key set, or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JwksUrl(pub Option<Url>);

impl FromStr for JwksUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let fit = |url: &Url| {
            ["http", "https"].contains(&url.scheme())
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        };
        match Url::parse(text).ok().filter(fit) {
            Some(url) => Ok(Self(Some(url))),
            // It is not repeated: somebody may have put a password into it.
            None => Err(
                "write it as http://host:port/.well-known/jwks.json or https://…, without a user",
            ),
        }
    }
}

impl fmt::Display for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |url| url.fmt(f))
    }
}

impl<'de> Deserialize<'de> for JwksUrl {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        String::deserialize(text)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl Serialize for JwksUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
