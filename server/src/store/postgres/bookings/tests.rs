use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use airside_common::event::Event;
use airside_common::flight::FlightId;
use async_trait::async_trait;
use sqlx::{Connection as _, PgConnection};

use super::*;
use crate::features::auth::caller::Caller;
use crate::features::bookings::command::Answer;
use crate::features::bookings::store::contract::{self, Fixture};
use crate::outbox::Outbox;
use crate::store::Database as _;
use crate::store::contract::Fixture as _;
use crate::store::fault::{self, Fault};
use crate::store::postgres::tests::{OnServer, until_alone};

mod processes;
mod statements;
mod waiting;

struct Bookings(OnServer);

impl Bookings {
    fn database(&self) -> &Postgres {
        self.0.database()
    }

    async fn flight_between(
        &self,
        [origin, destination]: [&str; 2],
        id: i64,
        number: u16,
        hours: i64,
        capacity: u32,
    ) {
        sqlx::query("SELECT make_flight_months(ARRAY[departure_day($1)])")
            .bind(id)
            .execute(&self.database().primary())
            .await
            .unwrap();
        // The day is what such a small number tells, and no matter here.
        sqlx::query(
            "WITH flight AS (
                 INSERT INTO flights
                 SELECT $1, 'UA', $2, $5, $6, departure_day($1), t, -18000,
                        t + interval '2 hours', -21600, '738', 'scheduled', 1, to_timestamp(0), to_timestamp(0)
                 FROM (SELECT date_trunc('second', clock_timestamp()) + $3 * interval '1 hour' AS t) AS at)
             INSERT INTO inventory VALUES ($1, 3, $4, 0, 10000, 'USD')",
        )
        .bind(id)
        .bind(i32::from(number))
        .bind(f64::from(i32::try_from(hours).unwrap()))
        .bind(i32::try_from(capacity).unwrap())
        .bind(origin)
        .bind(destination)
        .execute(&self.database().primary())
        .await
        .unwrap();
    }

    /// As administrators do by hand.
    async fn change(&self, statement: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
            .execute(&self.database().primary())
            .await
            .unwrap();
    }
}

#[async_trait]
impl Fixture for Bookings {
    async fn new() -> Self {
        Self(OnServer::new().await)
    }

    fn store(&self) -> Arc<dyn BookingStore> {
        Arc::new(self.database().clone())
    }

    async fn user(&self, caller: &Caller) {
        sqlx::query(
            "INSERT INTO users VALUES ($1, $2, '', $3, $4, NULL, to_timestamp(0), to_timestamp(0))",
        )
        .bind(caller.user_id.to_string())
        .bind(caller.username.as_str())
        .bind(caller.role.word())
        .bind(caller.office.as_str())
        .execute(&self.database().primary())
        .await
        .unwrap();
    }

    async fn flight(&self, id: i64, number: u16, hours: i64, capacity: u32) {
        self.flight_between(["JFK", "ORD"], id, number, hours, capacity)
            .await;
    }

    async fn onward(&self, id: i64, number: u16, hours: i64, capacity: u32) {
        self.flight_between(["ORD", "LAX"], id, number, hours, capacity)
            .await;
    }

    async fn counters(&self, flight: i64) -> (u32, u32) {
        let (capacity, sold): (i32, i32) =
            sqlx::query_as("SELECT capacity, sold FROM inventory WHERE flight_id = $1")
                .bind(flight)
                .fetch_one(&self.database().primary())
                .await
                .unwrap();
        (capacity.cast_unsigned(), sold.cast_unsigned())
    }

    async fn events(&self) -> Vec<Event> {
        let page = self.database().read_after(0, 1_000).await.unwrap();
        page.events.into_iter().map(|e| e.unwrap().event).collect()
    }

    async fn age_keys(&self, hours: i64) {
        self.change(&format!(
            "UPDATE idempotency SET created_at = created_at - interval '{hours} hours'"
        ))
        .await;
    }

