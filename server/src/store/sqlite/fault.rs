//! What SQLite's errors mean.

use sqlx::Error;
use sqlx::error::DatabaseError;

/// The kinds of fault that callers tell apart (codes: <https://sqlite.org/rescode.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The data are refused or cannot be read.
    Data,
    /// The disk is full, or the file may not grow.
    Full,
    /// The database cannot be used now.
    Unavailable,
}

/// The kind of an error that a statement met.
pub(crate) fn kind(error: &Error) -> Fault {
    match error {
        Error::Database(error) => of_code(code(&**error)),
        Error::Encode(_)
        | Error::Decode(_)
        | Error::ColumnDecode { .. }
        | Error::ColumnNotFound(_)
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::TypeNotFound { .. }
        | Error::RowNotFound
        | Error::InvalidArgument(_) => Fault::Data,
        _ => Fault::Unavailable,
    }
}

fn code(error: &dyn DatabaseError) -> i32 {
    error
        .code()
        .and_then(|code| code.parse().ok())
        .unwrap_or_default()
}

fn of_code(code: i32) -> Fault {
    const FULL: i32 = 13;
    // A file that may not grow (a limit of the process, a quota) is SQLITE_IOERR_WRITE, _TRUNCATE or _SHMSIZE.
    const WRITE: i32 = 778;
    const TRUNCATE: i32 = 1546;
    const SHMSIZE: i32 = 4874;
    match code {
        WRITE | TRUNCATE | SHMSIZE => Fault::Full,
        _ => match code & 0xff {
            FULL => Fault::Full,
            // SQLITE_ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE
            1 | 18 | 19 | 20 | 25 => Fault::Data,
            _ => Fault::Unavailable,
        },
    }
}
