//! Where uploaded files are kept, and for how long.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::files::address::{Address, AddressError};

/// Where uploaded files are kept, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesSettings {
    /// `file:///path` or `s3://bucket/prefix?endpoint=…&region=…`; empty: `files` in the data folder.
    #[serde(deserialize_with = "address")]
    pub url: String,
    /// The name of the key for S3; empty: as Amazon's own programs find it (`AWS_ACCESS_KEY_ID`, …).
    pub access_key: String,
    /// The key itself.
    pub secret_key: String,
    /// Days for which a file, and what was found in it, are kept once it has been dealt with.
    pub keep_days: NonZeroU32,
}

impl Default for FilesSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            access_key: String::new(),
            secret_key: String::new(),
            keep_days: NonZeroU32::MIN.saturating_add(29),
        }
    }
}

impl FilesSettings {
    /// Where they are; `None` where they are in the data folder.
    pub fn address(&self) -> Result<Option<Address>, AddressError> {
        if self.url.is_empty() {
            return Ok(None);
        }
        self.url.parse().map(Some)
    }

    /// The name of the key and the key.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        let is_set = !self.access_key.is_empty() && !self.secret_key.is_empty();
        is_set.then_some((&self.access_key, &self.secret_key))
    }

    /// How long files are kept.
    pub fn kept_for(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.keep_days.get()))
    }

    /// The same, with the key hidden.
    pub(super) fn shown(&self) -> Self {
        let mut shown = self.clone();
        if !shown.secret_key.is_empty() {
            "***".clone_into(&mut shown.secret_key);
        }
        shown
    }
}

fn address<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let settings = FilesSettings {
        url: String::deserialize(text)?,
        ..FilesSettings::default()
    };
    settings.address().map_err(D::Error::custom)?;
    Ok(settings.url)
}
