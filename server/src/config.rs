//! Settings: defaults, then a TOML file, then the environment, then flags.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Prefix of the environment's settings: `AIRSIDE_DATABASE_URL` is `database.url`.
const PREFIX: &str = "AIRSIDE_";

/// All settings of a process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The HTTP side.
    pub http: Http,
    /// The database.
    pub database: Database,
    /// Logging in.
    pub auth: Auth,
    /// Logs.
    pub log: Log,
}

/// The HTTP side.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7878)),
        }
    }
}

/// The database.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:///folder/file.db`; without it, `airside.db` in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Logging in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Failed logins of one account in a minute, after which it waits.
    pub account_failures_per_minute: NonZeroU32,
    /// Failed logins from one address in a minute, after which it waits.
    pub address_failures_per_minute: NonZeroU32,
}

impl Default for Auth {
    fn default() -> Self {
        const FIVE: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
        const TWENTY: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
        Self {
            account_failures_per_minute: FIVE,
            address_failures_per_minute: TWENTY,
        }
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// An object a line, for programs.
    Json,
}

/// Logs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What is logged, such as `info` or `airside_server=debug,warn`.
    pub filter: String,
    /// In which form.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// Why the settings cannot be used; names the setting.
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
    #[error("{path}: {source}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// A variable of the environment names no setting.
    #[error("{0}: no such setting")]
    Unknown(String),
    /// A setting is unknown or has a bad value.
    #[error("{0}")]
    Value(String),
}

impl Config {
    /// The settings of an optional file and of variables of the environment, which win over the file.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = match file {
            None => toml::Table::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read {
                    path: path.to_owned(),
                    source,
                })?
                .parse()
                .map_err(|source| ConfigError::Syntax {
                    path: path.to_owned(),
                    source: Box::new(source),
                })?,
        };
        for (name, value) in environment {
            let Some(setting) = name.strip_prefix(PREFIX) else {
                continue;
            };
            // These two name where settings and data are; the command line reads them.
            if matches!(setting, "CONFIG" | "DATA_DIR") {
                continue;
            }
            let lower = setting.to_ascii_lowercase();
            let (section, key) = lower
                .split_once('_')
                .ok_or_else(|| ConfigError::Unknown(name.clone()))?;
            let section = table
                .entry(section)
                .or_insert_with(|| toml::Table::new().into())
                .as_table_mut()
                .ok_or_else(|| ConfigError::Unknown(name.clone()))?;
            let value = value
                .parse::<i64>()
                .map_or_else(|_| toml::Value::from(value), toml::Value::from);
            section.insert(key.to_owned(), value);
        }
        serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
            let what = error.inner().to_string();
            ConfigError::Value(format!("{}: {}", error.path(), what.trim()))
        })
    }

    /// The settings as TOML with passwords in URLs hidden.
    pub fn shown(&self) -> String {
        let mut shown = self.clone();
        shown.database.url = shown.database.url.as_deref().map(without_password);
        toml::to_string_pretty(&shown).unwrap_or_else(|error| format!("# {error}\n"))
    }
}

/// The URL with its password replaced.
fn without_password(url: &str) -> String {
    let hidden = || {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}{path}"))
    };
    hidden().unwrap_or_else(|| url.to_owned())
}

/// A file with every setting, its default and what it means.
pub const EXAMPLE: &str = include_str!("config/example.toml");

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn load(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()), environment(pairs))
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = load(
            "[http]\nlisten = \"127.0.0.1:1\"\n[auth]\naccount_failures_per_minute = 7",
            &[
                ("AIRSIDE_HTTP_LISTEN", "127.0.0.1:2"),
                ("AIRSIDE_AUTH_ADDRESS_FAILURES_PER_MINUTE", "9"),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!(config.auth.account_failures_per_minute.get(), 7);
        assert_eq!(config.auth.address_failures_per_minute.get(), 9);
    }

    #[rstest]
    #[case("[http]\nlissten = 1", &[], "lissten")]
    #[case("[htp]", &[], "htp")]
    #[case("[http]\nlisten = \"nowhere\"", &[], "http.listen")]
    #[case("", &[("AIRSIDE_AUTH_ACCOUNT_FAILURES_PER_MINUTE", "0")], "auth.account_failures_per_minute")]
    #[case("", &[("AIRSIDE_NONSENSE", "0")], "AIRSIDE_NONSENSE")]
    #[case("", &[("AIRSIDE_LOG_COLOUR", "0")], "colour")]
    fn what_is_wrong_is_named(
        #[case] text: &str,
        #[case] pairs: &[(&str, &str)],
        #[case] name: &str,
    ) {
        let error = load(text, pairs).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }

    #[test]
    fn the_example_is_the_defaults() {
        let example: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(example.shown(), Config::default().shown());
    }

    #[test]
    fn passwords_are_hidden() {
        let mut config = Config::default();
        config.database.url = Some("postgres://anna:secret@db/airside".to_owned());
        assert!(!config.shown().contains("secret"));
        assert!(config.shown().contains("anna:***@db/airside"));
    }
}
