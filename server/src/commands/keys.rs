//! `airside-server keys`

use std::process::ExitCode;
use std::time::Duration;

use airside_server::features::auth::key_folder::KeyFolder;
use airside_server::features::auth::key_ring::{KeyState, SHOWN_AHEAD};
use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};

use super::{Failure, Outcome, Place, clock, say};

/// The keys that sign access tokens. A server that runs follows within ten seconds.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List all keys with what they do, the oldest first
    List,
    /// Add a key, and delete those of which no token lives
    ///
    /// It is shown to all that verify tokens at once and signs later, so that nobody meets a token of a key that is not
    /// known. Where the folder is copied to other machines, the copies have to be there by then.
    Rotate {
        /// When the key begins to sign, such as 5m or 1h
        #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
        after: Duration,
    },
}

impl Keys {
    pub(crate) fn run(self, place: &Place) -> Outcome {
        let settings = place.settings()?;
        let folder = settings.auth.keys_in(&place.folder()?);
        let now = clock().now();
        match self {
            Self::List => list(&folder, now)?,
            Self::Rotate { after } => rotate(&folder, now, after)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(folder: &KeyFolder, now: Timestamp) -> Result<(), Failure> {
    let Some(ring) = folder.read()? else {
        return Ok(());
    };
    for (timed, state) in ring.states(now) {
        let state = match state {
            KeyState::Waits => "waits".to_owned(),
            KeyState::Signs => "signs".to_owned(),
            KeyState::ShownUntil(until) => format!("is shown until {until}"),
            KeyState::Retired => "is retired".to_owned(),
        };
        say(format_args!(
            "{} from {} {state}",
            timed.key.kid(),
            timed.signs_from
        ))?;
    }
    Ok(())
}

fn rotate(folder: &KeyFolder, now: Timestamp, after: Duration) -> Result<(), Failure> {
    // The server's first key signs at once: nobody knows another.
    let first = folder.read()?.is_none();
    let signs_from = if first {
        now
    } else {
        now.saturating_add(after).unwrap_or(now)
    };
    folder.draw(signs_from)?;
    folder.delete_retired(now)?;
    if !first && after < SHOWN_AHEAD {
        eprintln!(
            "airside-server: until all processes know the key, up to a minute, some refuse tokens that it signed"
        );
    }
    list(folder, now)
}

/// A time as people write it.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok();
    parsed
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "write it as 5m, 1h or 0s".to_owned())
}
