//! What the errors of databases mean.

use sqlx::Error;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// The kinds of fault that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The data are refused or cannot be read.
    Data,
    /// The disk is full, or the file may not grow.
    Full,
    /// Rows are locked by somebody else for too long, or a deadlock was broken.
    Locked,
    /// The database is in use by others, or all connections are.
    Busy,
    /// The database cannot be used now.
    Unavailable,
}

/// The kind of an error that a statement met.
pub(crate) fn kind(error: &Error) -> Fault {
    match error {
        Error::Database(error) => of_database(&**error),
        Error::Encode(_)
        | Error::Decode(_)
        | Error::ColumnDecode { .. }
        | Error::ColumnNotFound(_)
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::TypeNotFound { .. }
        | Error::RowNotFound
        | Error::InvalidArgument(_) => Fault::Data,
        Error::PoolTimedOut => Fault::Busy,
        _ => Fault::Unavailable,
    }
}

fn of_database(error: &dyn DatabaseError) -> Fault {
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        return of_sqlstate(error.code());
    }
    let code = error.code().and_then(|code| code.parse().ok());
    of_sqlite(code.unwrap_or_default())
}

/// SQLSTATE (PostgreSQL, appendix A).
fn of_sqlstate(code: &str) -> Fault {
    match code {
        // disk_full
        "53100" => Fault::Full,
        // serialization_failure, deadlock_detected, lock_not_available
        "40001" | "40P01" | "55P03" => Fault::Locked,
        // read_only_sql_transaction: the server has become a standby; idle_in_transaction_session_timeout
        "25006" | "25P03" => Fault::Unavailable,
        _ => match code.get(..2) {
            // Faults of data, constraints, transactions, statements, and those that a function raised.
            Some("20" | "21" | "22" | "23" | "25" | "42" | "44" | "P0") => Fault::Data,
            _ => Fault::Unavailable,
        },
    }
}

/// SQLite's result codes (<https://sqlite.org/rescode.html>).
fn of_sqlite(code: i32) -> Fault {
    const FULL: i32 = 13;
    // A file that may not grow (a limit of the process, a quota) is SQLITE_IOERR_WRITE, _TRUNCATE or _SHMSIZE.
    const WRITE: i32 = 778;
    const TRUNCATE: i32 = 1546;
    const SHMSIZE: i32 = 4874;
    match code {
        WRITE | TRUNCATE | SHMSIZE => Fault::Full,
        _ => match code & 0xff {
            FULL => Fault::Full,
            // SQLITE_BUSY, LOCKED
            5 | 6 => Fault::Busy,
            // SQLITE_ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE
            1 | 18 | 19 | 20 | 25 => Fault::Data,
            _ => Fault::Unavailable,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_postgresql_are_told_apart() {
        assert_eq!(of_sqlstate("23505"), Fault::Data);
        assert_eq!(of_sqlstate("40P01"), Fault::Locked);
        assert_eq!(of_sqlstate("53100"), Fault::Full);
        assert_eq!(of_sqlstate("53300"), Fault::Unavailable);
        assert_eq!(of_sqlstate("25006"), Fault::Unavailable);
        assert_eq!(of_sqlstate("25P03"), Fault::Unavailable);
        assert_eq!(of_sqlstate("57P01"), Fault::Unavailable);
    }
}
