//! Whose turn it is to write: the processes of one file take turns, in the order in which they came.
//!
//! SQLite's own lock goes to whoever asks first once it is free. Who waits for it asks now and then, and who writes one
//! transaction after another, as an import does, asks at once: the other would wait for seconds. So whoever wants to write
//! first takes the turn, under which alone SQLite's lock is asked for, and gives it back with the lock in hand: who writes
//! again stands behind who waits.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::PATIENCE;

/// The turn of a file, as this process takes it.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Mutex<File>>);

impl Turns {
    /// The turns of those who write to a database; the file that they lock lies beside it.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(database.with_added_extension("turn.lock"))?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    /// Waits for this process's turn.
    pub(super) async fn next(&self) -> Result<Turn, sqlx::Error> {
        let waited = tokio::time::timeout(PATIENCE, async {
            let turn = Turn(Arc::clone(&self.0).lock_owned().await);
            match turn.0.try_lock() {
                Ok(()) => Ok(turn),
                Err(TryLockError::WouldBlock) => tokio::task::spawn_blocking(|| {
                    turn.0.lock()?;
                    Ok(turn)
                })
                .await
                .map_err(io::Error::other)?,
                Err(TryLockError::Error(error)) => Err(error),
            }
        });
        match waited.await {
            Ok(turn) => turn.map_err(sqlx::Error::Io),
            // Whoever has it may be frozen.
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }
}

/// This process's turn, until dropped.
#[derive(Debug)]
pub(super) struct Turn(OwnedMutexGuard<File>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::error!(%error, "the turn to write cannot be given back");
        }
    }
}
