//! The console from its start to its end.

use std::path::PathBuf;

use crate::demo::Past;
use crate::effects::server_url::ServerUrl;

/// How the console is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The server; without it, the last one.
    pub server: Option<ServerUrl>,
    /// Where the state is kept, instead of the user's own folder.
    pub state_dir: Option<PathBuf>,
    /// Starts the demonstration's server, and what becomes of its bookings of earlier times.
    pub demo: Option<Past>,
}

/// Why the console could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The console needs a terminal.
    #[error("the console needs a terminal; for scripts there are commands: airside --help")]
    NoTerminal,
}

/// Runs the console until the agent ends it.
pub async fn run(_options: Options) -> Result<(), Error> {
    Err(Error::NoTerminal)
}
