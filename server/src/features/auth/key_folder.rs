//! The folder of signing keys: a file a key, for its owner alone, named after the moment from which it signs.
//!
//! The names say all there is to know, so that the folder can be copied, mounted and listed: `20261201T080000Z.key`.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::key_ring::{KeyRing, KeyState, TimedKey};
use super::tokens::{KeyError, SigningKey};

/// The name of a key's file, by its moment in UTC.
const NAME: &str = "%Y%m%dT%H%M%SZ.key";
const EXTENSION: &str = "key";
/// The secret half of an Ed25519 key.
const SEED: usize = 32;

/// Why the keys cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFolderError {
    /// The system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key is no secret.
    #[error(
        "{0}: others may read this signing key; `chmod 600` it, or delete it and run `airside-server keys rotate --after 0s`"
    )]
    NotPrivate(PathBuf),
    /// A file's name is none of a key's.
    #[error(
        "{0}: a key's file is named after the moment from which it signs, such as 20261201T080000Z.key"
    )]
    Name(PathBuf),
    /// A file does not hold a key.
    #[error("{0}: a key's file holds {SEED} bytes")]
    Length(PathBuf),
    /// A key cannot be used.
    #[error("{path}: {source}")]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// There is a key for the same moment.
    #[error("{0}: there is such a key already")]
    Exists(PathBuf),
}

/// The folder.
#[derive(Debug, Clone)]
pub struct KeyFolder(PathBuf);

impl KeyFolder {
    /// The folder of a path, which need not exist yet.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The keys that are there; `None` where there are none, or no folder.
    pub fn read(&self) -> Result<Option<KeyRing>, KeyFolderError> {
        let mut keys = Vec::new();
        for (path, signs_from) in self.files()? {
            let seed = match seed(&path) {
                // Deleted since the folder was listed.
                Err(KeyFolderError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound =>
                {
                    continue;
                }
                seed => seed?,
            };
            let key = SigningKey::from_seed(&seed)
                .map_err(|source| KeyFolderError::Key { path, source })?;
            keys.push(TimedKey { signs_from, key });
        }
        Ok(KeyRing::new(keys))
    }

    /// The keys that are there; the first one is drawn where there is none. Of several processes that start at once on an
    /// empty folder one draws it.
    pub fn read_or_draw(&self, now: Timestamp) -> Result<KeyRing, KeyFolderError> {
        loop {
            if let Some(ring) = self.read()? {
                return Ok(ring);
            }
            self.make()?;
            let lock = self.lock()?;
            if self.read()?.is_none() {
                self.draw(now)?;
            }
            drop(lock);
        }
    }

    /// Draws a key that signs from a moment on.
    pub fn draw(&self, signs_from: Timestamp) -> Result<(), KeyFolderError> {
        self.make()?;
        let path = self.0.join(signs_from.strftime(NAME).to_string());
        let failed = io_of(&path);
        let seed: [u8; SEED] = rand::random();
        // Whole or not at all: a process that is killed here leaves no half key.
        let fresh = path.with_added_extension(format!("{}.new", std::process::id()));
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .map_err(io_of(&fresh))?;
        file.write_all(&seed).map_err(&failed)?;
        file.sync_all().map_err(&failed)?;
        let linked = fs::hard_link(&fresh, &path);
        fs::remove_file(&fresh).map_err(io_of(&fresh))?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(KeyFolderError::Exists(path.clone()));
            }
            linked => linked.map_err(&failed)?,
        }
        let folder = File::open(&self.0).map_err(io_of(&self.0))?;
        folder.sync_all().map_err(io_of(&self.0))
    }

    /// Deletes the keys of which no token lives; answers how many there were.
    pub fn delete_retired(&self, now: Timestamp) -> Result<usize, KeyFolderError> {
        let Some(ring) = self.read()? else {
            return Ok(0);
        };
        let mut deleted = 0;
        let retired = ring
            .states(now)
            .filter(|(_, state)| *state == KeyState::Retired);
        for (timed, _) in retired {
            let path = self.0.join(timed.signs_from.strftime(NAME).to_string());
            fs::remove_file(&path).map_err(io_of(&path))?;
            deleted += 1;
        }
        Ok(deleted)
    }

    fn make(&self) -> Result<(), KeyFolderError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(io_of(&self.0))
    }

    fn lock(&self) -> Result<File, KeyFolderError> {
        let path = self.0.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(io_of(&path))?;
        file.lock().map_err(io_of(&path))?;
        Ok(file)
    }

    fn files(&self) -> Result<Vec<(PathBuf, Timestamp)>, KeyFolderError> {
        let listed = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(io_of(&self.0))?,
        };
        let mut files = Vec::new();
        for entry in listed {
            let path = entry.map_err(io_of(&self.0))?.path();
            if path
                .extension()
                .is_none_or(|extension| extension != EXTENSION)
            {
                continue;
            }
            let name = path.file_name().and_then(|name| name.to_str());
            let moment = name.and_then(|name| DateTime::strptime(NAME, name).ok());
            let moment = moment.and_then(|at| at.to_zoned(TimeZone::UTC).ok());
            match moment {
                Some(moment) => files.push((path, moment.timestamp())),
                None => return Err(KeyFolderError::Name(path)),
            }
        }
        Ok(files)
    }
}

