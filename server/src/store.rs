//! Where state lives: an implementation of every feature's store trait a database.

use airside_common::api::problem::Code;

use crate::http::problem::ProblemAnswer;

#[cfg(test)]
pub(crate) mod contract;
pub mod sqlite;

/// Why a database did not do what it was asked to; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("the disk is full: {0}")]
    Full(#[source] sqlx::Error),
    /// Others hold the lock, or all connections are in use.
    #[error("the database is busy: {0}")]
    Busy(#[source] sqlx::Error),
    /// Everything else.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // SQLite's primary result codes: 5 busy, 6 locked.
        let code = error
            .as_database_error()
            .and_then(|e| e.code()?.parse::<i32>().ok())
            .map(|code| code & 0xff);
        match (sqlite::fault::kind(&error), code, &error) {
            (sqlite::fault::Fault::Full, ..) => Self::Full(error),
            (_, Some(5 | 6), _) | (.., sqlx::Error::PoolTimedOut) => Self::Busy(error),
            _ => Self::Database(error),
        }
    }
}

impl From<StoreError> for ProblemAnswer {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => {
                Self::new(Code::StorageFull, "the disk is full; nothing was written")
            }
            StoreError::Busy(_) => Self::new(Code::Unavailable, "the database is busy"),
            StoreError::Database(error) => {
                Self::new(Code::Unavailable, "the database is not available")
                    .because(error.to_string())
            }
        }
    }
}
