use std::sync::Arc;

use super::*;
use crate::clock::SystemClock;
use crate::features::flights::store::FlightFilter;
use crate::store::sqlite::Sqlite;
use proptest::prelude::*;
use rstest::rstest;

const HEADER: &str = "carrier,number,origin,destination,departure,arrival,aircraft,seats_first,seats_economy,\
                      fare_first,fare_economy,currency";

struct Database {
    sqlite: Sqlite,
    url: String,
    _folder: tempfile::TempDir,
}

async fn database() -> Database {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("airside.db").display());
    Database {
        sqlite: Sqlite::open(&url).await.unwrap(),
        url,
        _folder: folder,
    }
}

#[derive(Default)]
struct Kept {
    rejected: Vec<Finding>,
    notes: Vec<Finding>,
    withdrawn: Vec<String>,
}

impl Watch for Kept {
    fn rejected(&mut self, finding: Finding) -> Result<(), ImportError> {
        self.rejected.push(finding);
        Ok(())
    }

    fn noted(&mut self, finding: Finding) -> Result<(), ImportError> {
        self.notes.push(finding);
        Ok(())
    }

    fn withdrawn(&mut self, flight: &FlightRecord) -> Result<(), ImportError> {
        self.withdrawn.push(FlightKey::of(&flight.plan).to_string());
        Ok(())
    }

    fn progress(&mut self, _: u64) {}
}

async fn take(sqlite: &Sqlite, text: impl Into<Vec<u8>>) -> (ImportReport, Vec<Finding>) {
    let (report, kept) = take_from(sqlite, text, Source::default()).await;
    (report, kept.rejected)
}

async fn take_from(
    sqlite: &Sqlite,
    text: impl Into<Vec<u8>>,
    source: Source,
) -> (ImportReport, Kept) {
    let mut kept = Kept::default();
    let reader = std::io::Cursor::new(text.into());
    let report = import(sqlite, &SystemClock, reader, source, &mut kept)
        .await
        .unwrap();
    (report, kept)
}

fn row(number: u32, seats: &str, fare: &str) -> String {
    format!("UA,{number},JFK,LAX,2026-12-07T08:00,2026-12-07T11:00,738,,{seats},,{fare},USD\n")
}

fn file(rows: &[String]) -> String {
    format!("{HEADER}\n{}", rows.concat())
}

async fn flights(sqlite: &Sqlite) -> Vec<crate::features::flights::store::FlightRecord> {
    sqlite
        .list(&FlightFilter::default(), None, 1000)
        .await
        .unwrap()
}

/// A connection that does what the booking writer does to inventory, and more.
async fn other(database: &Database) -> sqlx::SqlitePool {
    sqlx::SqlitePool::connect(&database.url).await.unwrap()
}

fn report(created: u64, updated: u64, unchanged: u64, rejected: u64) -> ImportReport {
    ImportReport {
        created,
        updated,
        unchanged,
        rejected,
        season: None,
    }
}

#[tokio::test]
async fn a_second_import_changes_nothing_and_a_changed_row_only_itself() {
    let database = database().await;
    let rows: Vec<String> = (1..=700).map(|n| row(n, "150", "99.50")).collect();
    let (first, _) = take(&database.sqlite, file(&rows)).await;
    assert_eq!(first, report(700, 0, 0, 0));
    let before = flights(&database.sqlite).await;
    let (second, _) = take(&database.sqlite, file(&rows)).await;
    assert_eq!(second, report(0, 0, 700, 0));
    assert_eq!(flights(&database.sqlite).await, before);

    let mut changed = rows;
    changed[5] = row(6, "160", "99.50");
    changed.push(row(701, "150", "99.50"));
    let (third, _) = take(&database.sqlite, file(&changed)).await;
    assert_eq!(third, report(1, 1, 699, 0));
    let events: Vec<String> = sqlx::query_scalar("SELECT payload FROM outbox")
        .fetch_all(&other(&database).await)
        .await
        .unwrap();
    assert!(events.len() >= 2 && events.iter().all(|e| e.contains("flights.imported")));
}

