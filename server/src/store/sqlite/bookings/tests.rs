use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use airside_common::event::Event;
use async_trait::async_trait;

use super::*;
use crate::features::auth::caller::Caller;
use crate::features::bookings::command::Answer;
use crate::features::bookings::store::contract::{self, Fixture};
use crate::outbox::Outbox;
use crate::store::sqlite::tests::steps;

struct OnDisk {
    database: Sqlite,
    _folder: tempfile::TempDir,
}

impl OnDisk {
    async fn flight_between(
        &self,
        [origin, destination]: [&str; 2],
        id: i64,
        number: u16,
        hours: i64,
        capacity: u32,
    ) {
        let mut tx = self.database.write().await.unwrap();
        sqlx::query(
            "INSERT INTO flights SELECT ?1, 'UA', ?2, ?4, ?5, date(t, 'unixepoch', '-5 hours'), t * 1000000,
                 -18000, (t + 7200) * 1000000, -21600, '738', 'scheduled', 1, 0, 0
             FROM (SELECT unixepoch() + ?3 * 3600 AS t)",
        )
        .bind(id)
        .bind(i64::from(number))
        .bind(hours)
        .bind(origin)
        .bind(destination)
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query("INSERT INTO inventory VALUES (?1, 3, ?2, 0, 10000, 'USD')")
            .bind(id)
            .bind(capacity)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

#[async_trait]
impl Fixture for OnDisk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("airside.db").display());
        Self {
            database: Sqlite::open(&url).await.unwrap(),
            _folder: folder,
        }
    }

    fn store(&self) -> Arc<dyn BookingStore> {
        Arc::new(self.database.clone())
    }

    async fn user(&self, caller: &Caller) {
        let mut tx = self.database.write().await.unwrap();
        sqlx::query("INSERT INTO users VALUES (?1, ?2, '', ?3, ?4, NULL, 0, 0)")
            .bind(caller.user_id.to_string())
            .bind(caller.username.as_str())
            .bind(caller.role.word())
            .bind(caller.office.as_str())
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
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
        sqlx::query_as("SELECT capacity, sold FROM inventory WHERE flight_id = ?1")
            .bind(flight)
            .fetch_one(self.database.readers())
            .await
            .unwrap()
    }

    async fn events(&self) -> Vec<Event> {
        let page = self.database.read_after(0, 1_000).await.unwrap();
        page.events.into_iter().map(|e| e.unwrap().event).collect()
    }

    async fn age_keys(&self, hours: i64) {
        change(
            self,
            &format!("UPDATE idempotency SET created_at = created_at - {hours} * 3600000000"),
        )
        .await;
    }

    async fn pass(&self, hours: i64) {
        let by = hours * 3_600_000_000;
        change(
            self,
            &format!(
                "UPDATE bookings SET time_limit = time_limit - {by}, created_at = created_at - {by};
                 UPDATE flights SET departure = departure - {by}, arrival = arrival - {by}"
            ),
        )
        .await;
    }

    async fn limits_in(&self, ahead: Duration) {
        let ahead = ahead.as_millis();
        change(
            self,
            &format!(
                "UPDATE bookings
                 SET time_limit = (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) + {ahead}) * 1000
                 WHERE status = 'held'"
            ),
        )
        .await;
    }

    async fn resize(&self, flight: i64, capacity: u32) {
        let statement =
            format!("UPDATE inventory SET capacity = {capacity} WHERE flight_id = {flight}");
        change(self, &statement).await;
    }

    async fn ground(&self, flight: i64) {
        let statement = format!("UPDATE flights SET status = 'cancelled' WHERE id = {flight}");
        change(self, &statement).await;
    }

    async fn refuse(&self, key: &str) {
        change(
            self,
            &format!(
                "CREATE TRIGGER refused BEFORE INSERT ON bookings WHEN NEW.operation = '{key}'
                 BEGIN SELECT RAISE(ABORT, 'no'); END"
            ),
        )
        .await;
    }
}

