//! The import of a file into PostgreSQL beside the bare way: the same rows, parsed before, copied into tables of their own
//! without a log, and from there by one statement a table to where they belong, all in one transaction.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use airside_common::flight::FlightId;
use airside_server::clock::SystemClock;
use airside_server::features::flights::import::{ImportReport, import};
use airside_server::features::flights::store::FlightPlan;
use airside_server::store::Database as _;
use airside_server::store::postgres::Postgres;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::Runtime;

use super::import::{Nothing, write_weeks};
use super::place::Folder;
use super::postgres::{ADDRESS, empty_database};
use super::report::{Aim, Report};
use super::rounds::{in_turn, median};

const ROUNDS: usize = 3;
/// How often the real week is repeated, where nothing else is said: about a million rows.
const WEEKS: i64 = 77;
/// Says otherwise, for a try.
const FEWER: &str = "AIRSIDE_BENCH_WEEKS";
/// Bytes that are sent at once.
const PIECE: usize = 1 << 18;

pub(crate) fn measure(report: &mut Report) {
    let Ok(address) = std::env::var(ADDRESS) else {
        eprintln!("  left out: {ADDRESS} does not say where PostgreSQL is");
        return;
    };
    let weeks = std::env::var(FEWER).map_or(WEEKS, |weeks| weeks.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let folder = Folder::new("postgres-import");
    let path = folder.join("flights.csv");
    let plans = write_weeks(&path, 0..weeks);
    eprintln!("  {} rows", plans.len());
    let a_second = |took: Duration| plans.len() as f64 / took.as_secs_f64();

    let mut again = Vec::new();
    let (ours, others) = in_turn(
        ROUNDS,
        || {
            let (first, second) = runtime.block_on(imported(&address, &path, plans.len() as u64));
            again.push(a_second(second));
            a_second(first)
        },
        || a_second(runtime.block_on(inserted(&address, &plans))),
    );
    let bare = median(others);
    let name = format!("PostgreSQL, import of {} rows", plans.len());
    report.beside(&name, "rows/s", (median(ours), bare), Aim::Ratio(0.8));
    report.beside(
        "  the same file again",
        "rows/s",
        (median(again), bare),
        Aim::None,
    );
}

/// An empty database with the tables, and nothing left to do from what was before.
async fn prepared(address: &str) -> (Postgres, PgConnection) {
    let url = empty_database(address, "airside_bench").await;
    let database = Postgres::open(&url).await.unwrap();
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql("CHECKPOINT")
        .execute(&mut connection)
        .await
        .unwrap();
    (database, connection)
}

/// How long the import into an empty database takes, and the same again into what it made, each until its last commit.
async fn imported(address: &str, path: &Path, rows: u64) -> (Duration, Duration) {
    let (database, connection) = prepared(address).await;
    connection.close().await.unwrap();
    let mut took = [Duration::ZERO; 2];
    let mut reports = [ImportReport::default(); 2];
    for (took, report) in took.iter_mut().zip(&mut reports) {
        let begun = Instant::now();
        let file = File::open(path).unwrap();
        *report = import(&database, &SystemClock, file, &mut Nothing)
            .await
            .unwrap();
        *took = begun.elapsed();
    }
    database.close().await;
    assert_eq!(reports[0].created, rows);
    assert_eq!(reports[1].unchanged, rows);
    (took[0], took[1])
}

/// How long the bare way takes: no look for what is there, no events, no limit to how long others wait.
async fn inserted(address: &str, plans: &[FlightPlan]) -> Duration {
    let (database, mut connection) = prepared(address).await;
    database.close().await;
    sqlx::raw_sql(
        "CREATE UNLOGGED TABLE new_flights AS TABLE flights WITH NO DATA;
         CREATE UNLOGGED TABLE new_inventory AS TABLE inventory WITH NO DATA",
    )
    .execute(&mut connection)
    .await
    .unwrap();

    let begun = Instant::now();
    let mut transaction = connection.begin().await.unwrap();
    copy(&mut transaction, "new_flights", plans, |text, id, plan| {
        let (departure, arrival) = (plan.departure, plan.arrival);
        writeln!(
            text,
            "{id}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\tscheduled\t1\t2026-01-01T00:00:00Z\t2026-01-01T00:00:00Z",
            plan.carrier,
            plan.number,
            plan.origin,
            plan.destination,
            departure.date(),
            departure.instant(),
            departure.offset().seconds(),
            arrival.instant(),
            arrival.offset().seconds(),
            plan.aircraft,
        )
        .unwrap();
    })
    .await;
    copy(
        &mut transaction,
        "new_inventory",
        plans,
        |text, id, plan| {
            for (cabin, terms) in (0..4).zip(plan.cabins) {
                if let Some(terms) = terms {
                    let (capacity, fare) = (terms.capacity, terms.fare);
                    let currency = fare.currency().code();
                    writeln!(
                        text,
                        "{id}\t{cabin}\t{capacity}\t0\t{}\t{currency}",
                        fare.minor()
                    )
                    .unwrap();
                }
            }
        },
    )
    .await;
    for statement in [
        "INSERT INTO flights SELECT * FROM new_flights",
        "INSERT INTO inventory SELECT * FROM new_inventory",
    ] {
        sqlx::query(statement)
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
    let took = begun.elapsed();
    connection.close().await.unwrap();
    took
}

/// Copies what is written of each flight; ids are given in the order of the plans.
async fn copy(
    connection: &mut PgConnection,
    table: &str,
    plans: &[FlightPlan],
    write: impl Fn(&mut String, i64, &FlightPlan),
) {
    let mut copy = connection
        .copy_in_raw(&format!("COPY {table} FROM STDIN"))
        .await
        .unwrap();
    let mut text = String::with_capacity(2 * PIECE);
    for (serial, plan) in (1..).zip(plans) {
        write(&mut text, FlightId::new(20_000, serial).raw(), plan);
        if text.len() >= PIECE {
            copy.send(text.as_bytes()).await.unwrap();
            text.clear();
        }
    }
    copy.send(text.as_bytes()).await.unwrap();
    copy.finish().await.unwrap();
}
