use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{Timestamp, ToSpan, civil};
use sqlx::{AssertSqlSafe, SqlStr};

use super::Sqlite;
use crate::features::flights::store::contract::plan;
use crate::features::flights::store::{Expect, FlightStore, PlannedRow, Unsaid};
use crate::store::Database as _;
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

pub(crate) struct OnDisk {
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

/// What SQLite does at the commit of the transaction: 2 waits for the disk, 1 does not.
async fn synchronous(tx: &mut sqlx::SqliteTransaction<'_>) -> i64 {
    sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(&mut **tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn only_what_is_done_again_does_not_wait_for_the_disk() {
    let fixture = OnDisk::new().await;
    let database = fixture.database();
    for _ in 0..2 {
        for _ in 0..2 {
            let mut tx = database.write_again().await.unwrap();
            assert_eq!(synchronous(&mut tx).await, 1);
            tx.commit().await.unwrap();
        }
        for _ in 0..2 {
            let mut tx = database.write().await.unwrap();
            assert_eq!(synchronous(&mut tx).await, 2);
            tx.commit().await.unwrap();
        }
    }
}

/// SQLite alone gives its lock to whoever asks first once it is free, and that is who has just given it back.
#[tokio::test]
async fn who_waits_to_write_comes_before_who_writes_again() {
    let fixture = OnDisk::new().await;
    let other = fixture.of_another_process().await;
    let written = Arc::new(AtomicUsize::new(0));
    let one = fixture.database().clone();
    let importing = tokio::spawn({
        let written = Arc::clone(&written);
        async move {
            loop {
                let tx = one.write().await.unwrap();
                // What an import's chunk does meanwhile.
                tokio::time::sleep(Duration::from_millis(10)).await;
                one.commit(tx).await.unwrap();
                written.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    for _ in 0..20 {
        while written.swap(0, Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let tx = other.write().await.unwrap();
        let before = written.load(Ordering::SeqCst);
        other.commit(tx).await.unwrap();
        assert!(
            before <= 2,
            "{before} transactions were begun and ended before the one that waited"
        );
    }
    importing.abort();
}

/// A number of flights on each of 200 days in turn, so that each chunk touches other days' pages than the one before: in
/// all, far more than the bound. Nobody stops writing meanwhile.
#[tokio::test]
async fn the_log_does_not_grow_with_an_import() {
    const MIB: u64 = 1 << 20;
    let fixture = OnDisk::new().await;
    let log = fixture.folder.path().join("airside.db-wal");
    let first = civil::date(2026, 12, 7);
    let rows: Vec<PlannedRow> = (1..=64)
        .flat_map(|number| (0..200).map(move |day| (number, first + day.days())))
        .zip(1..)
        .map(|((number, date), line)| PlannedRow {
            unsaid: Unsaid::Nothing,
            line,
            plan: plan(number, &format!("{date}T08:00"), &format!("{date}T11:00")),
        })
        .collect();
    let mut largest = 0;
    for chunk in rows.chunks(16) {
        let database = &fixture.database;
        let now = Timestamp::UNIX_EPOCH;
        database.merge(chunk, Expect::New, now).await.unwrap();
        largest = largest.max(std::fs::metadata(&log).unwrap().len());
    }
    assert!(largest < 96 * MIB, "it was folded on the way: {largest}");
}

/// Whether something of a table was counted.
async fn is_counted(sqlite: &Sqlite) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name LIKE 'sqlite_stat%')")
        .fetch_one(sqlite.readers())
        .await
        .unwrap()
}

#[tokio::test]
async fn nothing_is_planned_by_what_was_counted_once() {
    let fixture = OnDisk::new().await;
    let sqlite = fixture.database();
    let mut tx = sqlite.write().await.unwrap();
    sqlx::raw_sql("INSERT INTO outbox (payload, created_at) VALUES ('{}', 0); ANALYZE")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(is_counted(sqlite).await);
    let opened = fixture.of_another_process().await;
    assert!(!is_counted(&opened).await);
    opened.close().await;
    assert!(!is_counted(sqlite).await, "nor is it counted by who ends");
}
