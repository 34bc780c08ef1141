//! `airside-server check`

use std::process::ExitCode;

use super::{CONTRADICTIONS, Failure, Outcome, Place, block_on, say};

pub(crate) fn run(place: &Place) -> Outcome {
    block_on(async {
        let database = place.database().await?;
        let found = database.violations().await;
        database.close().await;
        let found = found.map_err(|e| Failure::Other(e.to_string()))?;
        for violation in &found {
            say(violation)?;
        }
        if found.is_empty() {
            say("no contradictions")?;
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("contradictions: {}", found.len());
        Ok(ExitCode::from(CONTRADICTIONS))
    })
}
