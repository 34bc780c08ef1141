//! `airside queues`

use clap::Args;

use super::{CliError, Form, Workplace, json, print};

/// Show how much lies on the queues of the own office.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Queues {
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Queues {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let totals = at.session()?.queues().await?;
        if self.form.json {
            return json(&totals);
        }
        Ok(print::queues(&totals))
    }
}
