//! `airside cancel`

use airside_common::locator::Locator;
use clap::Args;

use super::ask::ask;
use super::settle::{self, Sending};
use super::{CliError, Form, Workplace, print};

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
    /// How it is sent.
    #[command(flatten)]
    sending: Sending,
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
        let (key, patience) = self.sending.begin();
        let cancelled = settle::until_settled(&key, patience, || {
            api.cancel_booking(&key, self.locator, version)
        })
        .await?;
        print::in_form(&cancelled, self.form)
    }
}
