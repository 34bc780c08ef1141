//! `airside-server asyncapi`

use std::process::ExitCode;

use airside_server::messages::asyncapi;

use super::{Outcome, say};

pub(crate) fn run() -> Outcome {
    say(format_args!("{:#}", asyncapi::document()))?;
    Ok(ExitCode::SUCCESS)
}
