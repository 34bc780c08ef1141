//! When what was committed is on the disk.
//!
//! A commit that waits for the disk takes all of the log before it along. So what is committed without waiting can be lost
//! by a power cut only with all that came after it, and nothing that anybody was told of comes before it and is lost.

use std::sync::atomic::{AtomicU8, Ordering};

use sqlx::SqliteConnection;

/// When a transaction is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Before its commit is answered.
    AtOnce,
    /// With the next that is kept at once, or when the log is folded into the file.
    Later,
}

impl Keep {
    /// The value of SQLite's setting `synchronous`.
    fn synchronous(self) -> u8 {
        match self {
            Self::AtOnce => FULL,
            Self::Later => NORMAL,
        }
    }
}

const NORMAL: u8 = 1;
const FULL: u8 = 2;

/// What was asked for, and what the writing connection was told last.
#[derive(Debug)]
pub(super) struct Kept {
    asked: AtomicU8,
    told: AtomicU8,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            asked: AtomicU8::new(FULL),
            told: AtomicU8::new(FULL),
        }
    }
}

impl Kept {
    /// Asks for the next transaction of the writing connection. Only who has the turn asks.
    pub(super) fn ask_for(&self, keep: Keep) {
        self.asked.store(keep.synchronous(), Ordering::Relaxed);
    }

    /// A connection is new: it keeps everything at once.
    pub(super) fn begin_anew(&self) {
        self.told.store(FULL, Ordering::Relaxed);
    }

    /// Tells the connection what was asked for, between two transactions.
    pub(super) async fn tell(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let asked = self.asked.load(Ordering::Relaxed);
        if self.told.load(Ordering::Relaxed) == asked {
            return Ok(());
        }
        // Where one of these fails, or nobody waits for it any more, it is not thought to be kept at once.
        self.told.store(NORMAL, Ordering::Relaxed);
        let statement = if asked == NORMAL {
            "PRAGMA synchronous = NORMAL"
        } else {
            "PRAGMA synchronous = FULL"
        };
        sqlx::query(statement).execute(connection).await?;
        self.told.store(asked, Ordering::Relaxed);
        Ok(())
    }
}
