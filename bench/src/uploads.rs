//! An upload, from its first byte until it is completed, beside the import of the same file by the command that reads it
//! from the disk: to a process that only takes and merges uploads, and to one that does everything, and so follows each
//! flight for searches, bookings and messages meanwhile.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Runtime;

use super::http::{Connection, log_in};
use super::import::write_weeks;
use super::place::Folder;
use super::postgres::{ADDRESS, empty_database};
use super::postgres_import::weeks;
use super::process::{EVERYTHING, Server, on};
use super::report::{Aim, Report};
use super::rounds::{in_turn, median};

const ROUNDS: usize = 3;
const PASSWORD: &str = "runway-lantern-27";
/// What uploads need, and nothing else; and everything.
const SERVICES: [(&str, &str, Aim); 2] = [
    ("uploads alone", "auth,admin,worker", Aim::Ratio(0.9)),
    ("everything", EVERYTHING, Aim::None),
];
/// From one look at an upload to the next.
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) fn measure(report: &mut Report) {
    let runtime = Runtime::new().unwrap();
    let folder = Folder::new("uploads");
    let file = folder.join("flights.csv");
    let rows = write_weeks(&file, 0..weeks()).len();
    eprintln!("  {rows} rows");
    let embedded = |folder: &Folder| format!("sqlite://{}", folder.join("airside.db").display());
    beside_import(report, &runtime, "SQLite", (&file, rows), &embedded);
    let Ok(address) = std::env::var(ADDRESS) else {
        eprintln!("  left out: {ADDRESS} does not say where PostgreSQL is");
        return;
    };
    let postgres = |_: &Folder| runtime.block_on(empty_database(&address, "airside_bench"));
    beside_import(report, &runtime, "PostgreSQL", (&file, rows), &postgres);
}

/// Tells the rows a second of both ways, each into an empty database of its own.
fn beside_import(
    report: &mut Report,
    runtime: &Runtime,
    name: &str,
    (file, rows): (&Path, usize),
    empty: &dyn Fn(&Folder) -> String,
) {
    for (does, roles, aim) in SERVICES {
        let settings = [("AIRSIDE_ROLES", roles.as_ref())];
        let pair = in_turn_with_import(runtime, &settings, (file, rows), empty);
        let name = format!("upload of {rows} rows to {name}, by a process for {does}");
        report.beside(&name, "rows/s", pair, aim);
    }
}

/// The rows a second of a server with these settings, and of an import.
fn in_turn_with_import(
    runtime: &Runtime,
    settings: &[(&str, &OsStr)],
    (file, rows): (&Path, usize),
    empty: &dyn Fn(&Folder) -> String,
) -> (f64, f64) {
    let a_second = |took: Duration| rows as f64 / took.as_secs_f64();
    let (ours, others) = in_turn(
        ROUNDS,
        || {
            let place = Place::prepared(empty);
            let server = Server::serving(&place.data, &place.database, settings);
            let token = log_in(server.address, "bench", PASSWORD);
            server.wait_for_rest();
            let begun = Instant::now();
            let completed = runtime.block_on(uploaded(&server, &token, file));
            let took = begun.elapsed();
            assert_eq!(completed["rows_created"], rows, "{completed}");
            a_second(took)
        },
        || {
            let place = Place::prepared(empty);
            let begun = Instant::now();
            let mut done = place.command(&["import", file.to_str().unwrap()]);
            assert!(done.output().unwrap().status.success());
            a_second(begun.elapsed())
        },
    );
    (median(ours), median(others))
}

/// A database with its tables and one admin, and a folder for what a server keeps beside it.
struct Place {
    data: PathBuf,
    database: String,
    _folder: Folder,
}

impl Place {
    fn prepared(empty: &dyn Fn(&Folder) -> String) -> Self {
        let folder = Folder::new("uploaded");
        let database = empty(&folder);
        let place = Self {
            data: folder.join("data"),
            database,
            _folder: folder,
        };
        let added = [
            "user", "add", "bench", "--role", "admin", "--office", "BENCH",
        ];
        let mut adding = place.command(&added);
        let mut adding = adding.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = adding.stdin.take().unwrap();
        writeln!(input, "{PASSWORD}").unwrap();
        drop(input);
        assert!(adding.wait().unwrap().success());
        place
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = on(&self.data);
        command
            .args(words)
            .env("AIRSIDE_DATABASE_URL", &self.database)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// Sends the file, and waits until it is completed.
async fn uploaded(server: &Server, token: &str, file: &Path) -> Value {
    let head = format!(
        "host: {}\r\nauthorization: Bearer {token}\r\n",
        server.address
    );
    let content = fs::read(file).unwrap();
    let mut request = format!(
        "POST /v1/admin/uploads HTTP/1.1\r\n{head}content-type: text/csv\r\ncontent-length: {}\r\n\r\n",
        content.len()
    )
    .into_bytes();
    request.extend(content);
    let mut connection = Connection::open(server.address).await.unwrap();
    let answer = connection.exchange(&request).await.unwrap();
    let said = String::from_utf8_lossy(answer.body).into_owned();
    assert_eq!(answer.status, 202, "{said}");
    let upload: Value = serde_json::from_str(&said).unwrap();
    let request = format!(
        "GET /v1/admin/uploads/{} HTTP/1.1\r\n{head}\r\n",
        upload["id"].as_str().unwrap()
    );
    let completed = async {
        loop {
            let answer = connection.exchange(request.as_bytes()).await.unwrap();
            let upload: Value = serde_json::from_slice(answer.body).unwrap();
            match upload["status"].as_str().unwrap() {
                "completed" => return upload,
                "queued" | "processing" => tokio::time::sleep(LOOK).await,
                status => panic!("the upload is {status}: {upload}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, completed).await.unwrap()
}
