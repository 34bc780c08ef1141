//! `airside-server migrate`

use std::process::ExitCode;

use airside_server::store::sqlite::Sqlite;

use super::{Outcome, Place, block_on, say};

pub(crate) fn run(place: &Place) -> Outcome {
    block_on(async {
        let database = place.database().await?;
        database.close().await;
        say(format_args!("schema version {}", Sqlite::schema_version()))?;
        Ok(ExitCode::SUCCESS)
    })
}
