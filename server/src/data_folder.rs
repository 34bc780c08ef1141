//! The folder that a process keeps its state in: database, signing keys, the demonstration's passwords.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::features::auth::key_folder::KeyFolder;

/// The folder, which exists.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

/// Held by the one process that serves from a folder.
#[derive(Debug)]
pub struct ServingLock(
    #[expect(dead_code, reason = "the lock lives as long as the open file")] File,
);

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// The home folder is not known.
    #[error("the data folder is not known; name it with --data-dir")]
    NoHome,
    /// The system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another server serves from this folder.
    #[error(
        "{0}: another airside-server runs on this data folder; end it, or name another folder with --data-dir"
    )]
    InUse(PathBuf),
}

impl DataFolder {
    /// The folder that was named, else `airside` among the user's data (XDG Base Directory); made, for its owner only,
    /// if it is missing.
    pub fn open(named: Option<&Path>) -> Result<Self, DataFolderError> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => etcetera::choose_base_strategy()
                .map_err(|_| DataFolderError::NoHome)?
                .data_dir()
                .join("airside"),
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        match made.and_then(|()| path.canonicalize()) {
            Ok(path) => Ok(Self(path)),
            Err(source) => Err(DataFolderError::Io { path, source }),
        }
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The URL of the database that lives here.
    pub fn database_url(&self) -> String {
        format!("sqlite://{}", self.0.join("airside.db").display())
    }

    /// Takes the folder for the one process that serves from it. Others on the same database have folders of their own; a
    /// second one on this folder was started by mistake.
    pub fn lock(&self) -> Result<ServingLock, DataFolderError> {
        let path = self.0.join("serving.lock");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| DataFolderError::Io {
                path: path.clone(),
                source,
            })?;
        match file.try_lock() {
            Ok(()) => Ok(ServingLock(file)),
            Err(TryLockError::WouldBlock) => Err(DataFolderError::InUse(self.0.clone())),
            Err(TryLockError::Error(source)) => Err(DataFolderError::Io { path, source }),
        }
    }

    /// The folder of the keys that sign access tokens, where no other one is set.
    pub fn signing_keys(&self) -> KeyFolder {
        KeyFolder::at(self.0.join("signing-keys"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(Some(&folder.path().join("a/b"))).unwrap();
        let mode = data.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn one_process_serves_from_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(Some(folder.path())).unwrap();
        let held = data.lock().unwrap();
        assert!(matches!(data.lock(), Err(DataFolderError::InUse(_))));
        drop(held);
        assert!(data.lock().is_ok());
    }
}
