//! Mails and webhooks on SQLite.

mod mail;
mod webhooks;

/// As many rows as a statement is to take.
fn most(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
