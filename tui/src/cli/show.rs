//! `airside show`

use airside_common::locator::Locator;
use clap::Args;

use super::{CliError, Form, Workplace, json, print};

/// Show one booking.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Show {
    /// The record locator.
    locator: Locator,
    /// Show what happened to it instead.
    #[arg(long)]
    history: bool,
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Show {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let api = at.session()?;
        if self.history {
            let page = api.history(self.locator).await?;
            return if self.form.json {
                json(&page)
            } else {
                Ok(print::history(&page))
            };
        }
        let booking = api.booking(self.locator).await?;
        if self.form.json {
            json(&booking)
        } else {
            Ok(print::booking(&booking))
        }
    }
}