fn io_of(path: &Path) -> impl Fn(io::Error) -> KeyFolderError {
    let path = path.to_owned();
    move |source| KeyFolderError::Io {
        path: path.clone(),
        source,
    }
}

fn seed(path: &Path) -> Result<[u8; SEED], KeyFolderError> {
    let failed = io_of(path);
    let mut file = File::open(path).map_err(&failed)?;
    let metadata = file.metadata().map_err(&failed)?;
    if !is_private(&metadata) {
        return Err(KeyFolderError::NotPrivate(path.to_owned()));
    }
    let mut bytes = Vec::with_capacity(SEED + 1);
    Read::take(&mut file, SEED as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(&failed)?;
    bytes
        .try_into()
        .map_err(|_| KeyFolderError::Length(path.to_owned()))
}

/// For its owner alone; or root's, who hands it to a group to read, as Kubernetes does with secrets.
fn is_private(file: &Metadata) -> bool {
    let others = if file.uid() == 0 { 0o037 } else { 0o077 };
    file.permissions().mode() & others == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn kids(folder: &KeyFolder) -> Vec<String> {
        let ring = folder.read().unwrap().unwrap();
        let keys = ring.states(Timestamp::now());
        keys.map(|(timed, _)| timed.key.kid().to_owned()).collect()
    }

    #[test]
    fn the_first_key_is_drawn_once_and_all_are_private() {
        let outer = tempfile::tempdir().unwrap();
        let folder = KeyFolder::at(outer.path().join("a/keys"));
        assert!(folder.read().unwrap().is_none());
        let drawn: Vec<_> = std::thread::scope(|scope| {
            let draw = || folder.read_or_draw(Timestamp::now()).unwrap();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(draw)).collect();
            let rings = threads.into_iter().map(|thread| thread.join().unwrap());
            rings
                .map(|ring| ring.signing(Timestamp::now()).kid().to_owned())
                .collect()
        });
        let first = kids(&folder);
        assert_eq!(first.len(), 1);
        assert!(drawn.iter().all(|kid| *kid == first[0]));

        folder.draw(moment(4_000_000_000)).unwrap();
        assert_eq!(kids(&folder)[..1], first);
        let exists = folder.draw(moment(4_000_000_000)).unwrap_err();
        assert!(matches!(exists, KeyFolderError::Exists(_)), "{exists}");
        assert_eq!(kids(&folder).len(), 2);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        assert!(folder.path().join("20961002T070640Z.key").exists());
    }

    #[test]
    fn retired_keys_are_deleted_and_no_others() {
        let outer = tempfile::tempdir().unwrap();
        let folder = KeyFolder::at(outer.path().to_owned());
        for second in [0, 10_000, 20_000] {
            folder.draw(moment(second)).unwrap();
        }
        let all = kids(&folder);
        assert_eq!(folder.delete_retired(moment(10_000)).unwrap(), 0);
        assert_eq!(folder.delete_retired(moment(15_000)).unwrap(), 1);
        assert_eq!(kids(&folder), all[1..]);
    }

    #[test]
    fn what_is_no_secret_or_no_key_is_named() {
        let outer = tempfile::tempdir().unwrap();
        let folder = KeyFolder::at(outer.path().to_owned());
        let write = |name: &str, bytes: &[u8], mode: u32| {
            let path = outer.path().join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = folder.read().err().map(|error| error.to_string());
            fs::remove_file(path).unwrap();
            refused
        };
        let name = "20261201T080000Z.key";
        assert_eq!(write(name, &[7; 32], 0o600), None);
        assert_eq!(write("..data", &[7; 31], 0o644), None, "not a key's");
        for (name, bytes, mode, expected) in [
            (name, &[7; 32][..], 0o644, "others may read"),
            (name, &[7; 32], 0o660, "others may read"),
            (name, &[7; 31], 0o600, "holds 32 bytes"),
            (name, &[7; 33], 0o600, "holds 32 bytes"),
            ("mine.key", &[7; 32], 0o600, "named after the moment"),
        ] {
            let refused = write(name, bytes, mode).unwrap();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
