//! Rows that are the same in every database: how what is read is decoded, and what is written for what was decided.

pub(crate) mod analytics;
pub(crate) mod audit;
pub(crate) mod bookings;
pub(crate) mod flights;
pub(crate) mod ingest;
pub(crate) mod instant;
pub(crate) mod messages;
pub(crate) mod notifications;
pub(crate) mod outbox;
pub(crate) mod queues;
pub(crate) mod schedule;
pub(crate) mod seats;
pub(crate) mod uploads;
pub(crate) mod users;

/// What stands in a row is not what this program writes.
pub(crate) fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