    async fn pass(&self, hours: i64) {
        let by = format!("interval '{hours} hours'");
        self.change(&format!(
            "UPDATE bookings SET time_limit = time_limit - {by}, created_at = created_at - {by};
             UPDATE flights SET departure = departure - {by}, arrival = arrival - {by}"
        ))
        .await;
    }

    async fn limits_in(&self, ahead: Duration) {
        let ahead = ahead.as_millis();
        self.change(&format!(
            "UPDATE bookings SET time_limit = clock_timestamp() + interval '{ahead} milliseconds' WHERE status = 'held'"
        ))
        .await;
    }

    async fn resize(&self, flight: i64, capacity: u32) {
        self.change(&format!(
            "UPDATE inventory SET capacity = {capacity} WHERE flight_id = {flight}"
        ))
        .await;
    }

    async fn ground(&self, flight: i64) {
        self.change(&format!(
            "UPDATE flights SET status = 'cancelled' WHERE id = {flight}"
        ))
        .await;
    }

    async fn refuse(&self, key: &str) {
        self.change(&format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
             CREATE TRIGGER refused BEFORE INSERT ON bookings FOR EACH ROW
             WHEN (NEW.operation = '{key}') EXECUTE FUNCTION refuse()"
        ))
        .await;
    }
}

mod keeps_the_contract {
    use super::*;

    contract::contract!(Bookings);
}

#[tokio::test]
async fn the_check_names_what_is_wrong() {
    let fixture = Bookings::new().await;
    let ada = contract::agent("ada", "NYC1A0001");
    fixture.user(&ada).await;
    fixture.flight(1, 1545, 48, 6).await;
    let command = contract::create(&ada, "k", 1, |b| {
        b["seats"] = serde_json::json!([{"segment": 1, "passenger": 1, "seat": "1A"}]);
    });
    fixture.store().execute(&[command]).await.unwrap();
    for (damage, repair, row) in [
        (
            "UPDATE inventory SET sold = 2",
            "UPDATE inventory SET sold = 1",
            "inventory 1 cabin 3",
        ),
        (
            "UPDATE seats SET seat = '2A'",
            "UPDATE seats SET seat = '1A'",
            "seat 2A of flight 1",
        ),
        (
            "UPDATE seats SET segment = 2",
            "UPDATE seats SET segment = 1",
            "seat 1A of flight 1",
        ),
        (
            "UPDATE segments SET seats = 2; UPDATE inventory SET sold = 2",
            "UPDATE segments SET seats = 1; UPDATE inventory SET sold = 1",
            "booking ",
        ),
        (
            "UPDATE bookings SET version = 2",
            "UPDATE bookings SET version = 1",
            "booking ",
        ),
        (
            "UPDATE bookings SET status = 'cancelled'",
            "UPDATE bookings SET status = 'confirmed'",
            "booking ",
        ),
        (
            "UPDATE bookings SET status = 'held'",
            "UPDATE bookings SET status = 'confirmed'",
            "booking ",
        ),
        (
            "UPDATE bookings SET time_limit = now()",
            "UPDATE bookings SET time_limit = NULL",
            "booking ",
        ),
        (
            "UPDATE bookings SET status = 'waitlisted'",
            "UPDATE bookings SET status = 'confirmed'",
            "booking ",
        ),
        (
            "UPDATE segments SET status = 'HL'; UPDATE inventory SET sold = 0",
            "UPDATE segments SET status = 'HK'; UPDATE inventory SET sold = 1",
            "booking ",
        ),
        (
            "UPDATE users SET id = 'b' || id",
            "UPDATE users SET id = substr(id, 2)",
            "booking ",
        ),
    ] {
        assert_eq!(fixture.store().violations().await.unwrap(), []);
        fixture.change(damage).await;
        let found = fixture.store().violations().await.unwrap();
        assert!(
            found.iter().any(|v| v.row.starts_with(row)),
            "{damage}: {found:?}"
        );
        fixture.change(repair).await;
    }
}

