//! Bookings a second over HTTP where there are few bookings and where there are many, in turn.

use std::time::{Duration, Instant};

use airside_common::flight::FlightId;
use airside_server::clock::{Clock, SystemClock};
use tokio::runtime::Runtime;

use super::database::{Filler, Size, open};
use super::{Engine, sizes_told};
use crate::bookings::{PASSWORD, Requests, Shop, USER};
use crate::http;
use crate::place::Folder;
use crate::process::Server;
use crate::report::{Aim, Report};
use crate::rounds::{ROUNDS, in_turn, median};

const CLIENTS: usize = 32;
const ROUND: Duration = Duration::from_secs(3);
/// Where there are few.
const FEW: u64 = 10_000;
/// Bookings of one statement; as many on each flight.
const CHUNK: u64 = 10_000;
/// How far the bookings reach back: further than idempotency keys are kept.
const BACK: i64 = 40 * 86_400_000_000;

pub(super) fn measure(report: &mut Report, engine: &Engine, folder: &Folder, many: u64) {
    let runtime = Runtime::new().unwrap();
    let many = many.next_multiple_of(CHUNK);
    let few = Filled::new(&runtime, engine, folder, "airside_growth_few", FEW);
    let many_filled = Filled::new(&runtime, engine, folder, "airside_growth_many", many);
    let name = format!("{}, {many} bookings", engine.name());
    sizes_told(report, &name, "booking", many, &many_filled.sizes);
    let begun = Instant::now();
    runtime.block_on(async {
        let database = open(&many_filled.url).await;
        assert_eq!(database.violations().await.unwrap(), []);
        database.close().await;
    });
    let took = begun.elapsed().as_secs_f64();
    report.alone("  all looked through for oversell", "s", took, Aim::None);

    let (few_server, few_token) = few.serve(folder, "few");
    let (many_server, many_token) = many_filled.serve(folder, "many");
    let few_requests = Requests::new(&few_server, &few_token, &few.flights);
    let many_requests = Requests::new(&many_server, &many_token, &many_filled.flights);
    let a_second = |requests: &Requests<'_>| {
        let load = requests.load(CLIENTS, ROUND);
        load.run(&mut |request| requests.write(request)).a_second
    };
    let (grown, small) = in_turn(
        ROUNDS,
        || a_second(&many_requests),
        || a_second(&few_requests),
    );
    let name = format!("{name}, {CLIENTS} clients, beside {FEW} bookings");
    report.beside(&name, "/s", (median(grown), median(small)), Aim::None);
    drop((few_server, many_server));

    runtime.block_on(async {
        let mut filler = Filler::connect(&many_filled.url).await;
        let keys = filler
            .number("SELECT count(*) FROM idempotency".to_owned())
            .await;
        let sizes = filler.sizes().await;
        filler.finish().await;
        let bytes: i64 = sizes
            .iter()
            .filter(|(name, _)| name.contains("idempotency"))
            .map(|(_, bytes)| bytes)
            .sum();
        let each = bytes as f64 / keys as f64;
        report.alone(
            "  a key with its answer, kept for 30 days",
            "bytes",
            each,
            Aim::None,
        );
    });
}

/// A database with bookings on the flights that will be booked.
struct Filled {
    url: String,
    flights: Vec<FlightId>,
    sizes: Vec<Size>,
}

impl Filled {
    fn new(runtime: &Runtime, engine: &Engine, folder: &Folder, name: &str, count: u64) -> Self {
        let url = engine.empty(runtime, folder, name);
        let begun = Instant::now();
        let (flights, sizes) = runtime.block_on(async {
            let database = open(&url).await;
            let shop = Shop::open(&database).await;
            database.close().await;
            let mut filler = Filler::connect(&url).await;
            fill(&mut filler, &shop, count).await;
            let sizes = filler.sizes().await;
            filler.finish().await;
            (shop.flights, sizes)
        });
        let took = begun.elapsed();
        eprintln!("  {count} bookings, filled in {took:.0?}");
        Self {
            url,
            flights,
            sizes,
        }
    }

