//! `airside-server migrate`

use std::process::ExitCode;

use super::{Outcome, Place, block_on, say};

pub(crate) fn run(place: &Place) -> Outcome {
    block_on(async {
        let database = place.database().await?;
        database.close().await;
        say(format_args!("schema version {}", database.schema_version()))?;
        Ok(ExitCode::SUCCESS)
    })
}
