//! Where files come from by themselves.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airside_common::ingest::SourceName;
use airside_common::money::{Currency, parse_currency};
use clap::ValueEnum;
use glob::Pattern;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::{Table, Value};

use super::database::without_password;
use super::{ImportSettings, list};
use crate::features::ingest::address::{Address, AddressError, Security};
use crate::formats::{Defaults, Format};

/// Where files come from by themselves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestSettings {
    /// The sources: `[[ingest.sources]]` in a file, a list of TOML's inline tables in the environment.
    #[serde(deserialize_with = "sources")]
    pub sources: Vec<SourceSettings>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// Its name, by which admins and the log speak of it.
    pub name: SourceName,
    /// Where it is: a folder, a bucket, or a server of FTP, FTPS or SFTP.
    #[serde(deserialize_with = "address")]
    pub url: String,
    /// Which files of it: their names, with `*`, `?` and `[a-z]`.
    #[serde(default = "everything", deserialize_with = "pattern")]
    pub pattern: String,
    /// Their format; absent: the one that the first line tells.
    #[serde(
        default,
        deserialize_with = "format",
        serialize_with = "format_word",
        skip_serializing_if = "Option::is_none"
    )]
    pub format: Option<Format>,
    /// Seconds between two looks.
    #[serde(default = "a_minute")]
    pub interval: NonZeroU32,
    /// What happens to a file once its upload is completed.
    #[serde(default)]
    pub done: Done,
    /// The name of the key for S3; empty: as Amazon's own programs find it.
    #[serde(default, deserialize_with = "text")]
    pub access_key: String,
    /// The key itself.
    #[serde(default, deserialize_with = "text")]
    pub secret_key: String,
    /// A file of certificates (PEM) by which an FTPS server's is verified; empty: those of the web.
    #[serde(default)]
    pub ca_file: PathBuf,
    /// The file of the private key for SFTP; empty: those that `ssh` tries by itself.
    #[serde(default)]
    pub key_file: PathBuf,
    /// The file of the host keys that SFTP servers may have, as `ssh` writes it; empty: those of the user and the system.
    #[serde(default)]
    pub known_hosts_file: PathBuf,
    /// As `import.currency`, for these files.
    #[serde(
        default,
        deserialize_with = "currency",
        skip_serializing_if = "Option::is_none"
    )]
    pub currency: Option<String>,
    /// As `import.fares`, for these files.
    #[serde(
        default,
        deserialize_with = "fares",
        skip_serializing_if = "Option::is_none"
    )]
    pub fares: Option<Vec<String>>,
}

/// What happens to a file once its upload is completed. One whose upload failed or was stopped stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    /// It stays.
    #[default]
    Leave,
    /// It goes into the folder `done/` of its source.
    Move,
    /// It is deleted.
    Delete,
}

impl IngestSettings {
    /// The same, with passwords and keys hidden.
    pub(super) fn shown(&self) -> Self {
        let shown = self.sources.iter().map(|source| {
            let mut shown = source.clone();
            shown.url = source.address_shown();
            if !shown.secret_key.is_empty() {
                "***".clone_into(&mut shown.secret_key);
            }
            shown
        });
        Self {
            sources: shown.collect(),
        }
    }
}

impl SourceSettings {
    /// Where it is.
    pub fn address(&self) -> Result<Address, AddressError> {
        self.url.parse()
    }

    /// Where it is, for people: without its password.
    pub fn address_shown(&self) -> String {
        match self.address() {
            // It has none, and is not to look as if it had.
            Ok(Address::Sftp(_)) => self.url.clone(),
            _ => without_password(&self.url),
        }
    }

