//! `airside rebook`

use std::time::Duration;

use airside_common::booking::OperationKey;
use airside_common::locator::Locator;
use clap::Args;

use super::{CliError, Form, Workplace, json, print, settle};
use crate::store::rebooking::acceptance;

/// Accept what happened to the flights of a booking: new times, and flights that are cancelled.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Rebook {
    /// The record locator.
    locator: Locator,
    /// Accept all of it: TK becomes HK, and UN is given up.
    #[arg(long, required = true)]
    accept: bool,
    /// Only if the booking has this version; without it, whatever it is now.
    #[arg(long)]
    version: Option<u64>,
    /// The key of this rebooking; a random one where it is missing. The same key again, with its version, tells what became of
    /// it.
    #[arg(long)]
    key: Option<OperationKey>,
    /// For how many seconds to try.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Rebook {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let api = at.session()?;
        let booking = api.booking(self.locator).await?;
        let body = acceptance(&booking.segments).ok_or_else(|| {
            CliError::NotDone(format!(
                "nothing has changed in {} that is to be accepted",
                self.locator
            ))
        })?;
        let version = self.version.unwrap_or(booking.version);
        let key = self.key.unwrap_or_else(OperationKey::random);
        let patience = Duration::from_secs(self.timeout);
        let rebooked = settle::until_settled(&key, patience, || {
            api.rebook_booking(&key, self.locator, version, &body)
        })
        .await?;
        if self.form.json {
            return json(&rebooked);
        }
        Ok(print::booking(&rebooked))
    }
}
