//! The import of a file beside a bare insert of the same rows, parsed before, in one transaction.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use airside_common::flight::FlightId;
use airside_server::clock::SystemClock;
use airside_server::features::flights::import::{
    Finding, ImportError, ImportReport, Source, Watch, import,
};
use airside_server::features::flights::store::{FlightPlan, FlightRecord, FlightStore};
use airside_server::formats::airside_csv::Header;
use airside_server::reference::reference;
use airside_server::store::Database;
use airside_server::store::sqlite::Sqlite;
use jiff::civil::DateTime;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio::runtime::Runtime;

use super::place::Folder;
use super::report::{Aim, Report};
use super::rounds::{in_turn, median};

const ROUNDS: usize = 3;
/// The real week, repeated.
const WEEKS: Range<i64> = 0..16;
/// Rows of one statement: what a statement costs is spread over them.
const FLIGHTS_A_STATEMENT: usize = 128;
const CABINS_A_STATEMENT: usize = 256;

static WEEK: &str = include_str!("../../server/data/flights.csv");

pub(crate) fn measure(report: &mut Report) {
    let runtime = Runtime::new().unwrap();
    let folder = Folder::new("import");
    let path = folder.join("flights.csv");
    let plans = write_weeks(&path, WEEKS);
    eprintln!("  {} rows", plans.len());
    beside_bare(
        report,
        &format!("import of {} rows", plans.len()),
        (plans.len(), Aim::Ratio(0.7)),
        || {
            let folder = Folder::new("imported");
            let open = async || Sqlite::open(&url(&folder)).await.unwrap();
            runtime.block_on(imported(open, &path, plans.len() as u64))
        },
        || runtime.block_on(inserted(&plans)),
    );
}

/// Tells the rows a second of an import, and of the same file again, beside those of the bare way.
pub(crate) fn beside_bare(
    report: &mut Report,
    name: &str,
    (rows, aim): (usize, Aim),
    mut imported: impl FnMut() -> (Duration, Duration),
    mut inserted: impl FnMut() -> Duration,
) {
    let a_second = |took: Duration| rows as f64 / took.as_secs_f64();
    let mut again = Vec::new();
    let (ours, others) = in_turn(
        ROUNDS,
        || {
            let (first, second) = imported();
            again.push(a_second(second));
            a_second(first)
        },
        || a_second(inserted()),
    );
    let bare = median(others);
    report.beside(name, "rows/s", (median(ours), bare), aim);
    report.beside(
        "  the same file again",
        "rows/s",
        (median(again), bare),
        Aim::None,
    );
}

/// Writes the week again and again, and answers with the rows as they are meant. Times that the clocks skip or double
/// are left out, and what flies after the week's last midnight, since it is in the next week again.
pub(crate) fn write_weeks(path: &Path, weeks: Range<i64>) -> Vec<FlightPlan> {
    let (head, lines) = WEEK.split_once('\n').unwrap();
    let header = Header::parse(head.trim().as_bytes()).unwrap();
    let mut text = format!("{head}\n");
    let mut plans = Vec::new();
    let mut flights = HashSet::new();
    for week in weeks {
        let moved = |time: &str| {
            let time = DateTime::from_str(time).unwrap() + jiff::Span::new().weeks(week);
            time.strftime("%Y-%m-%dT%H:%M").to_string()
        };
        for line in lines.lines() {
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            for cell in &mut cells[4..=5] {
                *cell = moved(cell);
            }
            let line = cells.join(",");
            let row = header.row(reference(), line.as_bytes());
            let is_new = |plan: &FlightPlan| {
                let date = plan.departure.date();
                flights.insert((plan.carrier, plan.number, plan.origin, date))
            };
            if let Some(plan) = row.ok().filter(is_new) {
                plans.push(plan);
                writeln!(text, "{line}").unwrap();
            }
        }
    }
    fs::write(path, text).unwrap();
    plans
}

/// Listens to nothing; the file has no bad row.
pub(crate) struct Nothing;

impl Watch for Nothing {
    fn rejected(&mut self, finding: Finding) -> Result<(), ImportError> {
        panic!("line {}: {:?}", finding.line, finding.error)
    }

