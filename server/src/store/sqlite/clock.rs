//! The database's clock, by which leases, pauses and ages are told: whoever writes may have another.

use std::time::Duration;

/// The database's time in microseconds since 1970-01-01 UTC, as SQL.
macro_rules! now {
    () => {
        "CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000"
    };
}
pub(super) use now;

/// A while in microseconds.
pub(super) fn while_of(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