#[tokio::test]
async fn the_schema_refuses_counters_out_of_bounds() {
    let fixture = Bookings::new().await;
    fixture.flight(1, 1545, 48, 6).await;
    for statement in [
        "UPDATE inventory SET sold = -1",
        "UPDATE inventory SET sold = 7",
        "UPDATE inventory SET sold = 3, capacity = 2",
    ] {
        let refused = sqlx::raw_sql(statement)
            .execute(&fixture.database().primary())
            .await;
        assert_eq!(
            fault::kind(&refused.unwrap_err()),
            Fault::Data,
            "{statement}"
        );
    }
}

#[tokio::test]
async fn a_locator_that_exists_is_drawn_again() {
    let fixture = Bookings::new().await;
    let ada = contract::agent("ada", "NYC1A0001");
    fixture.user(&ada).await;
    fixture.flight(1, 1545, 48, 6).await;
    let command = contract::create(&ada, "k", 1, |_| {});
    let made = fixture.store().execute(&[command]).await.unwrap();
    let Outcome::Answered(Answer {
        subject: Some((taken, _)),
        ..
    }) = made[0]
    else {
        panic!("{made:?}");
    };
    let (first, second) = ("AAAAAA".parse().unwrap(), "BBBBBB".parse().unwrap());
    let draws = RefCell::new(vec![second, first, first, taken, taken]);
    let mut tx = fixture.database().write().await.unwrap();
    let wanted = Wanted {
        creates: 2,
        ..Wanted::default()
    };
    let draw = || draws.borrow_mut().pop().unwrap();
    let locked = HashSet::new();
    let read = facts::read(&mut tx, &[], &wanted, Vec::new(), &locked, draw);
    let mut locators = read.await.unwrap().facts.locators;
    locators.sort_unstable();
    assert_eq!(locators, [first, second]);
    assert!(draws.borrow().is_empty(), "drawn until two were free");
}

/// Who commits calls nobody else: who follows the outbox beside it does, with the positions.
#[tokio::test]
async fn a_batch_wakes_its_own_process_and_a_look_wakes_the_others() {
    const PATIENCE: Duration = Duration::from_secs(10);
    let fixture = Bookings::new().await;
    let ada = contract::agent("ada", "NYC1A0001");
    fixture.user(&ada).await;
    fixture.flight(1, 1545, 48, 6).await;
    let (here, there) = (fixture.database(), fixture.0.of_another_process().await);
    // The first calls say that listening has begun.
    here.appended().await;
    there.appended().await;
    let command = contract::create(&ada, "k", 1, |_| {});
    here.execute(&[command]).await.unwrap();
    tokio::time::timeout(PATIENCE, here.appended())
        .await
        .unwrap();
    assert_eq!(here.read_after(0, 10).await.unwrap().events.len(), 2);
    tokio::time::timeout(PATIENCE, there.appended())
        .await
        .unwrap();
    assert_eq!(there.read_after(0, 10).await.unwrap().events.len(), 2);
}

