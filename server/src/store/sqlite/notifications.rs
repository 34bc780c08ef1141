//! Mails and webhooks on SQLite.

use std::time::Duration;

mod mail;
mod webhooks;

/// The database's time in microseconds.
macro_rules! now {
    () => {
        "CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000"
    };
}
use now;

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// As many rows as a statement is to take.
fn most(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
