//! Which database, on which servers, and what their addresses may say.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::postgres::PgConnectOptions;

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// `sqlite:///path/to/airside.db`, or one or more of `postgres://user:password@host/database`, of which one takes the
    /// writes; none: `airside.db` in the data folder.
    #[serde(deserialize_with = "database_urls", serialize_with = "one_or_more")]
    pub url: Vec<String>,
    /// Servers of PostgreSQL that follow it.
    #[serde(deserialize_with = "replica_urls")]
    pub replica_urls: Vec<String>,
    /// How old the state may be that a replica shows.
    #[serde(deserialize_with = "duration", serialize_with = "friendly")]
    pub replica_max_lag: Duration,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: Vec::new(),
            replica_urls: Vec::new(),
            replica_max_lag: Duration::from_secs(5),
        }
    }
}

impl DatabaseSettings {
    /// The same, with passwords hidden.
    pub(super) fn shown(&self) -> Self {
        let hide = |urls: &[String]| urls.iter().map(|url| without_password(url)).collect();
        Self {
            url: hide(&self.url),
            replica_urls: hide(&self.replica_urls),
            ..self.clone()
        }
    }
}

/// One text, or a list of texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Addresses in a list, or in one text with commas in front of all but the first: so they stand in the environment.
fn addresses<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    let text = match OneOrMore::deserialize(value) {
        Ok(OneOrMore::More(list)) => return Ok(list),
        Ok(OneOrMore::One(text)) => text,
        // The value is not repeated, since it may hold a password.
        Err(_) => return Err(D::Error::custom("is an address or a list of addresses")),
    };
    let mut list: Vec<String> = Vec::new();
    // A comma that no address follows is part of the one before: of its password, perhaps.
    for part in text.split(',') {
        match list.last_mut() {
            Some(before) if !part.trim_start().starts_with("postgres") => {
                before.push(',');
                before.push_str(part);
            }
            _ => list.push(part.trim().to_owned()),
        }
    }
    list.retain(|address| !address.is_empty());
    Ok(list)
}

/// A single address stands as it is, as most people write it.
fn one_or_more<S: Serializer>(urls: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match urls {
        [] => "".serialize(serializer),
        [url] => url.serialize(serializer),
        urls => urls.serialize(serializer),
    }
}

/// Such as `5s`, `500ms` or `1m`.
pub(super) fn duration<'de, D: Deserializer<'de>>(text: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(text)?;
    let parsed = text.parse::<SignedDuration>().ok();
    let parsed = parsed.and_then(|duration| Duration::try_from(duration).ok());
    parsed
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| D::Error::custom("write it as 5s, 500ms or 1m"))
}

pub(super) fn friendly<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let duration = SignedDuration::try_from(*duration).unwrap_or(SignedDuration::MAX);
    serializer.collect_str(&format_args!("{duration:#}"))
}

/// Addresses of replicas.
fn replica_urls<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    let urls = addresses(value)?;
    if urls.iter().all(|url| is_postgres(url)) {
        return Ok(urls);
    }
    Err(D::Error::custom(
        "write each as postgres://user:password@host/database",
    ))
}

/// The addresses of a database that this release can use. They are not repeated in the error, since they may hold passwords.
fn database_urls<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    let urls = addresses(value)?;
    let fit = match &urls[..] {
        [url] => is_sqlite(url) || is_postgres(url),
        urls => urls.iter().all(|url| is_postgres(url)),
    };
    if fit {
        return Ok(urls);
    }
    Err(D::Error::custom(format!(
        "write it as sqlite:///path/to/airside.db or postgres://user:password@host/database, with %40 for an @ in a \
         password; several servers of PostgreSQL as a list; parameters may be {}",
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
pub(super) fn without_password(url: &str) -> String {
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
