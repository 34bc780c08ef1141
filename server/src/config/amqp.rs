//! Which message broker, if any.

use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::database::without_password;
use crate::messages::rabbitmq::Broker;

/// What carries messages to those who react to what happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AmqpSettings {
    /// `amqp://user:password@host:5672/%2f` or `amqps://…`; empty: tables of the database.
    #[serde(deserialize_with = "url")]
    pub url: String,
    /// What the names of its exchanges and queues begin with: databases that use the same broker need different ones.
    #[serde(deserialize_with = "super::redis::prefix")]
    pub prefix: String,
    /// A file of certificates (PEM) by which the broker's is verified; empty: those of the web.
    pub ca_file: PathBuf,
}

/// Why the broker cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("amqp.ca_file: {path}: {source}")]
pub struct CertificateError {
    path: PathBuf,
    source: std::io::Error,
}

impl Default for AmqpSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            prefix: "airside".to_owned(),
            ca_file: PathBuf::new(),
        }
    }
}

impl AmqpSettings {
    /// Where it is; `None` where the database carries messages.
    pub fn broker(&self) -> Result<Option<Broker>, CertificateError> {
        if self.url.is_empty() {
            return Ok(None);
        }
        let certificates = if self.ca_file == Path::new("") {
            None
        } else {
            let read = std::fs::read_to_string(&self.ca_file);
            let path = &self.ca_file;
            Some(read.map_err(|source| CertificateError {
                path: path.clone(),
                source,
            })?)
        };
        Ok(Some(Broker {
            url: self.url.clone(),
            prefix: self.prefix.clone(),
            certificates,
        }))
    }

    /// The same, with passwords hidden.
    pub(super) fn shown(&self) -> Self {
        Self {
            url: without_password(&self.url),
            ..self.clone()
        }
    }
}

fn url<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let text = String::deserialize(text)?;
    let form = "write it as amqp://user:password@host:5672/%2f, or amqps://";
    let scheme = text.starts_with("amqp://") || text.starts_with("amqps://");
    if !text.is_empty() && (!scheme || text.parse::<lapin::uri::AMQPUri>().is_err()) {
        // What is wrong is not repeated, since it may hold a password.
        return Err(D::Error::custom(form));
    }
    Ok(text)
}
