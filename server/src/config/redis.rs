//! Which Redis, if any.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::database::without_password;
use crate::redis::{Address, AddressError};

/// What processes share beside the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisSettings {
    /// `redis://user:password@host:6379/0` and other forms; empty: everything in the process.
    #[serde(deserialize_with = "redis_url")]
    pub url: String,
    /// What the names of its keys begin with: databases that use the same Redis need different ones.
    #[serde(deserialize_with = "prefix")]
    pub prefix: String,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            prefix: "airside".to_owned(),
        }
    }
}

impl RedisSettings {
    /// Where it is; `None` where everything is in the process.
    pub fn address(&self) -> Result<Option<Address>, AddressError> {
        if self.url.is_empty() {
            return Ok(None);
        }
        self.url.parse().map(Some)
    }

    /// The same, with passwords hidden.
    pub(super) fn shown(&self) -> Self {
        Self {
            url: without_password(&self.url),
            prefix: self.prefix.clone(),
        }
    }
}

fn redis_url<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let settings = RedisSettings {
        url: String::deserialize(text)?,
        ..RedisSettings::default()
    };
    settings.address().map_err(D::Error::custom)?;
    Ok(settings.url)
}

pub(super) fn prefix<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let text = String::deserialize(text)?;
    let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(fit) {
        return Err(D::Error::custom("is 1 to 64 of A-Z a-z 0-9 - _ ."));
    }
    Ok(text)
}
