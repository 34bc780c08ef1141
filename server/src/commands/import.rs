//! `airside-server import`

use std::path::PathBuf;
use std::process::ExitCode;

use airside_server::features::flights::import::file::import_file;
use clap::Args;

use super::{Outcome, Place, block_on, clock, say};

/// Takes flights from a file; a server that runs beside it learns of them within seconds.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file, or - for standard input; rejected rows go to FILE.rejected.csv beside it
    file: PathBuf,
}

impl Import {
    pub(crate) fn run(self, place: &Place) -> Outcome {
        block_on(async {
            let database = place.database().await?;
            let report = import_file(&*database, &*clock(), &self.file).await;
            database.close().await;
            say(report?)?;
            Ok(ExitCode::SUCCESS)
        })
    }
}
