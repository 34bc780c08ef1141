//! Which mail server, if any.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::client::Certificate;
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::database::{duration, friendly, without_password};
use crate::features::notifications::mail::sender::Mailing;

/// Mail to passengers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSettings {
    /// `smtps://user:password@host` or `smtp://user:password@host:587?tls=required`; empty: no mail is sent.
    #[serde(deserialize_with = "url")]
    pub url: String,
    /// From whom mails are: `Airside <no-reply@example.com>`.
    #[serde(deserialize_with = "mailbox")]
    pub from: String,
    /// To whom answers go; empty: to `from`.
    #[serde(deserialize_with = "mailbox")]
    pub reply_to: String,
    /// A file of certificates (PEM) by which the server's is verified; empty: those of the web.
    pub ca_file: PathBuf,
    /// How long the server may take for one mail.
    #[serde(deserialize_with = "duration", serialize_with = "friendly")]
    pub timeout: Duration,
    /// After how long a mail that was not taken is tried again; twice as long each time, an hour at most.
    #[serde(deserialize_with = "duration", serialize_with = "friendly")]
    pub retry_after: Duration,
}

/// Why no mail can be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Nobody would know from whom mails are.
    #[error("mail.from is needed where mail.url is set: whom mails are from")]
    NoSender,
    /// The addresses or the server's TLS cannot be used.
    #[error("mail.{key}: {message}")]
    Unusable {
        /// Which setting.
        key: &'static str,
        /// What is wrong; no secret.
        message: String,
    },
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            from: String::new(),
            reply_to: String::new(),
            ca_file: PathBuf::new(),
            timeout: Duration::from_mins(1),
            retry_after: Duration::from_mins(1),
        }
    }
}

impl MailSettings {
    /// How mail is sent; `None` where it is not.
    pub fn mailing(&self) -> Result<Option<Mailing>, MailError> {
        if self.url.is_empty() {
            return Ok(None);
        }
        let mailbox = |key, text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            let parsed = text.parse::<Mailbox>();
            parsed.map(Some).map_err(|error| MailError::Unusable {
                key,
                message: error.to_string(),
            })
        };
        Ok(Some(Mailing {
            url: self.url.clone(),
            from: mailbox("from", &self.from)?.ok_or(MailError::NoSender)?,
            reply_to: mailbox("reply_to", &self.reply_to)?,
            authorities: self.authorities()?,
            timeout: self.timeout,
            retry_after: self.retry_after,
        }))
    }

    /// By whom the server's certificate is to be made, where that is said.
    fn authorities(&self) -> Result<Option<Certificate>, MailError> {
        if self.ca_file == Path::new("") {
            return Ok(None);
        }
        let unusable = |message| MailError::Unusable {
            key: "ca_file",
            message: format!("{}: {message}", self.ca_file.display()),
        };
        let read = std::fs::read(&self.ca_file).map_err(|error| unusable(error.to_string()))?;
        let certificates = Certificate::from_pem(&read);
        let certificates = certificates.map_err(|_| unusable("no certificates".to_owned()))?;
        Ok(Some(certificates))
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
    if !text.is_empty() && AsyncSmtpTransport::<Tokio1Executor>::from_url(&text).is_err() {
        // What is wrong is not repeated, since it may hold a password.
        return Err(D::Error::custom(
            "write it as smtps://user:password@host:465, or smtp://user:password@host:587?tls=required, with %40 for an @ \
             in a password",
        ));
    }
    Ok(text)
}

fn mailbox<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let text = String::deserialize(text)?;
    if !text.is_empty() && text.parse::<Mailbox>().is_err() {
        return Err(D::Error::custom(
            "write it as no-reply@example.com or Airside <no-reply@example.com>",
        ));
    }
    Ok(text)
}
