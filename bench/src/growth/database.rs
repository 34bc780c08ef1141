//! A database that is filled by its own statements, many rows each, and what the rows take on its disk.

use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;

use airside_server::store::SharedDatabase;
use airside_server::store::postgres::Postgres;
use airside_server::store::sqlite::Sqlite;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// The database as the server has it, made if it is missing.
pub(super) async fn open(url: &str) -> SharedDatabase {
    if url.starts_with("sqlite:") {
        Arc::new(Sqlite::open(url).await.unwrap())
    } else {
        Arc::new(Postgres::open(url).await.unwrap())
    }
}

/// A connection that fills a database that nobody uses. It is not safe against a crash: it need not be, and would take
/// many times as long.
pub(super) enum Filler {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

/// A table or an index with its bytes on disk.
pub(super) type Size = (String, i64);

impl Filler {
    pub(super) async fn connect(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let connection = SqliteConnectOptions::from_str(url)
                .unwrap()
                .journal_mode(SqliteJournalMode::Off)
                .synchronous(SqliteSynchronous::Off)
                .foreign_keys(false)
                .pragma("cache_size", "-2097152")
                .pragma("temp_store", "memory")
                .connect()
                .await
                .unwrap();
            let mut filler = Self::Sqlite(Box::new(connection));
            // A page that is changed again and again is written once.
            filler.run("BEGIN".to_owned()).await;
            return filler;
        }
        let options = PgConnectOptions::from_str(url).unwrap();
        let mut filler = Self::Postgres(Box::new(options.connect().await.unwrap()));
        for statement in [
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET full_page_writes = off",
            "SELECT pg_reload_conf()",
            "SET synchronous_commit = off",
            // No look for the row that a foreign key names.
            "SET session_replication_role = replica",
        ] {
            filler.run(statement.to_owned()).await;
        }
        filler
    }

    /// Runs a statement; answers how many rows it wrote.
    pub(super) async fn run(&mut self, statement: String) -> u64 {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        match self {
            Self::Sqlite(connection) => {
                let done = statement.execute(&mut **connection).await.unwrap();
                done.rows_affected()
            }
            Self::Postgres(connection) => {
                let done = statement.execute(&mut **connection).await.unwrap();
                done.rows_affected()
            }
        }
    }

    /// The only number that a statement answers.
    pub(super) async fn number(&mut self, statement: String) -> i64 {
        let statement = sqlx::AssertSqlSafe(statement);
        match self {
            Self::Sqlite(connection) => sqlx::query_scalar(statement)
                .fetch_one(&mut **connection)
                .await
                .unwrap(),
            Self::Postgres(connection) => sqlx::query_scalar(statement)
                .fetch_one(&mut **connection)
                .await
                .unwrap(),
        }
    }

    /// Makes a temporary table with the numbers from 1 on.
    pub(super) async fn count_to(&mut self, last: u64) {
        self.run("CREATE TEMPORARY TABLE numbers (i BIGINT)".to_owned())
            .await;
        self.run(format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})
             INSERT INTO numbers SELECT i FROM n"
        ))
        .await;
    }

    /// SQL of the date that is so many days after 1970-01-01.
    pub(super) fn date(&self, days: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("date(({days}) * 86400, 'unixepoch')"),
            Self::Postgres(_) => format!("date '1970-01-01' + CAST({days} AS integer)"),
        }
    }

    /// SQL of the instant that is so many microseconds after 1970-01-01.
    pub(super) fn instant(&self, micros: &str) -> String {
        match self {
            Self::Sqlite(_) => micros.to_owned(),
            Self::Postgres(_) => format!("instant(CAST({micros} AS bigint))"),
        }
    }

    /// SQL of a random text of the length of an idempotency key.
    pub(super) const fn random_key(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "lower(hex(randomblob(18)))",
            Self::Postgres(_) => "CAST(gen_random_uuid() AS text)",
        }
    }

    /// Tables and indexes, the largest first.
    pub(super) async fn sizes(&mut self) -> Vec<Size> {
        match self {
            Self::Sqlite(connection) => sqlx::query_as(
                "SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE ORDER BY pgsize DESC",
            )
            .fetch_all(&mut **connection)
            .await
            .unwrap(),
            Self::Postgres(connection) => sqlx::query_as(
                // All months of a table together.
                "SELECT regexp_replace(CAST(relname AS text), '_[0-9]{4}_[0-9]{2}', ''),
                        CAST(sum(CASE relkind WHEN 'r' THEN pg_table_size(oid) ELSE pg_relation_size(oid) END) AS bigint)
                 FROM pg_class
                 WHERE relnamespace = CAST('public' AS regnamespace) AND relkind IN ('r', 'i')
                 GROUP BY 1 ORDER BY 2 DESC",
            )
            .fetch_all(&mut **connection)
            .await
            .unwrap(),
        }
    }

    /// Leaves the database as one that has grown in use: its statistics made, its rows on the disk, and PostgreSQL waiting
    /// for the disk at each commit again.
    pub(super) async fn finish(mut self) {
        let last: &[&str] = match self {
            Self::Sqlite(_) => &["COMMIT"],
            Self::Postgres(_) => &[
                "VACUUM (ANALYZE)",
                "ALTER SYSTEM SET fsync = on",
                "ALTER SYSTEM SET full_page_writes = on",
                "SELECT pg_reload_conf()",
                "CHECKPOINT",
            ],
        };
        for statement in last {
            self.run((*statement).to_owned()).await;
        }
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
        // What was left to the system would be written while something is measured.
        assert!(Command::new("sync").status().unwrap().success());
    }
}
