//! Bookings a second over HTTP on PostgreSQL, beside the same rows written by one statement a booking over a pool.
//!
//! The statement takes a seat where there is one and writes what a booking is, its key, its history and its events; it
//! checks nothing else, so that no program can do with less.

use std::sync::Arc;
use std::time::Duration;

use airside_common::flight::FlightId;
use airside_common::locator::Locator;
use airside_server::store::SharedDatabase;
use airside_server::store::postgres::Postgres;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::bookings::{PASSWORD, Requests, Shop, USER, each_at_once};
use super::http;
use super::place::Folder;
use super::process::{EVERYTHING, Server};
use super::report::{Aim, Report};
use super::rounds::{in_turn, median};

/// Where PostgreSQL is: `scripts/services` starts one.
pub(crate) const ADDRESS: &str = "AIRSIDE_TEST_POSTGRES";
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(3);
/// Connections of the pool, the best of 8, 16, 32 and 64 for the statement.
const CONNECTIONS: u32 = 32;

/// Everything, and what bookings over HTTP need; what follows from them is left to other processes there, and waits.
const SERVICES: [(&str, &str, [Aim; 2]); 2] = [
    ("everything", EVERYTHING, [Aim::None, Aim::None]),
    (
        "agents",
        "auth,search,bookings,admin",
        [Aim::Ratio(2.0), Aim::Ratio(8.0)],
    ),
];

pub(crate) fn measure(report: &mut Report) {
    let Ok(address) = std::env::var(ADDRESS) else {
        eprintln!("  left out: {ADDRESS} does not say where PostgreSQL is");
        return;
    };
    let runtime = Runtime::new().unwrap();
    let folder = Folder::new("postgres");
    let data = folder.join("data");
    let url = runtime.block_on(empty_database(&address, "airside_bench"));
    let shop = runtime.block_on(shop_in(&url));
    // Another database, whose events no server follows.
    let bare = runtime.block_on(empty_database(&address, "airside_bench_bare"));
    let bare_shop = runtime.block_on(shop_in(&bare));
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
    let pool = runtime.block_on(pool.connect(&bare)).unwrap();
    let user: Arc<str> = bare_shop.caller.user_id.to_string().into();
    // It leaves the demonstration's flights, and has told all of them.
    let (server, _) = Server::demonstration(&data, Some(&url));
    http::wait_for(server.address, "/metrics", "airside_outbox_depth 0\n");
    drop(server);

    let whole = shop.flights.len();
    for (does, roles, aims) in SERVICES {
        let server = Server::serving(&data, &url, &[("AIRSIDE_ROLES", roles.as_ref())]);
        let token = http::log_in(server.address, USER, PASSWORD);
        server.wait_for_rest();
        for ((among, count), aim) in [("spread over 1,000 flights", whole), ("one hot flight", 1)]
            .into_iter()
            .zip(aims)
        {
            for clients in [32, 256] {
                let requests = Requests::new(&server, &token, &shop.flights[..count]);
                let (ours, others) = in_turn(
                    ROUNDS,
                    || {
                        let load = requests.load(clients, ROUND);
                        load.run(&mut |request| requests.write(request)).a_second
                    },
                    || {
                        let flights = &bare_shop.flights[..count];
                        runtime.block_on(statements(&pool, &user, flights, clients))
                    },
                );
                let name =
                    format!("PostgreSQL, {clients} clients, {among}, by a process for {does}");
                let pair = (median(ours), median(others));
                report.beside(&name, "/s", pair, aim);
            }
        }
    }
    runtime.block_on(pool.close());
}

/// Flights and an agent in an empty database.
pub(crate) async fn shop_in(url: &str) -> Shop {
    let database = Postgres::open(url).await.unwrap();
    let database: SharedDatabase = Arc::new(database);
    let shop = Shop::open(&database).await;
    database.close().await;
    shop
}

