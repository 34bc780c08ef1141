//! What grows with the flights and with the bookings: how long a search and a start take, memory, disk, and bookings a
//! second.

mod bookings;
mod database;
mod flights;

use tokio::runtime::Runtime;

use self::database::Size;
use super::place::Folder;
use super::postgres;
use super::report::{Aim, Report};

/// Numbers of flights, rising, with commas between them; the last is the number of bookings, too, where no other is set.
pub(crate) const SIZES: &str = "AIRSIDE_BENCH_GROWTH";
/// The number of bookings; 0: what grows with them is left out.
pub(crate) const BOOKINGS: &str = "AIRSIDE_BENCH_GROWTH_BOOKINGS";
const USUAL_SIZES: &str = "50000,1000000,5000000";
/// What is not told by itself.
const SMALL: i64 = 1 << 20;

pub(crate) fn measure(report: &mut Report) {
    let sizes = std::env::var(SIZES).unwrap_or_else(|_| USUAL_SIZES.to_owned());
    let sizes: Vec<u64> = sizes
        .split(',')
        .map(|size| size.trim().parse().unwrap())
        .collect();
    let bookings = match std::env::var(BOOKINGS) {
        Ok(bookings) => bookings.trim().parse().unwrap(),
        Err(_) => *sizes.last().unwrap(),
    };
    let mut engines = vec![Engine::Sqlite];
    match std::env::var(postgres::ADDRESS) {
        Ok(address) => engines.push(Engine::Postgres(address)),
        Err(_) => eprintln!(
            "  PostgreSQL is left out: {} does not say where it is",
            postgres::ADDRESS
        ),
    }
    for engine in engines {
        let folder = Folder::new("growth");
        flights::measure(report, &engine, &folder, &sizes);
        if bookings > 0 {
            bookings::measure(report, &engine, &folder, bookings);
        }
    }
}

enum Engine {
    Sqlite,
    /// Where it is.
    Postgres(String),
}

impl Engine {
    const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// The address of a database that is empty.
    fn empty(&self, runtime: &Runtime, folder: &Folder, name: &str) -> String {
        match self {
            Self::Sqlite => {
                let path = folder.join(name).with_extension("db");
                format!("sqlite://{}", path.display())
            }
            Self::Postgres(address) => runtime.block_on(postgres::empty_database(address, name)),
        }
    }
}

/// Tells what tables and indexes take on disk, in all and for each of their rows.
fn sizes_told(report: &mut Report, name: &str, of: &str, count: u64, sizes: &[Size]) {
    let all: i64 = sizes.iter().map(|(_, bytes)| bytes).sum();
    let each = |bytes: i64| bytes as f64 / count as f64;
    let mebibytes = all as f64 / f64::from(1 << 20);
    report.alone(&format!("{name}: on disk"), "MiB", mebibytes, Aim::None);
    report.alone(&format!("  a {of}"), "bytes", each(all), Aim::None);
    for (name, bytes) in sizes.iter().filter(|(_, bytes)| *bytes > SMALL) {
        report.alone(&format!("    in {name}"), "bytes", each(*bytes), Aim::None);
    }
}
