//! `airside-server config`

use std::process::ExitCode;

use airside_server::config::EXAMPLE;
use clap::Args;

use super::{Outcome, Place, say};

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
            say(EXAMPLE.trim_end())?;
            return Ok(ExitCode::SUCCESS);
        }
        let settings = place.settings()?;
        say(settings.shown().trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}
