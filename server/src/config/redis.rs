//! Which Redis, if any.

use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::database::without_password;
use crate::redis::{Address, AddressError, Authorities, AuthoritiesError};

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
    /// A file of certificates (PEM) by which its own is verified where its address asks for TLS; empty: those of the web.
    pub ca_file: PathBuf,
}

/// Why Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// Nobody is there by this address.
    #[error("redis.url: {0}")]
    Address(#[from] AddressError),
    /// The file cannot be read.
    #[error("redis.ca_file: {path}: {source}")]
    Unread {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is of no use.
    #[error("redis.ca_file: {path}: {source}")]
    Authorities {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: AuthoritiesError,
    },
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            prefix: "airside".to_owned(),
            ca_file: PathBuf::new(),
        }
    }
}

impl RedisSettings {
    /// Where it is; `None` where everything is in the process.
    pub fn address(&self) -> Result<Option<Address>, RedisError> {
        if self.url.is_empty() {
            return Ok(None);
        }
        if self.ca_file == Path::new("") {
            return Ok(Some(self.url.parse()?));
        }
        let path = || self.ca_file.clone();
        let read = std::fs::read(&self.ca_file).map_err(|source| RedisError::Unread {
            path: path(),
            source,
        })?;
        let authorities = Authorities::of(read).map_err(|source| RedisError::Authorities {
            path: path(),
            source,
        })?;
        Ok(Some(Address::trusting(&self.url, &authorities)?))
    }

    /// The same, with passwords hidden.
    pub(super) fn shown(&self) -> Self {
        Self {
            url: without_password(&self.url),
            ..self.clone()
        }
    }
}

fn redis_url<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let text = String::deserialize(text)?;
    if !text.is_empty() {
        text.parse::<Address>().map_err(D::Error::custom)?;
    }
    Ok(text)
}

pub(super) fn prefix<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let text = String::deserialize(text)?;
    let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(fit) {
        return Err(D::Error::custom("is 1 to 64 of A-Z a-z 0-9 - _ ."));
    }
    Ok(text)
}
