//! Mails and webhooks on PostgreSQL.
//!
//! What takes in hand and settles speaks by keys, since its tables are empty most of the time and full now and then. All of it
//! runs behind requests, and gives up where another server takes the writes.

mod mail;
mod webhooks;

/// As many rows as a statement is to take.
fn most(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A number of attempts as columns hold it.
fn attempts(attempt: u32) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}
