//! Schema changes, on the server that takes the writes and under an advisory lock.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool};

use super::standing::schema;
use super::{CONNECT, MIGRATIONS, OpenError};
use crate::store::newest;

/// The advisory lock of the process that migrates ("migrate" in ASCII).
const MIGRATION_LOCK: i64 = 0x006d_6967_7261_7465;

/// How often a process that waits for another's migration looks whether it is done.
const LOOK: Duration = Duration::from_millis(50);

/// Of many processes one migrates, and the others find nothing to do. The end of the first connection ends its lock,
/// however it comes.
pub(super) async fn run(mut lock: PgConnection, pool: &PgPool) -> Result<(), OpenError> {
    // Asked again and again rather than waited for: a statement that waits holds a snapshot, and an index that is built
    // concurrently waits for all snapshots.
    loop {
        let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(MIGRATION_LOCK)
            .fetch_one(&mut lock)
            .await?;
        if locked {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let known = newest(&MIGRATIONS);
    if let Some(found) = schema(&mut lock).await?.filter(|found| *found > known) {
        return Err(OpenError::TooNew { found, known });
    }
    MIGRATIONS.run(pool).await?;
    lock.close().await?;
    Ok(())
}

/// Migrates a server that took the place of another before it had replayed a migration. One that has a newer schema is
/// taken as it is, as the one before would have been.
pub(super) async fn bring_along(
    options: &PgConnectOptions,
    pool: &PgPool,
    found: Option<i64>,
) -> Result<(), OpenError> {
    if found.is_some_and(|found| found >= newest(&MIGRATIONS)) {
        return Ok(());
    }
    let lock = tokio::time::timeout(CONNECT, PgConnection::connect_with(options)).await;
    let lock = lock.map_err(|late| sqlx::Error::from(std::io::Error::from(late)))??;
    run(lock, pool).await
}

#[cfg(test)]
mod tests;
