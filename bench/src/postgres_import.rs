//! The import of a file into PostgreSQL beside the bare way: the same rows, parsed before, copied into tables of their own
//! without a log, and from there by one statement a table to where they belong, all in one transaction.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use airside_common::flight::FlightId;
use airside_server::features::flights::store::FlightPlan;
use airside_server::store::Database as _;
use airside_server::store::postgres::Postgres;
use jiff::civil::date;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::Runtime;

use super::import::{beside_bare, imported, write_weeks};
use super::place::Folder;
use super::postgres::{ADDRESS, empty_database};
use super::report::{Aim, Report};

/// How often the real week is repeated, where nothing else is said: about a million rows.
const WEEKS: i64 = 77;
/// Says otherwise, for a try.
pub(crate) const FEWER: &str = "AIRSIDE_BENCH_WEEKS";
/// Bytes that are sent at once.
const PIECE: usize = 1 << 18;

pub(crate) fn measure(report: &mut Report) {
    let Ok(address) = std::env::var(ADDRESS) else {
        eprintln!("  left out: {ADDRESS} does not say where PostgreSQL is");
        return;
    };
    let runtime = Runtime::new().unwrap();
    let folder = Folder::new("postgres-import");
    let path = folder.join("flights.csv");
    let plans = write_weeks(&path, 0..weeks());
    eprintln!("  {} rows", plans.len());
    beside_bare(
        report,
        &format!("PostgreSQL, import of {} rows", plans.len()),
        (plans.len(), Aim::Ratio(0.8)),
        || {
            runtime.block_on(async {
                let (url, connection) = prepared(&address).await;
                connection.close().await.unwrap();
                let open = async || Postgres::open(&url).await.unwrap();
                imported(open, &path, plans.len() as u64).await
            })
        },
        || runtime.block_on(inserted(&address, &plans)),
    );
}

/// How often the week is repeated.
pub(crate) fn weeks() -> i64 {
    std::env::var(FEWER).map_or(WEEKS, |weeks| weeks.parse().unwrap())
}

/// The address of an empty database with the tables, and a connection to it; nothing is left to do from what was before.
async fn prepared(address: &str) -> (String, PgConnection) {
    let url = empty_database(address, "airside_bench").await;
    Postgres::open(&url).await.unwrap().close().await;
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql("CHECKPOINT")
        .execute(&mut connection)
        .await
        .unwrap();
    (url, connection)
}

/// How long the bare way takes: no look for what is there, no events, no limit to how long others wait.
async fn inserted(address: &str, plans: &[FlightPlan]) -> Duration {
    let (_, mut connection) = prepared(address).await;
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
        "SELECT make_flight_months(ARRAY(SELECT DISTINCT departure_date FROM new_flights))",
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
        let day = (plan.departure.date() - date(1970, 1, 1)).get_days();
        write(
            &mut text,
            FlightId::new(day.cast_unsigned(), serial).raw(),
            plan,
        );
        if text.len() >= PIECE {
            copy.send(text.as_bytes()).await.unwrap();
            text.clear();
        }
    }
    copy.send(text.as_bytes()).await.unwrap();
    copy.finish().await.unwrap();
}
