//! `airside rebook`

use airside_common::locator::Locator;
use clap::Args;

use super::settle::{self, Sending};
use super::{CliError, Form, Workplace, print};
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
    /// How it is sent.
    #[command(flatten)]
    sending: Sending,
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Rebook {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let api = at.session()?;
        let booking = api.booking(self.locator).await?;
        let Some(body) = acceptance(&booking.segments) else {
            // What was wanted is so: by an attempt under this key that had no answer, or by somebody else.
            if self.sending.key.is_some() {
                return print::in_form(&booking, self.form);
            }
            return Err(CliError::NotDone(format!(
                "nothing has changed in {} that is to be accepted",
                self.locator
            )));
        };
        let version = self.version.unwrap_or(booking.version);
        let (key, patience) = self.sending.begin();
        let rebooked = settle::until_settled(&key, patience, || {
            api.rebook_booking(&key, self.locator, version, &body)
        })
        .await?;
        print::in_form(&rebooked, self.form)
    }
}
