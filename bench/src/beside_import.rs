//! How long a booking takes while another process imports a file into the same database, beside the same alone.

use std::cell::RefCell;
use std::process::{Command, Stdio};
use std::time::Duration;

use airside_server::config::DatabaseSettings;
use airside_server::data_folder::DataFolder;
use airside_server::store;

use super::bookings::{Requests, Shop};
use super::http;
use super::import::write_weeks;
use super::load::Outcome;
use super::place::{self, Folder};
use super::process::Server;
use super::report::{Aim, Report};
use super::rounds::median;

const ALONE: Duration = Duration::from_secs(5);
/// Weeks that the demonstration does not have.
const WEEKS: std::ops::Range<i64> = 100..116;
/// How long the writer may be held, in milliseconds.
const HELD: f64 = 50.0;

pub(crate) fn measure(report: &mut Report) {
    let folder = Folder::new("beside");
    let path = folder.join("flights.csv");
    let rows = write_weeks(&path, WEEKS).len();
    let data = DataFolder::open(Some(&folder.join("data"))).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shop = runtime.block_on(async {
        let database = store::open(&DatabaseSettings::default(), &data)
            .await
            .unwrap();
        let shop = Shop::open(&database).await;
        database.close().await;
        shop
    });
    let (server, token) = Server::demonstration(data.path(), None);
    http::wait_for(server.address, "/metrics", "airside_outbox_depth 0\n");
    server.wait_for_rest();

    let requests = Requests::new(&server, &token, &shop.flights);
    let one_by_one = requests.load(1, ALONE);
    let alone = one_by_one.run(&mut |request| requests.write(request));
    for name in ["created", "unchanged"] {
        let import = Command::new(place::program("airside-server"))
            .arg("--data-dir")
            .arg(data.path())
            .arg("import")
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let import = RefCell::new(import);
        let beside = one_by_one.run_while(&mut |request| requests.write(request), || {
            import.borrow_mut().try_wait().unwrap().is_none()
        });
        let said = import.into_inner().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout);
        assert!(said.contains(&format!("{name} {rows} ")), "{said}");
        told(
            report,
            &format!("a booking beside an import, {rows} rows {name}"),
            &beside,
            &alone,
        );
    }
}

fn told(report: &mut Report, name: &str, beside: &Outcome, alone: &Outcome) {
    let middle = |outcome: &Outcome| median(outcome.times.iter().copied());
    let longest = |outcome: &Outcome| outcome.times.iter().copied().fold(0.0, f64::max);
    report.beside(name, "ms", (middle(beside), middle(alone)), Aim::None);
    let slow = (beside.slow(), alone.slow());
    report.beside("  99 of 100 within", "ms", slow, Aim::None);
    let longest = (longest(beside), longest(alone));
    report.beside("  the longest", "ms", longest, Aim::None);
    let late = beside.times.iter().filter(|time| **time > HELD).count();
    let name = format!("  over {HELD} ms, of {}", beside.times.len());
    report.alone(&name, "", late as f64, Aim::None);
}
