//! Search, memory and disk as the schedule grows: the real week, week after week, so that a day has as many flights as it
//! really has, however many days there are.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use airside_common::flight::FlightId;
use airside_server::clock::{Clock, SystemClock};
use airside_server::features::flights::store::FlightPlan;
use jiff::Span;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use tokio::runtime::Runtime;

use super::database::{Filler, open};
use super::{Engine, sizes_told};
use crate::bookings::{PASSWORD, USER, agent};
use crate::http;
use crate::import::write_weeks;
use crate::load::{Load, Outcome};
use crate::place::Folder;
use crate::process::{Server, mebibytes};
use crate::report::{Aim, Report};
use crate::rounds::median;
use crate::search::Queries;

const SEARCHES: Duration = Duration::from_secs(10);
/// So long after it has begun to listen a server has compared its timetable with the database, which it does every minute.
const COMPARED: Duration = Duration::from_secs(90);
const DRAWS: u32 = 1000;
/// The first searches are not counted: connections to the database are being made.
const FIRST: u64 = 100;
/// Rows of one statement that fills the template.
const ROWS: usize = 500;
/// Above the serial numbers that the database gives.
const SERIALS: u32 = 1_000_000;
/// Flights of one look at their versions, as the server looks.
const LOOK: u32 = 20_000;
const DAY: i64 = 86_400_000_000;

pub(super) fn measure(report: &mut Report, engine: &Engine, folder: &Folder, sizes: &[u64]) {
    let runtime = Runtime::new().unwrap();
    let url = engine.empty(&runtime, folder, "airside_growth_flights");
    runtime.block_on(async {
        let database = open(&url).await;
        agent(&database).await;
        database.close().await;
    });
    let week = Week::real(folder);
    let mut weeks = 0;
    let mut flights = 0;
    for size in sizes {
        let begun = Instant::now();
        let on_disk = runtime.block_on(async {
            let mut filler = Filler::connect(&url).await;
            week.template(&mut filler).await;
            while flights < *size {
                let more = week.put(&mut filler, weeks).await;
                assert!(more > 0, "a week without flights");
                flights += more;
                weeks += 1;
            }
            let on_disk = filler.sizes().await;
            filler.finish().await;
            on_disk
        });
        let took = begun.elapsed();
        eprintln!("  {flights} flights, filled in {took:.0?}");
        let name = format!("{}, {flights} flights", engine.name());
        sizes_told(report, &name, "flight", flights, &on_disk);
        let is_last = size == sizes.last().unwrap();
        let compares = is_last.then_some(COMPARED);
        searched(report, &url, folder, week.dates(weeks), compares);
        let read = runtime.block_on(versions(&url, flights));
        report.alone("  all versions read", "s", read, Aim::None);
    }
}

/// What one server takes, and how fast it answers one client that asks for something else each time; if a time is given,
/// until so long after it has begun to listen.
fn searched(
    report: &mut Report,
    url: &str,
    folder: &Folder,
    (first, days): (Date, i64),
    until: Option<Duration>,
) {
    let begun = Instant::now();
    let server = Server::serving(&folder.join("data"), url, &[]);
    let listening = Instant::now();
    let mut told = |name: &str, unit, value| report.alone(name, unit, value, Aim::None);
    told(
        "  start until it listens",
        "s",
        (listening - begun).as_secs_f64(),
    );
    told(
        "  resident memory then",
        "MiB",
        mebibytes(server.id(), "VmRSS"),
    );
    let token = http::log_in(server.address, USER, PASSWORD);
    let headers = format!("host: {}\r\nauthorization: Bearer {token}", server.address);
    let mut queries = Queries::new(&headers).on(first, days);
    let mut sent = HashSet::new();
    let mut next = |request: &mut Vec<u8>| {
        // Few dates do not have endlessly many queries.
        for _ in 0..DRAWS {
            request.clear();
            queries.write(request);
            if sent.insert(request.clone()) {
                return;
            }
        }
        panic!("no query is left that is new");
    };
    let load = |time| Load {
        address: server.address,
        connections: 1,
        time,
        status: 200,
    };
    load(SEARCHES).run_to(FIRST, &mut next);
    let alone = load(SEARCHES).run(&mut next);
    let half = |outcome: &Outcome| median(outcome.times.iter().copied());
    told("  half of the searches within", "ms", half(&alone));
    told("    99 of 100 within", "ms", alone.slow());
    eprintln!("  {} searches", alone.answers);
    if let Some(rest) = until.map(|until| until.saturating_sub(listening.elapsed())) {
        let compared = load(rest).run(&mut next);
        eprintln!("  {} searches while it compares", compared.answers);
        told("  the same while it compares", "ms", half(&compared));
        told("    99 of 100 within", "ms", compared.slow());
        let longest = compared.times.iter().copied().fold(0.0, f64::max);
        told("    the longest", "ms", longest);
    }
    told(
        "  resident memory after it",
        "MiB",
        mebibytes(server.id(), "VmRSS"),
    );
    told(
        "  the most that was resident",
        "MiB",
        mebibytes(server.id(), "VmHWM"),
    );
}

