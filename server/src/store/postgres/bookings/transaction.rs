//! The transaction of a batch, which asks with its commit how far the log is: one round trip for both.

use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::{Either, Error, PgConnection, Postgres as Db, Row};

/// An open transaction. Where it is neither committed nor rolled back, its session ends, and it with it.
pub(super) struct Transaction {
    session: Option<PoolConnection<Db>>,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            drop(session.detach());
        }
    }
}

impl Transaction {
    pub(super) async fn begin(session: PoolConnection<Db>) -> Result<Self, Error> {
        let mut transaction = Self {
            session: Some(session),
        };
        sqlx::raw_sql("BEGIN")
            .execute(transaction.connection()?)
            .await?;
        Ok(transaction)
    }

    /// For the statements of the transaction.
    pub(super) fn connection(&mut self) -> Result<&mut PgConnection, Error> {
        self.session.as_deref_mut().ok_or(Error::PoolClosed)
    }

    /// Commits; answers the position of the log then, if the server goes on to say it.
    pub(super) async fn commit(mut self) -> Result<Option<u64>, Error> {
        let connection = self.connection()?;
        let mut answers =
            sqlx::raw_sql("COMMIT; SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
                .fetch_many(connection);
        // The first answer is that of COMMIT. What goes wrong after it cannot undo it.
        answers.try_next().await?.ok_or(Error::RowNotFound)?;
        let mut position = None;
        while let Ok(Some(answer)) = answers.try_next().await {
            if let Either::Right(row) = answer {
                position = row.try_get::<i64, _>(0).ok();
            }
        }
        drop(answers);
        if position.is_some() {
            // All was answered: the session can be used again.
            drop(self.session.take());
        }
        Ok(position.map(i64::cast_unsigned))
    }

    /// Undoes all, and gives the session back.
    pub(super) async fn roll_back(mut self) -> Result<PoolConnection<Db>, Error> {
        sqlx::raw_sql("ROLLBACK")
            .execute(self.connection()?)
            .await?;
        self.session.take().ok_or(Error::PoolClosed)
    }
}
