//! `airside-server import`

use std::path::PathBuf;
use std::process::ExitCode;

use airside_common::money::{Currency, parse_currency};
use airside_server::features::flights::import::Source;
use airside_server::features::flights::import::file::import_file;
use airside_server::formats::Format;
use clap::Args;

use super::{Failure, Outcome, Place, block_on, clock, say};

const FORMATS: &str = "\
Formats: Airside CSV, the prototype's CSV, IATA SSIM chapter 7; docs/formats.md describes them.

A flight that exists becomes what the file says. What the file's format does not say stays as it is; sold seats stay \
sold, and bookings are never touched. Importing a file again changes nothing.

What was not taken is in FILE.rejected.csv, what should be looked at in FILE.notes.csv, each with line, column and \
reason. A file of a season (SSIM) is whole: flights of its carriers in its period that it does not have are in \
FILE.withdrawn.csv. None of them is cancelled.";

/// Takes flights from a file; a server that runs beside it learns of them within seconds.
#[derive(Debug, Args)]
#[command(after_long_help = FORMATS)]
pub(crate) struct Import {
    /// The file, or - for standard input; what was found goes to FILE.rejected.csv, FILE.notes.csv and
    /// FILE.withdrawn.csv beside it
    file: PathBuf,

    /// The file's format [default: the one that its first line tells]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The fare of new flights, for formats without fares: 224.78 for every cabin, business=899.00 for one [default:
    /// import.fares of the settings]
    #[arg(long = "fare", value_name = "[CABIN=]AMOUNT")]
    fares: Vec<String>,

    /// The currency of these fares, and of prices in files that name none [default: import.currency of the settings]
    #[arg(long, value_parser = parse_currency)]
    currency: Option<Currency>,
}

impl Import {
    pub(crate) fn run(self, place: &Place) -> Outcome {
        let mut settings = place.settings()?.import;
        if let Some(currency) = self.currency {
            currency.code().clone_into(&mut settings.currency);
        }
        if !self.fares.is_empty() {
            settings.fares = self.fares;
        }
        let source = Source {
            format: self.format,
            defaults: settings
                .defaults()
                .map_err(|error| Failure::Usage(error.to_string()))?,
        };
        block_on(async {
            let database = place.database().await?;
            let report = import_file(&*database, &*clock(), &self.file, source).await;
            database.close().await;
            say(report?)?;
            Ok(ExitCode::SUCCESS)
        })
    }
}
