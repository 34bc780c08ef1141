//! `airside-server check`

use std::process::ExitCode;

use super::CommandError;
use crate::features::bookings::service::Bookings;

/// Names every row that contradicts another.
pub(super) async fn check(bookings: &Bookings) -> Result<ExitCode, CommandError> {
    let violations = bookings.violations().await?;
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        println!("no contradictions");
        Ok(ExitCode::SUCCESS)
    } else {
        eprintln!("airside-server: {} contradictions", violations.len());
        Ok(ExitCode::FAILURE)
    }
}