async fn change(fixture: &OnDisk, statement: &str) {
    let mut tx = fixture.database.write().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

mod keeps_the_contract {
    use super::*;

    contract::contract!(OnDisk);
}

#[tokio::test]
async fn the_check_names_what_is_wrong() {
    let fixture = OnDisk::new().await;
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
            "UPDATE bookings SET time_limit = 1",
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
    ] {
        assert_eq!(fixture.store().violations().await.unwrap(), []);
        change(&fixture, damage).await;
        let found = fixture.store().violations().await.unwrap();
        assert!(
            found.iter().any(|v| v.row.starts_with(row)),
            "{damage}: {found:?}"
        );
        change(&fixture, repair).await;
    }
}

/// The prototype took `seats: -50` and gave seats back twice: the schema itself refuses counters out of bounds.
#[tokio::test]
async fn the_schema_refuses_counters_out_of_bounds() {
    let fixture = OnDisk::new().await;
    fixture.flight(1, 1545, 48, 6).await;
    for statement in [
        "UPDATE inventory SET sold = -1",
        "UPDATE inventory SET sold = 7",
        "UPDATE inventory SET sold = 3, capacity = 2",
    ] {
        let mut tx = fixture.database.write().await.unwrap();
        let refused = sqlx::raw_sql(statement).execute(&mut *tx).await;
        assert_eq!(
            fault::kind(&refused.unwrap_err()),
            Fault::Data,
            "{statement}"
        );
    }
}

#[tokio::test]
async fn a_locator_that_exists_is_drawn_again() {
    let fixture = OnDisk::new().await;
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
    let mut tx = fixture.database.write().await.unwrap();
    let mut free = facts::free_locators(&mut tx, 2, || draws.borrow_mut().pop().unwrap())
        .await
        .unwrap();
    free.sort_unstable();
    assert_eq!(free, [first, second]);
    assert!(draws.borrow().is_empty(), "drawn until two were free");
}

#[tokio::test]
async fn the_set_based_statements_use_the_indexes() {
    let fixture = OnDisk::new().await;
    for statement in [
        "EXPLAIN QUERY PLAN UPDATE inventory SET sold = sold + j.seats
         FROM (SELECT value ->> 0 AS flight_id, value ->> 1 AS cabin, value ->> 2 AS seats FROM json_each('[]')) j
         WHERE inventory.flight_id = j.flight_id AND inventory.cabin = j.cabin",
        "EXPLAIN QUERY PLAN UPDATE bookings SET version = j.version
         FROM (SELECT value ->> 0 AS id, value ->> 1 AS version FROM json_each('[]')) j WHERE bookings.id = j.id",
        "EXPLAIN QUERY PLAN SELECT 1 FROM json_each('[]') j
         CROSS JOIN idempotency i ON i.user_id = j.value ->> 0 AND i.key = j.value ->> 1",
        "EXPLAIN QUERY PLAN SELECT 1 FROM json_each('[]') j CROSS JOIN bookings b ON b.locator = j.value",
    ] {
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(statement)
            .fetch_all(fixture.database.readers())
            .await
            .unwrap();
        let steps: Vec<&String> = plan.iter().map(|row| &row.3).collect();
        assert!(
            steps.iter().any(|step| step.starts_with("SEARCH")),
            "{steps:?}"
        );
        assert!(
            !steps
                .iter()
                .any(|step| step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE")
                    && !step.contains("SCAN j")),
            "{steps:?}"
        );
    }
}

#[tokio::test]
async fn a_flight_number_on_any_day_is_found_by_the_natural_key() {
    let fixture = OnDisk::new().await;
    let filter = Filter {
        flight: Some(("UA".parse().unwrap(), "1545".parse().unwrap())),
        ..Filter::default()
    };
    let page = Page {
        before: None,
        limit: 10,
    };
    let steps = steps(&fixture.database, reading::filtered(&filter, page).sql()).await;
    assert!(
        steps
            .iter()
            .any(|step| step.contains("(departure_date=? AND carrier=? AND number=?)")),
        "{steps:?}"
    );
}
