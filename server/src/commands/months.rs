//! `airside-server months`

use std::process::ExitCode;

use airside_server::store::SharedDatabase;
use airside_server::store::months::{DetachError, Month};
use clap::Subcommand;

use super::{Failure, Outcome, Place, block_on, say};

/// The months by which PostgreSQL keeps flights and their seats. Servers go on meanwhile.
#[derive(Debug, Subcommand)]
pub(crate) enum Months {
    /// List all months with the megabytes that they take, the oldest first
    List,
    /// Take a month that is past out of what servers read and write
    ///
    /// Flights that bookings name stay. All of the month is in two tables afterwards, which nobody reads any more: dump
    /// them, then drop them.
    Detach {
        /// Which one, such as 2025-03
        month: Month,
    },
}

impl Months {
    pub(crate) fn run(self, place: &Place) -> Outcome {
        block_on(async {
            let database = place.database().await?;
            let done = match self {
                Self::List => list(&database).await,
                Self::Detach { month } => detach(&database, month).await,
            };
            database.close().await;
            done.map(|()| ExitCode::SUCCESS)
        })
    }
}

async fn list(database: &SharedDatabase) -> Result<(), Failure> {
    let months = database.months().await?.ok_or(DetachError::Together)?;
    for kept in months {
        let tenths = kept.bytes.div_ceil(100_000);
        say(format_args!(
            "{} {}.{} MB",
            kept.month,
            tenths / 10,
            tenths % 10
        ))?;
    }
    Ok(())
}

async fn detach(database: &SharedDatabase, month: Month) -> Result<(), Failure> {
    let detached = database.detach(month).await?;
    let [flights, inventory] = detached.tables;
    say(format_args!(
        "{month}: {} flights detached, {} stay, since bookings name them",
        detached.gone, detached.stay
    ))?;
    say(format_args!(
        "dump all of the month with pg_dump -t {flights} -t {inventory}, then drop both tables"
    ))
}
