//! `airside confirm`

use std::time::Duration;

use airside_common::booking::OperationKey;
use airside_common::locator::Locator;
use clap::Args;

use super::{CliError, Form, Workplace, json, print, settle};

/// Confirm a held booking before its time limit.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Confirm {
    /// The record locator.
    locator: Locator,
    /// Only if the booking has this version; without it, whatever it is now.
    #[arg(long)]
    version: Option<u64>,
    /// The key of this confirmation; a random one where it is missing.
    #[arg(long)]
    key: Option<OperationKey>,
    /// For how many seconds to try.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Confirm {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let api = at.session()?;
        let version = match self.version {
            Some(version) => version,
            None => api.booking(self.locator).await?.version,
        };
        let key = self.key.unwrap_or_else(OperationKey::random);
        let patience = Duration::from_secs(self.timeout);
        let confirmed = settle::until_settled(&key, patience, || {
            api.confirm_booking(&key, self.locator, version)
        })
        .await?;
        if self.form.json {
            return json(&confirmed);
        }
        Ok(print::booking(&confirmed))
    }
}
