use async_trait::async_trait;
use sqlx::{AssertSqlSafe, SqlStr};

use super::Sqlite;
use crate::store::contract::{self, Fixture};

/// How SQLite would go about a statement.
pub(super) async fn steps(database: &Sqlite, sql: SqlStr) -> Vec<String> {
    let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql.as_str()));
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explained)
        .fetch_all(database.readers())
        .await
        .unwrap();
    plan.into_iter().map(|row| row.3).collect()
}

pub(super) struct OnDisk {
    database: Sqlite,
    folder: tempfile::TempDir,
}

async fn open(folder: &tempfile::TempDir) -> Sqlite {
    let url = format!("sqlite://{}", folder.path().join("airside.db").display());
    Sqlite::open(&url).await.unwrap()
}

#[async_trait]
impl Fixture for OnDisk {
    type Database = Sqlite;

    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            database: open(&folder).await,
            folder,
        }
    }

    fn database(&self) -> &Sqlite {
        &self.database
    }

    async fn of_another_process(&self) -> Sqlite {
        open(&self.folder).await
    }
}

mod keeps_the_contract {
    use super::{OnDisk, contract};

    contract::all!(OnDisk);
}