/// As it is in the first minute: tables grow, and nobody has counted their rows yet.
#[tokio::test]
async fn no_batch_and_no_look_at_the_outbox_reads_a_table_from_end_to_end() {
    let fixture = Bookings::new().await;
    let ada = contract::agent("ada", "NYC1A0001");
    fixture.user(&ada).await;
    fixture
        .change(
            "SELECT make_flight_months(ARRAY(SELECT DATE '1970-01-01' + month * 31 FROM generate_series(0, 23) AS month));
             DO $$ DECLARE name text; BEGIN
                 FOR name IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
                     EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = off)', name);
                 END LOOP;
             END $$;
             INSERT INTO flights
             SELECT i, 'UA', i % 9999 + 1, (ARRAY['JFK', 'LGA', 'EWR'])[i / 9999 + 1], 'ORD', departure_day(i),
                    now() + interval '9 days', 0, now() + interval '10 days', 0, '738', 'scheduled', 1, now(), now()
             FROM generate_series(1, 20000) AS i;
             INSERT INTO inventory SELECT i, 3, 100, 0, 10000, 'USD' FROM generate_series(1, 20000) AS i",
        )
        .await;
    fixture.database().close().await;
    let mut other = PgConnection::connect(&fixture.0.url()).await.unwrap();
    let before = whole_reads(&mut other).await;

    let database = Postgres::open(&fixture.0.url()).await.unwrap();
    let mut position = database.present().await.unwrap();
    for round in 0..10 {
        let batch: Vec<Command> = (0..8)
            .map(|at| {
                contract::create(&ada, &format!("{round}-{at}"), 1 + at, |b| {
                    let seat = format!("{}A", round + 1);
                    b["seats"] = serde_json::json!([{"segment": 1, "passenger": 1, "seat": seat}]);
                })
            })
            .collect();
        let made = database.execute(&batch).await.unwrap();
        let Outcome::Answered(Answer {
            subject: Some((locator, version)),
            ..
        }) = made[0]
        else {
            panic!("{made:?}");
        };
        let cancel = contract::cancel(&ada, &format!("{round}-gone"), locator, version);
        let again = [cancel, batch[1].clone()];
        let ended = database.execute(&again).await.unwrap();
        assert_eq!(
            ended.iter().map(contract::word).collect::<Vec<_>>(),
            ["200", "201"]
        );
        for look in [
            Look::Holds {
                near: SignedDuration::ZERO,
            },
            Look::Everything,
            Look::Flights(&[FlightId::from_raw(1)]),
        ] {
            assert_eq!(database.due(look, 10).await.unwrap(), []);
        }
        let clear = Command::Due(Duty::Clear(FlightId::from_raw(1)));
        let nobody = database.execute(&[clear]).await.unwrap();
        assert_eq!(nobody, [Outcome::Settled(0)]);
        let page = database.read_after(position, 100).await.unwrap();
        position = page.newest;
        assert_eq!(page.events.len(), 8 + 1 + 1 + 1);
    }
    database.close().await;
    assert_eq!(whole_reads(&mut other).await, before);
}

/// How often each table was read from end to end, once all who did so are gone and have said it.
async fn whole_reads(connection: &mut PgConnection) -> Vec<(String, i64)> {
    until_alone(connection).await;
    sqlx::query_as(
        "SELECT relname::text, seq_scan FROM pg_stat_user_tables
         WHERE relname NOT IN ('outbox_progress', '_sqlx_migrations') ORDER BY relname",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

/// A commit that the server refuses has not happened; one whose session ended may have.
#[tokio::test]
async fn a_commit_that_was_refused_is_told_from_one_that_nobody_knows_of() {
    let fixture = Bookings::new().await;
    let ada = contract::agent("ada", "NYC1A0001");
    fixture.user(&ada).await;
    fixture.flight(1, 1545, 48, 6).await;
    let at_commit = async |body: &str| {
        fixture
            .change(&format!(
                "CREATE OR REPLACE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN {body}; RETURN NULL; END $$;
                 DROP TRIGGER IF EXISTS late ON bookings;
                 CREATE CONSTRAINT TRIGGER late AFTER INSERT ON bookings DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION at_commit()"
            ))
            .await;
        let command = contract::create(&ada, "k", 1, |_| {});
        fixture.store().execute(&[command]).await
    };
    let refused = at_commit("RAISE EXCEPTION 'no'").await;
    assert!(matches!(refused, Err(StoreError::Data(_))), "{refused:?}");
    let locked = at_commit("RAISE EXCEPTION SQLSTATE '40P01'").await;
    assert!(matches!(locked, Err(StoreError::Locked(_))), "{locked:?}");
    let unknown = at_commit("PERFORM pg_terminate_backend(pg_backend_pid())").await;
    assert!(
        matches!(unknown, Err(StoreError::Unknown(_))),
        "{unknown:?}"
    );
    assert_eq!(fixture.counters(1).await, (6, 0));
    let made = at_commit("PERFORM 1").await.unwrap();
    assert_eq!(contract::word(&made[0]), "201");
}
