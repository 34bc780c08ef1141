//! Settings: defaults, then a TOML file, then the environment, then flags; each wins over those before it.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::{Table, Value};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::http::proxies::TrustedProxies;
use crate::http::rate_limit::Rate;
use crate::http::request_log::Logged;
use crate::roles::set::Roles;

pub use self::redis::{RedisError, RedisSettings};
pub use amqp::{AmqpSettings, CertificateError};
pub use auth::{AuthSettings, JwksUrl};
pub use bookings::BookingSettings;
pub use database::DatabaseSettings;
pub use files::FilesSettings;
pub use import::ImportSettings;
pub use ingest::{Done, IngestSettings, SourceSettings};
pub use mail::{MailError, MailSettings};
pub use webhooks::WebhookSettings;

mod amqp;
mod auth;
mod bookings;
mod database;
mod files;
mod import;
mod ingest;
pub(crate) mod list;
mod mail;
mod redis;
mod webhooks;

/// A file with every setting, its default and its meaning.
pub const EXAMPLE: &str = include_str!("config/example.toml");

/// What all environment variables of the server start with: `AIRSIDE_DATABASE_URL` is `database.url`.
const PREFIX: &str = "AIRSIDE_";

/// What starts so and is no setting of a section: flags of the server, and of the console that may have started it, and
/// what `scripts/services` says to tests.
const OF_OTHERS: [&str; 14] = [
    "data_dir",
    "config",
    "server",
    "state_dir",
    "services",
    "test_postgres",
    "test_replicas",
    "test_redis",
    "test_rabbitmq",
    "test_ftp",
    "test_ftps",
    "test_sftp",
    "test_smtp",
    "test_maildir",
];

/// All settings in force.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which services the process is.
    pub roles: Roles,
    /// Listening and connections.
    pub http: HttpSettings,
    /// Where state lives.
    pub database: DatabaseSettings,
    /// What processes share beside it.
    pub redis: RedisSettings,
    /// What carries messages.
    pub amqp: AmqpSettings,
    /// How events reach all processes.
    pub events: EventSettings,
    /// Logging in.
    pub auth: AuthSettings,
    /// How bookings are held.
    pub bookings: BookingSettings,
    /// Where uploaded files are kept.
    pub files: FilesSettings,
    /// What imported files do not say.
    pub import: ImportSettings,
    /// Where files come from by themselves.
    pub ingest: IngestSettings,
    /// Mail to passengers.
    pub mail: MailSettings,
    /// Calls of other programs.
    pub webhooks: WebhookSettings,
    /// What is written to standard error.
    pub log: LogSettings,
}

/// Listening and connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Open connections; more wait.
    pub max_connections: NonZeroUsize,
    /// Seconds between "not ready" and the end of listening on SIGTERM, so that proxies look elsewhere first.
    pub drain_seconds: u64,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Requests of one user that are answered a second; 0: any number.
    #[serde(deserialize_with = "requests")]
    pub user_requests_per_second: u32,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7878)),
            max_connections: NonZeroUsize::MIN.saturating_add(4095),
            drain_seconds: 1,
            trusted_proxies: TrustedProxies::default(),
            user_requests_per_second: 0,
        }
    }
}

/// More than a process answers, and few enough to be told apart by microseconds.
const MOST_REQUESTS: u32 = 100_000;

fn requests<'de, D: Deserializer<'de>>(number: D) -> Result<u32, D::Error> {
    let requests = u32::deserialize(number)?;
    if requests > MOST_REQUESTS {
        return Err(D::Error::custom(format_args!("is at most {MOST_REQUESTS}")));
    }
    Ok(requests)
}

impl HttpSettings {
    /// How many requests a user may make, if there is a limit.
    pub fn rate(&self) -> Option<Rate> {
        NonZeroU32::new(self.user_requests_per_second).map(Rate::a_second)
    }
}

/// How events reach all processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// Seconds for which events stay in the database for all processes to read them.
    pub retention_seconds: NonZeroU32,
    /// Streams of live events that are open at the same time; each is a connection of `http.max_connections`.
    pub max_streams: NonZeroUsize,
    /// Those of one user.
    pub max_streams_per_user: NonZeroUsize,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            retention_seconds: NonZeroU32::MIN.saturating_add(59),
            max_streams: NonZeroUsize::MIN.saturating_add(2047),
            max_streams_per_user: NonZeroUsize::MIN.saturating_add(15),
        }
    }
}

impl EventSettings {
    /// How long events stay.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(self.retention_seconds.get().into())
    }
}

/// What is written to standard error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,airside_server::outbox=debug`.
    #[serde(deserialize_with = "level")]
    pub level: String,
    /// For people or for programs.
    pub format: LogFormat,
    /// Which requests get a line.
    pub requests: Logged,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::default(),
            requests: Logged::default(),
        }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Levels and directives of the log. A single word that is no level would be taken for a target by the library, and hide
