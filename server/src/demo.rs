//! The demonstration: one real week rolled forward, so that there is always something to search and to book, and users
//! to do it with.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use airside_common::time::{LocalTime, OffsetTime};
use airside_common::user::Role;
use jiff::Span;
use jiff::civil::Date;
use rand::Rng;

use crate::clock::Clock;
use crate::features::flights::decide;
use crate::features::flights::import::file::bar;
use crate::features::flights::import::{Finding, ImportError, ImportReport, Watch, import_plans};
use crate::features::flights::store::{FlightPlan, FlightRecord, FlightStore};
use crate::formats::airside_csv::Header;
use crate::formats::lines::{Line, Lines};
use crate::reference::reference;

static WEEK: &[u8] = include_bytes!("../data/flights.csv");

/// Days that the schedule covers after today: eight weeks.
const DAYS_AHEAD: i32 = 56;

/// Tops the schedule up so that it covers today and the next eight weeks. Flights that exist stay as they are, with
/// their bookings and with what admins changed; shows its progress where a person watches.
pub async fn top_up(
    store: &dyn FlightStore,
    clock: &dyn Clock,
) -> Result<ImportReport, ImportError> {
    let week = week();
    // It is still yesterday somewhere: no airport's today is missing.
    let today = jiff::tz::Offset::UTC.to_datetime(clock.now()).date();
    let first = today.yesterday().unwrap_or(today);
    let days = DAYS_AHEAD + 2;
    let count = week.len() as u64 * u64::from(days.unsigned_abs()) / 7;
    let mut watch = Progress {
        bar: bar(Some(count)),
        count,
        told: 0,
    };
    let plans = (0..days).flat_map(|day| {
        let date = first.saturating_add(Span::new().days(day));
        on_date(&week, date)
    });
    let report = import_plans(store, clock, plans, &mut watch).await;
    watch.bar.finish_and_clear();
    report
}

/// The real week's flights.
fn week() -> Vec<FlightPlan> {
    let mut lines = Lines::new(WEEK);
    let Ok(Some(Line::Fit(header))) = lines.next_line() else {
        return Vec::new();
    };
    let Ok(header) = Header::parse(header) else {
        return Vec::new();
    };
    let mut week = Vec::new();
    while let Ok(Some(Line::Fit(line))) = lines.next_line() {
        week.extend(header.row(reference(), line));
    }
    week
}

/// The flights of the week that fall on a date's weekday, moved to that date. A flight at a local time that the clocks
/// skip or double that day is left out.
fn on_date(week: &[FlightPlan], date: Date) -> impl Iterator<Item = FlightPlan> {
    week.iter()
        .filter(move |plan| plan.departure.date().weekday() == date.weekday())
        .filter_map(move |plan| moved(plan, date))
}

fn moved(plan: &FlightPlan, date: Date) -> Option<FlightPlan> {
    let days = (date - plan.departure.date()).get_days();
    let at = |time: OffsetTime, code| {
        let local = time.local().checked_add(Span::new().days(days)).ok()?;
        let airport = reference().find(code)?;
        reference().local(airport, LocalTime(local)).ok()
    };
    let departure = at(plan.departure, plan.origin)?;
    let arrival = at(plan.arrival, plan.destination)?;
    decide::duration(departure, arrival).ok()?;
    Some(FlightPlan {
        departure,
        arrival,
        ..plan.clone()
    })
}

struct Progress {
    bar: indicatif::ProgressBar,
    /// Flights in all, about.
    count: u64,
    /// Tenths that were told.
    told: u64,
}

impl Watch for Progress {
    fn rejected(&mut self, _: Finding) -> Result<(), ImportError> {
        // Flights that exist are left alone, and so nothing is refused.
        Ok(())
    }

    fn noted(&mut self, _: Finding) -> Result<(), ImportError> {
        Ok(())
    }

    fn withdrawn(&mut self, _: &FlightRecord) -> Result<(), ImportError> {
        Ok(())
    }

    fn progress(&mut self, done: u64) {
        self.bar.set_position(done);
        let tenths = done * 10 / self.count.max(1);
        // Where no bar is drawn, the log shows that it goes on.
        if self.bar.is_hidden() && tenths > self.told {
            self.told = tenths;
            tracing::info!("{done} of about {} flights loaded", self.count);
        }
    }
}

/// A user of the demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoUser {
    /// The name to log in with.
    pub username: &'static str,
    /// The password, in clear: it is printed at each start.
    pub password: String,
    /// What the user may do.
    pub role: Role,
    /// The user's office.
    pub office: &'static str,
}

/// The file in the data folder that keeps the passwords of the demonstration's users.
const PASSWORDS: &str = "demo-passwords";

/// The demonstration's users. Their passwords are drawn at the first start and kept in a file of the data folder that
/// only its owner can read, since each start prints them.
pub fn users(data: &Path) -> io::Result<[DemoUser; 2]> {
    let path = data.join(PASSWORDS);
    let kept = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e),
    };
    let mut words = kept.split_whitespace();
    let (demo, admin) = if let (Some(demo), Some(admin)) = (words.next(), words.next()) {
        (demo.to_owned(), admin.to_owned())
    } else {
        let (demo, admin) = (password(), password());
        // Whole or not at all: a start that was killed leaves no half file.
        let fresh = path.with_added_extension("new");
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        writeln!(file, "{demo}\n{admin}")?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        (demo, admin)
    };
    Ok([
        DemoUser {
            username: "demo",
            password: demo,
            role: Role::Agent,
            office: "NYC1A0001",
        },
        DemoUser {
            username: "admin",
            password: admin,
            role: Role::Admin,
            office: "NYC1A0001",
        },
    ])
}

/// Sixteen characters that are not mistaken for each other: 80 random bits.
fn password() -> String {
    let alphabet = airside_common::locator::ALPHABET;
    let mut rng = rand::rng();
    (0..16)
        .map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())]).to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn every_weekday_is_covered_through_the_change_of_clocks() {
        let week = week();
        assert_eq!(
            week.len(),
            std::str::from_utf8(WEEK).unwrap().trim().lines().count() - 1
        );
        for day in 0..140 {
            let date = jiff::civil::date(2026, 9, 1).saturating_add(Span::new().days(day));
            let flights: Vec<_> = on_date(&week, date).collect();
            assert!(flights.len() > 1000, "{date}: {}", flights.len());
            assert!(flights.iter().all(|plan| plan.departure.date() == date));
        }
    }

    #[test]
    fn passwords_are_kept_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = users(folder.path()).unwrap();
        assert_eq!(users(folder.path()).unwrap(), first);
        assert_ne!(first[0].password, first[1].password);
        let mode = fs::metadata(folder.path().join(PASSWORDS))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
