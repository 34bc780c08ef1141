//! Which database, and what its address may say.

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::postgres::PgConnectOptions;

use crate::data_folder::DataFolder;

/// Parameters of an address of PostgreSQL, beside `options[…]`; the library would pass over others with a warning that
/// repeats their values.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
];

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// `sqlite:///path/to/airside.db` or `postgres://user:password@host/database`; empty: `airside.db` in the data
    /// folder.
    #[serde(deserialize_with = "database_url")]
    pub url: String,
}

impl DatabaseSettings {
    /// The database's address, with the data folder's own where none is set.
    pub fn url_in(&self, folder: &DataFolder) -> String {
        if self.url.is_empty() {
            folder.database_url()
        } else {
            self.url.clone()
        }
    }

    /// The same, with passwords hidden.
    pub(super) fn shown(&self) -> Self {
        Self {
            url: without_password(&self.url),
        }
    }
}

/// The address of a database that this release can use. It is not repeated in the error, since it may hold a password.
fn database_url<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let text = String::deserialize(text)?;
    if text.is_empty() || is_sqlite(&text) || is_postgres(&text) {
        return Ok(text);
    }
    Err(D::Error::custom(format!(
        "write it as sqlite:///path/to/airside.db or postgres://user:password@host/database, with %40 for an @ in a \
         password; parameters may be {}",
        PARAMETERS.join(", ")
    )))
}

fn is_sqlite(url: &str) -> bool {
    let path = url.strip_prefix("sqlite://");
    path.is_some_and(|path| !path.is_empty() && !path.starts_with([':', '?']))
}

fn is_postgres(url: &str) -> bool {
    let ours = ["postgres://", "postgresql://"];
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    ours.iter().any(|scheme| url.starts_with(scheme))
        && form_urlencoded::parse(parameters.as_bytes())
            .all(|(name, _)| PARAMETERS.contains(&&*name) || name.starts_with("options["))
        && PgConnectOptions::from_str(url).is_ok()
}

/// An address whose passwords are hidden, in front of the host and among the parameters.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority);
    let authority = match authority.rsplit_once('@') {
        Some((credentials, host)) => {
            let user = credentials
                .split_once(':')
                .map_or(credentials, |(user, _)| user);
            format!("{user}:***@{host}")
        }
        None => authority.to_owned(),
    };
    let Some((path, parameters)) = rest.split_once('?') else {
        return format!("{scheme}://{authority}{rest}");
    };
    let parameters: Vec<String> = parameters
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if name.to_lowercase().contains("password") => format!("{name}=***"),
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{scheme}://{authority}{path}?{}", parameters.join("&"))
}
