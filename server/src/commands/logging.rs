//! What is written to standard error.

use airside_server::config::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

use super::Failure;

/// Starts to write log lines as the settings say.
pub(crate) fn start(settings: &LogSettings) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.level)
        .map_err(|e| Failure::Usage(format!("log.level: {e}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|e| Failure::Other(format!("the log: {e}")))
}
