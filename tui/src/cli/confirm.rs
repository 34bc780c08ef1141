//! `airside confirm`

use airside_common::locator::Locator;
use clap::Args;

use super::settle::{self, Sending};
use super::{CliError, Form, Workplace, print};

/// Confirm a held booking before its time limit.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Confirm {
    /// The record locator.
    locator: Locator,
    /// Only if the booking has this version; without it, whatever it is now.
    #[arg(long)]
    version: Option<u64>,
    /// How it is sent.
    #[command(flatten)]
    sending: Sending,
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
        let (key, patience) = self.sending.begin();
        let confirmed = settle::until_settled(&key, patience, || {
            api.confirm_booking(&key, self.locator, version)
        })
        .await?;
        print::in_form(&confirmed, self.form)
    }
}
