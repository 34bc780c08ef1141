//! `airside-server openapi`

use std::process::ExitCode;

use airside_server::http::router;

use super::Outcome;

pub(crate) fn run() -> Outcome {
    println!("{}", router::document());
    Ok(ExitCode::SUCCESS)
}
