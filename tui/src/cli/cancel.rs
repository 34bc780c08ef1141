//! `airside cancel`

use std::time::Duration;

use airside_common::booking::OperationKey;
use airside_common::locator::Locator;
use clap::Args;

use super::ask::ask;
use super::{CliError, Form, Workplace, json, print, settle};

/// Give a booking back.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Cancel {
    /// The record locator.
    locator: Locator,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Only if the booking has this version; without it, whatever it is now.
    #[arg(long)]
    version: Option<u64>,
    /// The key of this cancellation; a random one where it is missing.
    #[arg(long)]
    key: Option<OperationKey>,
    /// For how many seconds to try.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Cancel {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let api = at.session()?;
        let version = if let (Some(version), true) = (self.version, self.yes) {
            version
        } else {
            let booking = api.booking(self.locator).await?;
            if !self.yes {
                ask(&print::booking(&booking), "Cancel it?")?;
            }
            self.version.unwrap_or(booking.version)
        };
        let key = self.key.unwrap_or_else(OperationKey::random);
        let patience = Duration::from_secs(self.timeout);
        let cancelled = settle::until_settled(&key, patience, || {
            api.cancel_booking(&key, self.locator, version)
        })
        .await?;
        if self.form.json {
            return json(&cancelled);
        }
        Ok(print::booking(&cancelled))
    }
}
