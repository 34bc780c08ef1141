//! `airside-server config`

use std::process::ExitCode;

use airside_server::config::EXAMPLE;
use clap::Args;

use super::{Outcome, Place};

/// Prints the settings in force, or an example.
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// Print a commented file with every setting and its default instead
    #[arg(long)]
    example: bool,
}

impl Config {
    pub(crate) fn run(self, place: &Place) -> Outcome {
        if self.example {
            print!("{EXAMPLE}");
            return Ok(ExitCode::SUCCESS);
        }
        let settings = place.settings()?;
        print!("{}", settings.shown());
        Ok(ExitCode::SUCCESS)
    }
}
