//! Whiles by the server's clock.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;

/// A while as PostgreSQL counts it; it has whole microseconds.
pub(super) fn interval(time: Duration) -> Result<PgInterval, sqlx::Error> {
    PgInterval::try_from(time).map_err(sqlx::Error::Encode)
}
