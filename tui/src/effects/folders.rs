//! Where the console keeps things: the XDG base directories.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// The console's folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Settings that people write: keymap, theme.
    pub settings: PathBuf,
    /// What the console writes for itself: sessions, journals, logs. Readable by its user alone.
    pub state: PathBuf,
    /// Data: the demonstration's server keeps its database here.
    pub data: PathBuf,
}

impl Folders {
    /// The user's own: `$XDG_CONFIG_HOME/airside`, `$XDG_STATE_HOME/airside`, `$XDG_DATA_HOME/airside`.
    pub fn native() -> io::Result<Self> {
        let base = etcetera::choose_base_strategy()
            .map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
        let data = base.data_dir();
        Ok(Self {
            settings: base.config_dir().join("airside"),
            state: base
                .state_dir()
                .unwrap_or_else(|| data.clone())
                .join("airside"),
            data: data.join("airside"),
        })
    }

    /// All below one folder.
    pub fn beneath(root: &Path) -> Self {
        Self {
            settings: root.join("settings"),
            state: root.join("state"),
            data: root.join("data"),
        }
    }
}

/// Makes a folder, and those above it, that only its owner may enter (0700).
pub fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}
