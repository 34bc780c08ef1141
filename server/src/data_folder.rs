//! The folder that a process keeps its state in: database, signing key, the demonstration's passwords.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::features::auth::tokens::{KeyError, SigningKey};

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
    /// The key is no secret.
    #[error(
        "{0}: others may read the signing key; `chmod 600` it, or delete it for a new one, which ends all sessions"
    )]
    NotPrivate(PathBuf),
    /// The key's file does not hold a key.
    #[error("{path}: {source}")]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
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

    /// The key that signs access tokens; drawn at the first call and kept in a file that only its owner can read.
    pub fn signing_key(&self) -> Result<SigningKey, DataFolderError> {
        let path = self.0.join("signing-key");
        let io = |source| DataFolderError::Io {
            path: path.clone(),
            source,
        };
        let seed = read_or_draw(&path).map_err(io)?;
        let mode = fs::metadata(&path).map_err(io)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(DataFolderError::NotPrivate(path));
        }
        SigningKey::from_seed(&seed).map_err(|source| DataFolderError::Key { path, source })
    }
}

fn read_or_draw(path: &Path) -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    match File::open(path) {
        Ok(mut file) => {
            file.read_exact(&mut seed)?;
            return Ok(seed);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    rand::fill(&mut seed);
    // Whole or not at all: a process that is killed here leaves no half key, and of two that start at once one wins.
    let fresh = path.with_added_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(&seed)?;
    file.sync_all()?;
    match fs::hard_link(&fresh, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            File::open(path)?.read_exact(&mut seed)?;
        }
        Err(error) => return Err(error),
    }
    fs::remove_file(&fresh)?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(Some(&folder.path().join("a/b"))).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(data.path()), 0o700);
        let key = data.signing_key().unwrap().public_keys();
        assert_eq!(mode(&data.path().join("signing-key")), 0o600);
        let again = data.signing_key().unwrap().public_keys();
        assert_eq!(key.keys[0].common.key_id, again.keys[0].common.key_id);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(Some(folder.path())).unwrap();
        data.signing_key().unwrap();
        let path = folder.path().join("signing-key");
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            data.signing_key(),
            Err(DataFolderError::NotPrivate(_))
        ));
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
