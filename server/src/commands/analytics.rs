//! `airside-server analytics`

use std::process::ExitCode;
use std::sync::Arc;

use airside_server::features::analytics::service::Analytics;
use clap::Subcommand;

use super::{Outcome, Place, block_on, say};

/// Figures of what was sold.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make all figures of bookings anew, from the bookings themselves. Servers go on meanwhile
    Rebuild,
}

impl Command {
    pub(crate) fn run(self, place: &Place) -> Outcome {
        let Self::Rebuild = self;
        block_on(async {
            let database = place.database().await?;
            let analytics = Analytics::new(Arc::clone(&database) as _);
            let rebuilt = analytics.rebuild().await;
            database.close().await;
            match rebuilt? {
                Some(last) => say(format_args!("counted all bookings up to number {last}"))?,
                None => say("there are no bookings")?,
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}