/// all other lines.
fn level<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let text = String::deserialize(text)?;
    let word_of_no_level =
        |part: &&str| !part.contains(['=', '[', ':']) && LevelFilter::from_str(part).is_err();
    if let Some(wrong) = text.split(',').map(str::trim).find(word_of_no_level) {
        return Err(D::Error::custom(format!(
            "`{wrong}` is none of off, error, warn, info, debug, trace"
        )));
    }
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(D::Error::custom(error)),
    }
}

/// Why the settings are not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}: TOML parse error at line {line}: {message}")]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// Why. The line itself is not repeated, since it may hold a password.
        message: String,
    },
    /// There is no such setting, or its value is wrong.
    #[error("{key}: {message} (from {origin})")]
    Setting {
        /// Which setting, such as `http.listen`.
        key: String,
        /// What is wrong with it.
        message: String,
        /// Where it was set.
        origin: Origin,
    },
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

impl Settings {
    /// The settings of a file and an environment.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut settings = Table::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.to_owned(),
                source,
            })?;
            let table: Table =
                text.parse()
                    .map_err(|error: toml::de::Error| ConfigError::Toml {
                        path: path.to_owned(),
                        line: line_of(&text, error.span().map_or(0, |span| span.start)),
                        message: error.message().to_owned(),
                    })?;
            check(&table, &Origin::File(path.to_owned()))?;
            settings = table;
        }
        let defaults = defaults();
        for (name, value) in environment {
            let Some((section, key, value)) = of_environment(&defaults, &name, value)? else {
                continue;
            };
            let mut one = Table::new();
            put(&mut one, section.as_deref(), &key, value.clone());
            check(&one, &Origin::Environment(name))?;
            put(&mut settings, section.as_deref(), &key, value);
        }
        check(&settings, &Origin::Flag("the settings"))
    }

    /// The settings as a TOML file, with secrets hidden.
    pub fn shown(&self) -> String {
        let mut shown = self.clone();
        shown.database = self.database.shown();
        shown.redis = self.redis.shown();
        shown.amqp = self.amqp.shown();
        shown.files = self.files.shown();
        shown.ingest = self.ingest.shown();
        shown.mail = self.mail.shown();
        toml::to_string(&shown).unwrap_or_default()
    }
}

/// The line of a byte, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Puts a setting into its section, or beside the sections.
fn put(settings: &mut Table, section: Option<&str>, key: &str, value: Value) {
    let Some(section) = section else {
        settings.insert(key.to_owned(), value);
        return;
    };
    let section = settings.entry(section);
    if let Value::Table(table) = section.or_insert_with(|| Value::Table(Table::new())) {
        table.insert(key.to_owned(), value);
    }
}

/// The defaults as a table, which knows what settings there are and of what kind.
fn defaults() -> Table {
    Table::try_from(Settings::default()).unwrap_or_default()
}

/// Settings of a table; the error names the key.
fn check(table: &Table, origin: &Origin) -> Result<Settings, ConfigError> {
    serde_path_to_error::deserialize(Value::Table(table.clone())).map_err(|error| {
        let message = error.inner().message().to_owned();
        // The path of an unknown key is that of the section around it.
        let unknown = message
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split_once('`'))
            .map(|(name, _)| name);
        let path = error.path().to_string();
        let key = match (unknown, path.as_str()) {
            (Some(name), ".") => name.to_owned(),
            (Some(name), path) if !path.ends_with(name) => format!("{path}.{name}"),
            _ => path,
        };
        ConfigError::Setting {
            key,
            message,
            origin: origin.clone(),
        }
    })
}

/// The section (none for a setting beside them), key and value that an environment variable sets; `None` for variables of others. One that starts with
/// the prefix and is none of ours is misspelt.
fn of_environment(
    defaults: &Table,
    name: &str,
    text: String,
) -> Result<Option<(Option<String>, String, Value)>, ConfigError> {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return Ok(None);
    };
    let rest = rest.to_ascii_lowercase();
    let found = defaults.iter().find_map(|(name, value)| {
        if !value.is_table() {
            return (rest == *name).then(|| (None, name.clone(), Some(value)));
        }
        let key = rest.strip_prefix(name.as_str())?.strip_prefix('_')?;
        Some((Some(name.clone()), key.to_owned(), value.get(key)))
    });
    let Some((section, key, default)) = found else {
        if OF_OTHERS.contains(&rest.as_str()) {
            return Ok(None);
        }
        return Err(ConfigError::Setting {
            key: rest,
            message: "there is no such setting".to_owned(),
            origin: Origin::Environment(name.to_owned()),
        });
    };
    let wrong = |message: &str| ConfigError::Setting {
        key: match &section {
            Some(section) => format!("{section}.{key}"),
            None => key.clone(),
        },
        message: message.to_owned(),
        origin: Origin::Environment(name.to_owned()),
    };
    let value = match default {
        None => return Err(wrong("there is no such setting")),
        Some(Value::Integer(_)) => {
            Value::Integer(text.trim().parse().map_err(|_| wrong("is a number"))?)
        }
        Some(Value::Boolean(_)) => {
            Value::Boolean(text.trim().parse().map_err(|_| wrong("is true or false"))?)
        }
        Some(_) => Value::String(text),
    };
    Ok(Some((section, key, value)))
}

#[cfg(test)]
mod tests;