/// A database of its own, which waits for the disk at each commit, as servers of others do.
pub(crate) async fn empty_database(address: &str, name: &str) -> String {
    let mut url = address.to_owned();
    let mut server = address
        .parse::<PgConnectOptions>()
        .unwrap()
        .connect()
        .await
        .unwrap();
    for statement in [
        "ALTER SYSTEM SET fsync = on".to_owned(),
        "ALTER SYSTEM SET full_page_writes = on".to_owned(),
        "ALTER SYSTEM SET max_wal_size = '1GB'".to_owned(),
        "SELECT pg_reload_conf()".to_owned(),
        format!("DROP DATABASE IF EXISTS {name}"),
        format!("CREATE DATABASE {name}"),
    ] {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        statement.execute(&mut server).await.unwrap();
    }
    server.close().await.unwrap();
    url.truncate(url.rfind('/').unwrap() + 1);
    url + name
}

async fn statements(pool: &PgPool, user: &Arc<str>, flights: &[FlightId], clients: usize) -> f64 {
    let (pool, user, flights) = (
        pool.clone(),
        Arc::clone(user),
        Arc::<[FlightId]>::from(flights),
    );
    each_at_once(clients, ROUND, move || {
        let (pool, user) = (pool.clone(), Arc::clone(&user));
        let flight = flights[rand::random_range(0..flights.len())];
        async move {
            let booked = loop {
                let locator = Locator::random(&mut rand::rng());
                let booked = sqlx::query(BOOKING)
                    .bind(&*user)
                    .bind(Uuid::new_v4().to_string())
                    .bind([0_u8; 32])
                    .bind(ANSWER)
                    .bind(locator.as_str())
                    .bind(flight.raw())
                    .execute(&pool)
                    .await;
                match booked {
                    // One of some ten thousand others has this locator.
                    Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
                    booked => break booked.unwrap(),
                }
            };
            assert_eq!(booked.rows_affected(), 1);
        }
    })
    .await
}

/// As long as the server's own answer, which is kept with the key.
const ANSWER: &str = r#"{"locator":"K7QW2M","status":"confirmed","version":1,"segments":[{"flight_id":"89301234567890","carrier":"XX","number":1,"origin":"JFK","destination":"ORD","departure":"2026-12-07T08:00:00-05:00","arrival":"2026-12-07T10:00:00-06:00","aircraft":"738","cabin":"economy","status":"HK"}],"passengers":[{"given_name":"Ada","surname":"Byron","title":null,"type":"adult","date_of_birth":null}],"seats":[],"contact":{"email":null,"phone":"212-5550100"},"total":{"amount":"100.00","currency":"USD"},"time_limit":null,"office":"NYC1A0001","created_by":"ada"}"#;

const BOOKING: &str = "
WITH taken AS (
    UPDATE inventory SET sold = sold + 1
    WHERE flight_id = $6 AND cabin = 3 AND sold < capacity
    RETURNING fare_minor, currency
), booked AS (
    INSERT INTO bookings (locator, office, created_by, operation, status, version, contact_phone, total_minor, currency,
                          created_at, updated_at)
    SELECT $5, 'NYC1A0001', $1, $2, 'confirmed', 1, '212-5550100', fare_minor, currency, now(), now() FROM taken
    RETURNING id
), passenger AS (
    INSERT INTO passengers (booking_id, position, given_name, surname, surname_key, kind)
    SELECT id, 0, 'Ada', 'Byron', 'byron', 'adult' FROM booked
), segment AS (
    INSERT INTO segments (booking_id, position, flight_id, cabin, status, seats)
    SELECT id, 0, $6, 3, 'HK', 1 FROM booked
), told AS (
    INSERT INTO history (booking_id, version, at, user_id, action, detail)
    SELECT id, 1, now(), $1, 'created', '' FROM booked
), events AS (
    INSERT INTO outbox (payload, created_at)
    SELECT $4, now() FROM booked
)
INSERT INTO idempotency (user_id, key, fingerprint, status, body, locator, version, created_at)
SELECT $1, $2, $3, 201, $4, $5, 1, now() FROM booked";
