//! `airside-server openapi`

use std::process::ExitCode;

use airside_server::http::router;

use super::{Outcome, say};

pub(crate) fn run() -> Outcome {
    say(router::document())?;
    Ok(ExitCode::SUCCESS)
}