#[tokio::test]
async fn the_prototypes_bugs_are_impossible() {
    let database = database().await;
    let (made, _) = take(&database.sqlite, file(&[row(1, "128", "99.50")])).await;
    assert_eq!(made.created, 1);
    let other = other(&database).await;
    sqlx::query("UPDATE inventory SET sold = 120")
        .execute(&other)
        .await
        .unwrap();

    // The same file again gives no sold seat back.
    let (again, _) = take(&database.sqlite, file(&[row(1, "128", "99.50")])).await;
    assert_eq!(again, report(0, 0, 1, 0));
    // Other seats and fares: what is sold stays.
    let (more, _) = take(&database.sqlite, file(&[row(1, "130", "90.00")])).await;
    assert_eq!(more, report(0, 1, 0, 0));
    assert_eq!(flights(&database.sqlite).await[0].sold, [0, 0, 0, 120]);
    // Negative seats, fewer seats than sold, a cabin with sold seats gone: refused, each with its reason.
    let first = "UA,1,JFK,LAX,2026-12-07T08:00,2026-12-07T11:00,738,8,,500,,USD\n".to_owned();
    for (bad, column) in [
        (row(1, "-50", "99.50"), "seats_economy"),
        (row(1, "119", "99.50"), ""),
        (first, ""),
    ] {
        let (refused, why) = take(&database.sqlite, file(&[bad])).await;
        assert_eq!(refused, report(0, 0, 0, 1));
        assert_eq!(
            (why[0].line, why[0].error.column.as_str()),
            (2, column),
            "{why:?}"
        );
    }
    let flight = flights(&database.sqlite).await.remove(0);
    assert_eq!(
        (flight.plan.capacities(), flight.sold),
        ([0, 0, 0, 130], [0, 0, 0, 120])
    );
}

#[tokio::test]
async fn bad_rows_do_not_stop_good_ones_and_a_flight_counts_once() {
    let database = database().await;
    let rows = [
        row(1, "100", "1.00"),
        "nonsense\n".to_owned(),
        row(1, "200", "2.00"),
        format!("{}\n", "x".repeat(70_000)),
        "\n".to_owned(),
        row(2, "100", "1.00").replace('\n', "\r\n"),
    ];
    let (done, why) = take(&database.sqlite, file(&rows)).await;
    assert_eq!(done, report(2, 0, 0, 3));
    let mut lines: Vec<u64> = why.iter().map(|r| r.line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [3, 4, 5]);
    let (again, _) = take(&database.sqlite, file(&rows)).await;
    assert_eq!(again, report(0, 0, 2, 3));
}

#[rstest]
#[case("")]
#[case("a,b\n")]
#[case("\u{0}\u{1}\n\n")]
#[tokio::test]
async fn what_is_no_schedule_is_refused(#[case] text: &str) {
    let database = database().await;
    let reader = std::io::Cursor::new(text.to_owned().into_bytes());
    let source = Source::default();
    let done = import(
        &database.sqlite,
        &SystemClock,
        reader,
        source,
        &mut Kept::default(),
    )
    .await;
    assert!(matches!(done, Err(ImportError::Header(_))), "{done:?}");
}

#[tokio::test]
async fn seats_sold_during_an_import_stay_sold_and_fit() {
    let database = Arc::new(database().await);
    let rows = |seats: u32| -> Vec<String> {
        (1..=300)
            .map(|n| row(n, &seats.to_string(), "99.50"))
            .collect()
    };
    take(&database.sqlite, file(&rows(40))).await;
    let pool = other(&database).await;
    let seller = tokio::spawn(async move {
        let mut sold = 0_u64;
        for _ in 0..40 {
            let done = sqlx::query("UPDATE inventory SET sold = sold + 1 WHERE sold < capacity")
                .execute(&pool)
                .await
                .unwrap();
            sold += done.rows_affected();
        }
        sold
    });
    for seats in [30, 20, 25, 10, 35, 40, 15] {
        take(&database.sqlite, file(&rows(seats))).await;
    }
    let sold = seller.await.unwrap();
    let after = flights(&database.sqlite).await;
    let total: u64 = after.iter().map(|f| u64::from(f.sold[3])).sum();
    assert_eq!(total, sold, "an import gave seats back");
    for flight in after {
        assert!(flight.sold[3] <= flight.plan.capacities()[3]);
    }
}

mod resumed;
mod season;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bytes_are_taken_or_refused_and_the_second_time_change_nothing(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        rows in prop::collection::vec((1..9_u32, "[0-9-]{1,4}", "[0-9.]{1,6}"), 0..20),
        cut: u16,
    ) {
        let mut text = file(&rows.iter().map(|(n, s, f)| row(*n, s, f)).collect::<Vec<_>>()).into_bytes();
        let at = HEADER.len() + 1 + usize::from(cut) % (text.len() - HEADER.len());
        text.splice(at..at, noise);
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let database = database().await;
            let (first, _) = take(&database.sqlite, text.clone()).await;
            prop_assert_eq!(first.updated, 0);
            let before = flights(&database.sqlite).await;
            let (second, _) = take(&database.sqlite, text).await;
            prop_assert_eq!(second, report(0, 0, first.created, first.rejected));
            prop_assert_eq!(flights(&database.sqlite).await, before);
            Ok(())
        })?;
    }
}