    /// A setting that this kind of source does not have, and which is for another one: it would be thought to protect.
    fn misplaced(&self) -> Option<&'static str> {
        let address = self.address().ok()?;
        let is_set = |file: &Path| !file.as_os_str().is_empty();
        let is_ftps = matches!(&address, Address::Ftp(ftp) if ftp.security != Security::Plain);
        let is_sftp = matches!(address, Address::Sftp(_));
        if is_set(&self.ca_file) && !is_ftps {
            Some("ca_file: is for ftps:// alone")
        } else if is_set(&self.key_file) && !is_sftp {
            Some("key_file: is for sftp:// alone")
        } else if is_set(&self.known_hosts_file) && !is_sftp {
            Some("known_hosts_file: is for sftp:// alone")
        } else {
            None
        }
    }

    /// The name of the key and the key.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        let is_set = !self.access_key.is_empty() && !self.secret_key.is_empty();
        is_set.then_some((&self.access_key, &self.secret_key))
    }

    /// The time between two looks.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval.get().into())
    }

    /// What its files do not say.
    pub fn unsaid(&self, all: &ImportSettings) -> ImportSettings {
        ImportSettings {
            currency: self.currency.as_ref().unwrap_or(&all.currency).clone(),
            fares: self.fares.as_ref().unwrap_or(&all.fares).clone(),
        }
    }
}

fn everything() -> String {
    "*".to_owned()
}

fn a_minute() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(59)
}

/// The library repeats what it does not like, and that may be a password.
fn text<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    String::deserialize(value).map_err(|_| D::Error::custom("is a text"))
}

fn address<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    let url = text(value)?;
    url.parse::<Address>().map_err(D::Error::custom)?;
    Ok(url)
}

fn pattern<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    let text = String::deserialize(value)?;
    if text.is_empty() || text.contains('/') {
        let wrong = "is a pattern of names such as *.csv, without folders";
        return Err(D::Error::custom(wrong));
    }
    Pattern::new(&text).map_err(|error| D::Error::custom(error.msg))?;
    Ok(text)
}

fn format<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Format>, D::Error> {
    let word = String::deserialize(value)?;
    let format = Format::from_str(&word, true);
    let format = format.map_err(|_| D::Error::custom("is one of airside, prototype, ssim"))?;
    Ok(Some(format))
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it so"
)]
fn format_word<S: Serializer>(format: &Option<Format>, to: S) -> Result<S::Ok, S::Error> {
    match format {
        Some(format) => to.collect_str(format),
        None => to.serialize_none(),
    }
}

fn currency<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(value)?;
    let currency = parse_currency(&text).map_err(D::Error::custom)?;
    Ok(Some(currency.code().to_owned()))
}

/// Digits after the point are counted when the currency is known.
fn fares<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Vec<String>>, D::Error> {
    let items = list::deserialize(value)?;
    Defaults::read(Currency::KWD, &items)
        .map_err(|error| D::Error::custom(format!("`{}` is no fare", error.item())))?;
    Ok(Some(items))
}

/// The tables one by one, so that an error names the source and the setting, and repeats nothing else.
fn sources<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<SourceSettings>, D::Error> {
    let form = "is a list of tables, [{ name = \"…\", url = \"…\" }]";
    let items = match Value::deserialize(value)? {
        Value::Array(items) => items,
        Value::String(text) if text.trim().is_empty() => Vec::new(),
        Value::String(text) => {
            let table: Result<Table, _> = format!("sources = {text}").parse();
            match table.ok().and_then(|mut table| table.remove("sources")) {
                Some(Value::Array(items)) => items,
                _ => return Err(D::Error::custom(form)),
            }
        }
        _ => return Err(D::Error::custom(form)),
    };
    let mut names = HashSet::new();
    let mut sources = Vec::new();
    for (item, number) in items.into_iter().zip(1..) {
        if !item.is_table() {
            return Err(D::Error::custom(form));
        }
        let source: SourceSettings = serde_path_to_error::deserialize(item).map_err(|error| {
            let path = error.path().to_string();
            let message = error.inner().message();
            D::Error::custom(match path.as_str() {
                "." => format!("source {number}: {message}"),
                path => format!("source {number}: {path}: {message}"),
            })
        })?;
        if let Some(wrong) = source.misplaced() {
            return Err(D::Error::custom(format!("source {number}: {wrong}")));
        }
        if !names.insert(source.name.clone()) {
            let twice = format!("there are two sources named {}", source.name);
            return Err(D::Error::custom(twice));
        }
        sources.push(source);
    }
    Ok(sources)
}