    fn serve(&self, folder: &Folder, name: &str) -> (Server, String) {
        let server = Server::serving(&folder.join(name), &self.url, &[]);
        let token = http::log_in(server.address, USER, PASSWORD);
        http::wait_for(server.address, "/metrics", "airside_outbox_depth 0\n");
        server.wait_for_rest();
        (server, token)
    }
}

/// Bookings of one passenger and one segment, as they are after more than the 30 days for which keys are kept.
async fn fill(filler: &mut Filler, shop: &Shop, count: u64) {
    filler.count_to(CHUNK).await;
    filler
        .run("CREATE TEMPORARY TABLE hot (i BIGINT PRIMARY KEY, flight_id BIGINT)".to_owned())
        .await;
    let hot = shop.flights.len() as u64;
    assert_eq!(CHUNK % hot, 0);
    let flights: Vec<String> = (0..hot)
        .zip(&shop.flights)
        .map(|(at, flight)| format!("({at}, {})", flight.raw()))
        .collect();
    filler
        .run(format!("INSERT INTO hot VALUES {}", flights.join(",")))
        .await;
    let user = shop.caller.user_id;
    let start = SystemClock.now().as_microsecond() - BACK;
    for before in (0..count / CHUNK).map(|chunk| chunk * CHUNK) {
        let id = format!("({before} + i)");
        let at = filler.instant(&format!("{start} + {id}"));
        let locator = locator(&id);
        let key = filler.random_key();
        for statement in [
            format!(
                "INSERT INTO bookings (id, locator, office, created_by, operation, status, version, contact_phone,
                     total_minor, currency, created_at, updated_at)
                 SELECT {id}, {locator}, 'NYC1A0001', '{user}', {key}, 'confirmed', 1, '212-5550100', 10000, 'USD',
                     {at}, {at} FROM numbers"
            ),
            format!(
                "INSERT INTO passengers (booking_id, position, given_name, surname, surname_key, kind)
                 SELECT {id}, 1, 'Ada', 'Byron' || ({id} * 7919 % 50000), 'byron' || ({id} * 7919 % 50000), 'adult'
                 FROM numbers"
            ),
            format!(
                "INSERT INTO segments (booking_id, position, flight_id, cabin, status, seats)
                 SELECT {before} + n.i, 1, hot.flight_id, 3, 'HK', 1 FROM numbers n JOIN hot ON hot.i = n.i % {hot}
                 ORDER BY n.i"
            ),
            format!(
                "INSERT INTO history (booking_id, version, at, user_id, action, detail)
                 SELECT {id}, 1, {at}, '{user}', 'booking.created',
                     '1 passenger on XX1000 2026-12-07 JFKORD economy, 100.00 USD' FROM numbers"
            ),
        ] {
            assert_eq!(filler.run(statement).await, CHUNK);
        }
    }
    let each = count / hot;
    filler
        .run(format!(
            "UPDATE inventory SET sold = {each} WHERE flight_id IN (SELECT flight_id FROM hot)"
        ))
        .await;
    if matches!(filler, Filler::Postgres(_)) {
        filler
            .run(format!(
                "SELECT setval(pg_get_serial_sequence('bookings', 'id'), {count})"
            ))
            .await;
    }
}

/// SQL of a number's locator: another one for each number, and without order, as drawn ones are.
fn locator(number: &str) -> String {
    // The factor is odd, so that no two numbers meet among the 32^6 locators.
    let drawn = format!("({number} * 698769069 % 1073741824)");
    let letter = |at: u32| {
        format!(
            "substr('23456789ABCDEFGHJKLMNPQRSTUVWXYZ', CAST(({drawn} >> {}) & 31 AS integer) + 1, 1)",
            5 * at
        )
    };
    (0..6).rev().map(letter).collect::<Vec<_>>().join(" || ")
}
