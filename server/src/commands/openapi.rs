//! `airside-server openapi`

use std::process::ExitCode;

use airside_server::http::router;

pub(crate) fn run() -> ExitCode {
    println!("{}", router::document());
    ExitCode::SUCCESS
}