/// How long it takes to read what the server compares with its timetable every minute.
async fn versions(url: &str, flights: u64) -> f64 {
    let database = open(url).await;
    let now = SystemClock.now();
    let begun = Instant::now();
    let (mut behind, mut count) = (FlightId::from_raw(i64::MIN), 0);
    loop {
        let page = database.versions(now, behind, LOOK).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        behind = *last;
        count += page.len() as u64;
    }
    let took = begun.elapsed();
    assert_eq!(count, flights);
    database.close().await;
    took.as_secs_f64()
}

/// A template of one week, and when the first one begins: the next day that is the template's first weekday.
struct Week {
    /// Each with its day from 0 to 6, by departure.
    plans: Vec<(i64, FlightPlan)>,
    template: Date,
    first: Date,
}

impl Week {
    fn real(folder: &Folder) -> Self {
        let plans = write_weeks(&folder.join("week.csv"), 0..1);
        let template = plans
            .iter()
            .map(|plan| plan.departure.date())
            .min()
            .unwrap();
        let mut plans: Vec<(i64, FlightPlan)> = plans
            .into_iter()
            .map(|plan| (days(template, plan.departure.date()), plan))
            // The rest is in the next week again.
            .filter(|(day, _)| *day < 7)
            .collect();
        plans.sort_by_key(|(day, plan)| (*day, plan.departure.instant()));
        let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
        let first = (2..9)
            .map(|later| today + Span::new().days(later))
            .find(|date| date.weekday() == template.weekday())
            .unwrap();
        Self {
            plans,
            template,
            first,
        }
    }

    /// The first date of so many weeks, and how many there are.
    fn dates(&self, weeks: i64) -> (Date, i64) {
        (self.first, weeks * 7)
    }

    /// Puts the week into temporary tables.
    async fn template(&self, filler: &mut Filler) {
        filler
            .run(
                "CREATE TEMPORARY TABLE week (day BIGINT, serial BIGINT, carrier TEXT, number BIGINT, origin TEXT,
                     destination TEXT, departure BIGINT, departure_offset BIGINT, arrival BIGINT,
                     arrival_offset BIGINT, aircraft TEXT);
                 CREATE TEMPORARY TABLE week_cabins (day BIGINT, serial BIGINT, cabin BIGINT, capacity BIGINT,
                     fare_minor BIGINT, currency TEXT)"
                    .to_owned(),
            )
            .await;
        let midnight = days(date(1970, 1, 1), self.template) * DAY;
        let (mut flights, mut cabins) = (Vec::new(), Vec::new());
        for (serial, (day, plan)) in (SERIALS..).zip(&self.plans) {
            let (departure, arrival) = (plan.departure, plan.arrival);
            flights.push(format!(
                "({day}, {serial}, '{}', {}, '{}', '{}', {}, {}, {}, {}, '{}')",
                plan.carrier,
                plan.number.get(),
                plan.origin,
                plan.destination,
                departure.instant().as_microsecond() - midnight,
                departure.offset().seconds(),
                arrival.instant().as_microsecond() - midnight,
                arrival.offset().seconds(),
                plan.aircraft,
            ));
            for (cabin, terms) in plan.cabins.iter().enumerate() {
                let Some(terms) = terms else { continue };
                cabins.push(format!(
                    "({day}, {serial}, {cabin}, {}, {}, '{}')",
                    terms.capacity,
                    terms.fare.minor(),
                    terms.fare.currency().code(),
                ));
            }
        }
        for (table, rows) in [("week", flights), ("week_cabins", cabins)] {
            for rows in rows.chunks(ROWS) {
                let rows = rows.join(",");
                filler
                    .run(format!("INSERT INTO {table} VALUES {rows}"))
                    .await;
            }
        }
    }

    /// Puts the flights of a week, counted from 0, into the database; answers how many.
    async fn put(&self, filler: &mut Filler, week: i64) -> u64 {
        let day = days(date(1970, 1, 1), self.first) + week * 7;
        let midnight = day * DAY;
        let departure_date = filler.date(&format!("{day} + day"));
        if matches!(filler, Filler::Postgres(_)) {
            let (first, last) = (
                filler.date(&day.to_string()),
                filler.date(&(day + 6).to_string()),
            );
            filler
                .run(format!("SELECT make_flight_months(ARRAY[{first}, {last}])"))
                .await;
        }
        let departure = filler.instant(&format!("{midnight} + departure"));
        let arrival = filler.instant(&format!("{midnight} + arrival"));
        let now = filler.instant(&SystemClock.now().as_microsecond().to_string());
        let flights = filler
            .run(format!(
                "INSERT INTO flights (id, carrier, number, origin, destination, departure_date, departure,
                     departure_offset, arrival, arrival_offset, aircraft, status, version, created_at, updated_at)
                 SELECT (({day} + day) << 32) | serial, carrier, number, origin, destination, {departure_date}, {departure},
                     departure_offset, {arrival}, arrival_offset, aircraft, 'scheduled', 1, {now}, {now}
                 FROM week ORDER BY serial"
            ))
            .await;
        filler
            .run(format!(
                "INSERT INTO inventory (flight_id, cabin, capacity, fare_minor, currency)
                 SELECT (({day} + day) << 32) | serial, cabin, capacity, fare_minor, currency
                 FROM week_cabins ORDER BY serial, cabin"
            ))
            .await;
        flights
    }
}

fn days(from: Date, until: Date) -> i64 {
    i64::from((until - from).get_days())
}