    fn noted(&mut self, _: Finding) -> Result<(), ImportError> {
        Ok(())
    }

    fn withdrawn(&mut self, _: &FlightRecord) -> Result<(), ImportError> {
        Ok(())
    }

    fn progress(&mut self, _: u64) {}
}

/// How long the import into an empty database takes, and the same again into what it made, each until the database is
/// closed: what is still in a write-ahead log goes into the file by then.
pub(crate) async fn imported<D: Database + FlightStore>(
    open: impl AsyncFn() -> D,
    path: &Path,
    rows: u64,
) -> (Duration, Duration) {
    let mut took = [Duration::ZERO; 2];
    let mut reports = [ImportReport::default(); 2];
    for (took, report) in took.iter_mut().zip(&mut reports) {
        let database = open().await;
        let begun = Instant::now();
        let file = File::open(path).unwrap();
        *report = import(
            &database,
            &SystemClock,
            file,
            Source::default(),
            &mut Nothing,
        )
        .await
        .unwrap();
        database.close().await;
        *took = begun.elapsed();
    }
    assert_eq!(reports[0].created, rows);
    assert_eq!(reports[1].unchanged, rows);
    (took[0], took[1])
}

fn url(folder: &Folder) -> String {
    format!("sqlite://{}", folder.join("airside.db").display())
}

/// How long the bare insert takes: no look for what is there, no events, no limit to how long others wait.
async fn inserted(plans: &[FlightPlan]) -> Duration {
    let folder = Folder::new("inserted");
    // The real one makes the tables with their indexes.
    Sqlite::open(&url(&folder)).await.unwrap().close().await;
    let mut connection = SqliteConnectOptions::from_str(&url(&folder))
        .unwrap()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", "8192")
        .connect()
        .await
        .unwrap();
    let begun = Instant::now();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let rows: Vec<(i64, &FlightPlan)> = (1..)
        .zip(plans)
        .map(|(serial, plan)| (FlightId::new(20_000, serial).raw(), plan))
        .collect();
    for rows in rows.chunks(FLIGHTS_A_STATEMENT) {
        insert_flights(&mut transaction, rows).await;
    }
    let cabins: Vec<_> = rows
        .iter()
        .flat_map(|(id, plan)| {
            (0_i64..)
                .zip(plan.cabins)
                .filter_map(move |(cabin, terms)| Some((*id, cabin, terms?)))
        })
        .collect();
    for cabins in cabins.chunks(CABINS_A_STATEMENT) {
        let sql = statement(
            "INSERT INTO inventory (flight_id, cabin, capacity, fare_minor, currency) VALUES ",
            5,
            cabins.len(),
        );
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for (id, cabin, terms) in cabins {
            insert = insert
                .bind(id)
                .bind(cabin)
                .bind(terms.capacity)
                .bind(terms.fare.minor())
                .bind(terms.fare.currency().code());
        }
        insert.execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    connection.close().await.unwrap();
    begun.elapsed()
}

async fn insert_flights(connection: &mut SqliteConnection, rows: &[(i64, &FlightPlan)]) {
    let sql = statement(
        "INSERT INTO flights (id, carrier, number, origin, destination, departure_date, departure, departure_offset, \
         arrival, arrival_offset, aircraft, status, version, created_at, updated_at) VALUES ",
        15,
        rows.len(),
    );
    let mut insert = sqlx::query(AssertSqlSafe(sql));
    for (id, plan) in rows {
        insert = insert
            .bind(id)
            .bind(plan.carrier.as_str())
            .bind(plan.number.get())
            .bind(plan.origin.as_str())
            .bind(plan.destination.as_str())
            .bind(plan.departure.date().to_string())
            .bind(plan.departure.instant().as_microsecond())
            .bind(plan.departure.offset().seconds())
            .bind(plan.arrival.instant().as_microsecond())
            .bind(plan.arrival.offset().seconds())
            .bind(plan.aircraft.as_str())
            .bind("scheduled")
            .bind(1)
            .bind(0)
            .bind(0);
    }
    insert.execute(&mut *connection).await.unwrap();
}

fn statement(head: &str, values: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; values].join(","));
    format!("{head}{}", vec![row; rows].join(","))
}
