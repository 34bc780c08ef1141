//! The server that was logged in to last, kept between runs.

use std::path::Path;

use super::folders::make_private;
use super::server_url::{DEFAULT, ServerUrl};
use super::session::{SessionError, replace};

/// Keeps the address for the next run.
pub fn remember(state: &Path, url: &ServerUrl) -> Result<(), SessionError> {
    let path = state.join("server");
    make_private(state).map_err(|source| SessionError::Disk {
        path: state.to_owned(),
        source,
    })?;
    replace(&path, &url.to_string())
}

/// The address asked for, else the last one, else the one where a server listens that nobody configured.
pub fn choose(state: &Path, asked: Option<ServerUrl>) -> Option<ServerUrl> {
    asked
        .or_else(|| {
            std::fs::read_to_string(state.join("server"))
                .ok()
                .and_then(|text| text.parse().ok())
        })
        .or_else(|| DEFAULT.parse().ok())
}
