//! The session on the disk: a file a server and user, 0600 in a folder 0700, shared by all consoles of the user.
//!
//! Refresh tokens work once; so a console that refreshes holds the file's lock, and first looks whether another has
//! done it meanwhile. Nobody who logs in or out waits for its end: before it writes, it looks whether the session is still there.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use airside_common::api::auth::{Me, Secret, Tokens};
use airside_common::user::Username;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::folders::make_private;
use crate::store::account::ServerId;

/// A session: its tokens and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// For the `Authorization` header.
    pub access_token: Secret,
    /// Gets the next pair; works once.
    pub refresh_token: Secret,
    /// Whose it is.
    pub user: Me,
    /// The login that it began with, however often it is renewed.
    #[serde(default)]
    login: Uuid,
}

impl Session {
    /// A session that begins now.
    pub fn begin(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            user: tokens.user,
            login: Uuid::new_v4(),
        }
    }

    /// The same session under its next tokens.
    #[must_use]
    pub fn renewed(&self, tokens: Tokens) -> Self {
        Self {
            login: self.login,
            ..Self::begin(tokens)
        }
    }

    /// Whether both began with one login.
    pub fn is_same(&self, other: &Self) -> bool {
        self.login == other.login
    }
}

/// Why a session could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The disk said no.
    #[error("the session file {path}: {source}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// Another console holds the lock for too long.
    #[error("another console is refreshing the session and does not end")]
    Busy,
}

/// Where sessions of one server are kept.
#[derive(Debug)]
pub enum Sessions {
    /// In files that outlive the console.
    Files {
        /// The folder.
        folder: PathBuf,
        /// What all names of the server's files begin with.
        prefix: String,
    },
    /// In this process alone.
    Memory(Mutex<Option<Session>>),
}

/// Held while a session is refreshed; no other console refreshes it meanwhile.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "dropping the file frees its lock")] Option<File>);

impl Sessions {
    /// Files in the state folder.
    pub fn in_folder(state: &Path, server: &ServerId) -> Self {
        Self::Files {
            folder: state.join("sessions"),
            prefix: file_name(server.as_str()),
        }
    }

    /// In this process alone.
    pub fn in_memory() -> Self {
        Self::Memory(Mutex::default())
    }

    /// The session of the user who logged in last.
    pub fn current(&self) -> Result<Option<Session>, SessionError> {
        match self {
            Self::Files { folder, prefix } => {
                let pointer = folder.join(format!("{prefix}.current"));
                let Some(text) = read(&pointer)? else {
                    return Ok(None);
                };
                match text.trim().parse::<Username>() {
                    Ok(user) => self.of(&user),
                    Err(_) => Ok(None),
                }
            }
            Self::Memory(slot) => Ok(taken(slot).clone()),
        }
    }

    /// The session of a user.
    pub fn of(&self, user: &Username) -> Result<Option<Session>, SessionError> {
        match self {
            Self::Files { .. } => Ok(read(&self.path(user))?
                // What cannot be read is no session; logging in writes it anew.
                .and_then(|text| serde_json::from_str::<Session>(&text).ok())
                .filter(|session| session.user.username == *user)),
            Self::Memory(slot) => Ok(taken(slot).clone().filter(|s| s.user.username == *user)),
        }
    }

    /// Keeps the session of a user who has logged in: it is the current one.
    pub fn keep(&self, session: &Session) -> Result<(), SessionError> {
        match self {
            Self::Files { folder, prefix } => {
                self.renew(session)?;
                let pointer = folder.join(format!("{prefix}.current"));
                replace(&pointer, session.user.username.as_str())
            }
            Self::Memory(slot) => {
                *taken(slot) = Some(session.clone());
                Ok(())
            }
        }
    }

    /// Keeps the next tokens of a session. The current one is still that of who logged in last.
    pub fn renew(&self, session: &Session) -> Result<(), SessionError> {
        match self {
            Self::Files { folder, .. } => {
                let path = self.path(&session.user.username);
                let text = serde_json::to_string(session).map_err(|error| SessionError::Disk {
                    path: path.clone(),
                    source: error.into(),
                })?;
                make_private(folder).map_err(|source| SessionError::Disk {
                    path: folder.clone(),
                    source,
                })?;
                replace(&path, &text)
            }
            Self::Memory(slot) => {
                if let Some(kept) = taken(slot)
                    .as_mut()
                    .filter(|kept| kept.user.id == session.user.id)
                {
                    *kept = session.clone();
                }
                Ok(())
            }
        }
    }

    /// Forgets a user's session.
    pub fn forget(&self, user: &Username) -> Result<(), SessionError> {
        match self {
            Self::Files { .. } => {
                let path = self.path(user);
                match fs::remove_file(&path) {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        Err(SessionError::Disk { path, source })
                    }
                    _ => Ok(()),
                }
            }
            Self::Memory(slot) => {
                taken(slot).take_if(|kept| kept.user.username == *user);
                Ok(())
            }
        }
    }

    /// Waits until no other console refreshes the user's session, so long at most.
    pub async fn hold(&self, user: &Username, limit: Duration) -> Result<Held, SessionError> {
        let Self::Files { folder, .. } = self else {
            return Ok(Held(None));
        };
        let path = self.path(user).with_extension("lock");
        let disk = |source| SessionError::Disk {
            path: path.clone(),
            source,
        };
        make_private(folder).map_err(disk)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(disk)?;
        let held = tokio::time::timeout(limit, async {
            // Locks of the system are not announced; this is asked only while two consoles refresh at once.
            loop {
                match file.try_lock() {
                    Ok(()) => break Ok(()),
                    Err(TryLockError::WouldBlock) => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Err(TryLockError::Error(source)) => break Err(source),
                }
            }
        })
        .await;
        match held {
            Ok(Ok(())) => Ok(Held(Some(file))),
            Ok(Err(source)) => Err(disk(source)),
            Err(_) => Err(SessionError::Busy),
        }
    }

    fn path(&self, user: &Username) -> PathBuf {
        match self {
            Self::Files { folder, prefix } => folder.join(format!("{prefix}+{user}.json")),
            Self::Memory(_) => PathBuf::new(),
        }
    }
}

fn taken(slot: &Mutex<Option<Session>>) -> MutexGuard<'_, Option<Session>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A text as a file name, different for different texts.
fn file_name(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut name, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-' {
            name.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(name, "_{byte:02x}");
        }
        name
    })
}

fn read(path: &Path) -> Result<Option<String>, SessionError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SessionError::Disk {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Replaces a file's content in one step, so that no reader and no crash sees half of it.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), SessionError> {
    let write = || -> io::Result<()> {
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| SessionError::Disk {
        path: path.to_owned(),
        source,
    })
}
