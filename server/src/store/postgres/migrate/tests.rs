use std::time::{Duration, Instant};

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::super::tests::server::FreshDatabase;
use super::super::{MIGRATIONS, OpenError, Postgres};
use crate::features::bookings::store::BookingStore;

mod previous;

/// The schema of the release before, whose statements are in `previous.sql`.
const RELEASED: i64 = 1;

/// Who made all bookings.
const USER: &str = "01900000-0000-7000-8000-000000000001";

/// A database with the schema of the release before and rows of it: flights of three months, some of them booked.
async fn before() -> (FreshDatabase, PgConnection) {
    let fresh = FreshDatabase::new().await;
    let mut connection = PgConnection::connect(&fresh.url()).await.unwrap();
    let released = MIGRATIONS
        .iter()
        .filter(|one| one.version <= RELEASED)
        .cloned();
    Migrator::with_migrations(released.collect())
        .run(&mut connection)
        .await
        .unwrap();
    run(
        &mut connection,
        &format!("INSERT INTO users VALUES ('{USER}', 'ada', '', 'agent', 'NYC1A0001', NULL, to_timestamp(0), to_timestamp(0));
         INSERT INTO flights
         SELECT ((day - DATE '1970-01-01')::bigint << 32) + nextval('flight_serials'), 'UA', n, 'JFK', 'ORD', day,
                day + interval '13 hours', -18000, day + interval '15 hours', -21600, '738', 'scheduled', 1, now(), now()
         FROM unnest(ARRAY[DATE '2024-02-29', '2098-12-31', '2099-01-01', '2099-01-31']) AS day, generate_series(1, 50) AS n;
         INSERT INTO inventory SELECT id, cabin, 100, 0, 10000, 'USD' FROM flights, generate_series(2, 3) AS cabin;
         INSERT INTO bookings
         SELECT n, 'AAA' || (n + 200), 'NYC1A0001', '{USER}', 'k' || n, 'confirmed', 1, NULL, '212-5550100', 10000, 'USD', NULL,
                to_timestamp(0), to_timestamp(0)
         FROM generate_series(1, 100) AS n;
         INSERT INTO passengers SELECT n, 1, 'Ada', 'Byron', 'byron', NULL, 'adult', NULL FROM generate_series(1, 100) AS n;
         INSERT INTO segments
         SELECT row_number() OVER (ORDER BY id), 1, id, 3, 'HK', 1 FROM flights ORDER BY id LIMIT 100;
         UPDATE inventory SET sold = 1 WHERE cabin = 3 AND flight_id IN (SELECT flight_id FROM segments);
         INSERT INTO seats SELECT flight_id, '20A', booking_id, 1, 1 FROM segments WHERE booking_id % 3 = 0;
         INSERT INTO history
         SELECT n, 1, to_timestamp(0), '{USER}', 'booking.created', '' FROM generate_series(1, 100) AS n"),
    )
    .await;
    (fresh, connection)
}

async fn run(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

async fn rows(connection: &mut PgConnection) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    for table in [
        "users",
        "flights",
        "inventory",
        "bookings",
        "passengers",
        "segments",
        "seats",
        "history",
    ] {
        // Columns that have come later are NULL.
        let statement = format!(
            "SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')
             FROM (SELECT jsonb_strip_nulls(to_jsonb(r)) AS t FROM {table} AS r) AS rows"
        );
        let row = sqlx::query_as(AssertSqlSafe(statement));
        found.push(row.fetch_one(&mut *connection).await.unwrap());
    }
    found
}

#[tokio::test]
async fn no_row_is_lost_or_changed_when_flights_go_into_months() {
    let (fresh, mut connection) = before().await;
    let was = rows(&mut connection).await;
    assert_eq!(was[1].0, 200);
    let database = Postgres::open(&fresh.url()).await.unwrap();
    assert_eq!(rows(&mut connection).await, was);
    let days: Vec<(String, i64)> = sqlx::query_as(
        "SELECT tableoid::regclass::text, count(*) FROM flights GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let expected = [("2024_02", 50), ("2098_12", 50), ("2099_01", 100)];
    assert_eq!(
        days,
        expected.map(|(month, count)| (format!("flights_{month}"), count))
    );
    assert_eq!(database.violations().await.unwrap(), []);
    let shown = database.booking("AAA222".parse().unwrap()).await.unwrap();
    assert_eq!(shown.unwrap().booking.segments.len(), 1);
    // The next one of the same number, day and place is still refused, and so is an id of another day.
    for (day, id) in [("2099-01-01", "id + 1000"), ("2099-01-02", "id + 1000")] {
        let refused = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO flights SELECT {id}, carrier, number, origin, destination, '{day}', departure, departure_offset,
                    arrival, arrival_offset, aircraft, status, version, created_at, updated_at
             FROM flights WHERE departure_date = '2099-01-01' LIMIT 1"
        )))
        .execute(&mut connection)
        .await;
        assert!(refused.is_err(), "{day}");
    }
}

/// Who migrates waits for others no longer than 5 seconds, and others do not wait behind it at all but for moments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_does_not_get_its_locks_leaves_all_as_it_was() {
    let (fresh, mut connection) = before().await;
    let was = rows(&mut connection).await;
    let mut holder = PgConnection::connect(&fresh.url()).await.unwrap();
    run(
        &mut holder,
        "BEGIN; UPDATE inventory SET sold = sold WHERE cabin = 2",
    )
    .await;
    let begun = Instant::now();
    let refused = Postgres::open(&fresh.url()).await;
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    assert!(matches!(refused, Err(OpenError::Migrate(_))), "{refused:?}");
    assert_eq!(rows(&mut connection).await, was);
    run(&mut holder, "ROLLBACK").await;
    Postgres::open(&fresh.url()).await.unwrap();
    assert_eq!(rows(&mut connection).await, was);
}
