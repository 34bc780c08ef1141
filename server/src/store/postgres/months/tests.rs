use airside_common::flight::FlightId;
use airside_common::locator::Locator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::*;
use crate::features::auth::caller::Caller;
use crate::features::bookings::command::{Answer, Outcome};
use crate::features::bookings::store::{BookingStore, contract as bookings};
use crate::features::flights::import::RowOutcome;
use crate::features::flights::store::contract::plan;
use crate::features::flights::store::{Expect, FlightFilter, FlightStore, PlannedRow, Unsaid};
use crate::features::search::store::SearchStore;
use crate::store::Database;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{agent, flight, now};
use crate::store::postgres::tests::OnServer;

mod pruning;

/// Flights of days, the same number on each.
fn rows(number: u16, days: impl IntoIterator<Item = String>) -> Vec<PlannedRow> {
    let planned = |day| plan(number, &format!("{day}T08:00"), &format!("{day}T11:00"));
    let rows = days.into_iter().map(|day| PlannedRow {
        line: 2,
        plan: planned(day),
        unsaid: Unsaid::Nothing,
    });
    rows.collect()
}

async fn import(database: &Postgres, number: u16, days: &[&str]) {
    let rows = rows(number, days.iter().map(|day| (*day).to_owned()));
    let merged = database.merge(&rows, Expect::New, now()).await.unwrap();
    assert_eq!(merged, vec![RowOutcome::Created; days.len()]);
}

async fn run(database: &Postgres, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(&database.primary())
        .await
        .unwrap();
}

async fn flights(database: &Postgres) -> Vec<String> {
    let found = database.list(&FlightFilter::default(), None, 100).await;
    let found = found.unwrap().into_iter();
    found
        .map(|flight| flight.plan.departure.date().to_string())
        .collect()
}

/// A booking, if there was nothing against it.
async fn book(database: &Postgres, by: &Caller, key: &str, flight: i64) -> Option<Locator> {
    let command = bookings::create(by, key, flight, |body| {
        body["seats"] = serde_json::json!([]);
    });
    // Nobody tries again here.
    let made = database.execute(&[command]).await.unwrap().pop();
    match made {
        Some(Outcome::Answered(Answer {
            status: 201,
            subject,
            ..
        })) => subject.map(|(locator, _)| locator),
        other => panic!("{other:?}"),
    }
}

/// A booking on a flight of 2024-03-20, made when that was to come.
async fn booked_in_the_past(database: &Postgres, by: &Caller) -> Locator {
    import(database, 1, &["2024-02-29", "2024-03-20"]).await;
    import(database, 2, &["2024-03-01", "2024-03-31", "2024-04-01"]).await;
    let later = flight(database, 3, 10).await.id.raw();
    let locator = book(database, by, "k", later).await.unwrap();
    run(
        database,
        "UPDATE inventory SET sold = 0;
         UPDATE segments SET flight_id = (SELECT id FROM flights WHERE departure_date = '2024-03-20');
         UPDATE inventory SET sold = 1 WHERE cabin = 3 AND flight_id IN (SELECT flight_id FROM segments)",
    )
    .await;
    locator
}

fn march() -> Month {
    "2024-03".parse().unwrap()
}

async fn months(database: &Postgres) -> Vec<String> {
    let kept = database.months().await.unwrap().unwrap();
    assert!(kept.iter().all(|kept| kept.bytes > 0));
    kept.iter().map(|kept| kept.month.to_string()).collect()
}

#[tokio::test]
async fn a_detached_month_leaves_what_bookings_name_and_their_records_as_they_were() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    let ada = agent(database, "ada").await;
    let locator = booked_in_the_past(database, &ada).await;
    assert_eq!(
        months(database).await,
        ["2024-02", "2024-03", "2024-04", "2099-12"]
    );
    let shown = database.booking(locator).await.unwrap().unwrap();

    let detached = database.detach(march()).await.unwrap();
    assert_eq!((detached.gone, detached.stay), (2, 1));
    assert_eq!(
        detached.tables,
        ["detached_flights_2024_03", "detached_inventory_2024_03"]
    );
    assert_eq!(
        flights(database).await,
        ["2024-02-29", "2024-03-20", "2024-04-01", "2099-12-07"]
    );
    assert_eq!(database.booking(locator).await.unwrap().unwrap(), shown);
    assert_eq!(database.violations().await.unwrap(), []);
    let all: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM detached_flights_2024_03), (SELECT count(*) FROM detached_inventory_2024_03)",
    )
    .fetch_one(&database.primary())
    .await
    .unwrap();
    assert_eq!(all, (3, 6), "all of the month is there to be dumped");

    let again = database.detach(march()).await;
    assert!(
        matches!(again, Err(DetachError::StillThere { .. })),
        "{again:?}"
    );
    run(
        database,
        "DROP TABLE detached_flights_2024_03, detached_inventory_2024_03",
    )
    .await;
    let again = database.detach(march()).await;
    assert!(
        matches!(again, Err(DetachError::AllNamed { .. })),
        "{again:?}"
    );

    // A cancellation gives back what the flight still holds.
    let cancel = bookings::cancel(&ada, "gone", locator, shown.booking.version);
    let cancelled = database.execute(&[cancel]).await.unwrap();
    assert_eq!(bookings::word(&cancelled[0]), "200");
    assert_eq!(database.violations().await.unwrap(), []);
}

#[tokio::test]
async fn a_month_that_nobody_booked_is_gone_until_a_file_brings_it_back() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    import(database, 1, &["2024-02-29", "2024-03-20"]).await;
    let detached = database.detach(march()).await.unwrap();
    assert_eq!((detached.gone, detached.stay), (1, 0));
    assert_eq!(months(database).await, ["2024-02"]);
    import(database, 1, &["2024-03-20"]).await;
    assert_eq!(flights(database).await, ["2024-02-29", "2024-03-20"]);
}

#[tokio::test]
async fn what_is_not_past_or_not_there_is_not_detached() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    import(database, 1, &["2024-03-20", "2099-12-07"]).await;
    for (month, wrong) in [
        (
            "2099-12",
            "2099-12 is not past: it can be detached from 2100-01-03 on",
        ),
        ("2024-02", "2024-02 has no flights"),
    ] {
        let refused = database.detach(month.parse().unwrap()).await.unwrap_err();
        assert_eq!(refused.to_string(), wrong);
    }
    // This month, by the database's clock.
    let this: String = sqlx::query_scalar("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')")
        .fetch_one(&database.primary())
        .await
        .unwrap();
    import(database, 2, &[&format!("{this}-01")]).await;
    let refused = database.detach(this.parse().unwrap()).await;
    assert!(
        matches!(refused, Err(DetachError::NotPast { .. })),
        "{refused:?}"
    );
    assert_eq!(flights(database).await.len(), 3);
}

/// Those who want a month make it once; who books, changes flights or takes months out meanwhile neither fails nor waits for
/// a deadlock to be broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn months_come_and_go_while_others_book() {
    const ROUNDS: usize = 12;
    let fixture = OnServer::new().await;
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = agent(here, "ada").await;
    let hot = flight(here, 3, 9999).await.id.raw();
    let past: Vec<String> = (0..ROUNDS)
        .map(|n| format!("{}-{:02}-15", 2010 + n / 12, n % 12 + 1))
        .collect();
    for (number, day) in (1..).zip(&past) {
        import(here, number, &[day]).await;
    }

    let importing = async |database: &Postgres, number: u16| {
        for round in 0..ROUNDS {
            // Each round some months that nobody has, among them.
            let days = (0..4).map(|n| format!("2{:03}-{:02}-15", 100 + round, n * 3 + 1));
            let rows = rows(number, days);
            let merged = database.merge(&rows, Expect::New, now()).await.unwrap();
            assert_eq!(merged, vec![RowOutcome::Created; 4]);
        }
    };
    let booking = async |database: &Postgres, name: &str| {
        for n in 0..150 {
            book(database, &ada, &format!("{name}-{n}"), hot).await;
        }
    };
    let detaching = async {
        for day in &past {
            let month = day[..7].parse().unwrap();
            assert_eq!(here.detach(month).await.unwrap().gone, 1);
        }
    };
    tokio::join!(
        importing(here, 11),
        importing(&there, 12),
        importing(&there, 13),
        booking(here, "here"),
        booking(&there, "there"),
        detaching,
    );
    assert_eq!(months(here).await.len(), 4 * ROUNDS + 1);
    assert_eq!(here.violations().await.unwrap(), []);
}

/// Whoever asks may name any number: none is an error, and none hurts those who book beside it.
#[tokio::test]
async fn a_number_of_no_date_is_no_flight() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    let ada = agent(database, "ada").await;
    let there = flight(database, 3, 10).await.id;
    for (n, raw) in [i64::MAX, 3_000_000 << 32, 5_000_000 << 32]
        .into_iter()
        .enumerate()
    {
        let id = FlightId::from_raw(raw);
        assert_eq!(database.flight(id).await.unwrap(), None);
        assert_eq!(database.scheduled(&[there, id]).await.unwrap().len(), 1);
        assert_eq!(database.offers(&[there, id]).await.unwrap().len(), 1);
        let batch = [there.raw(), raw]
            .map(|flight| bookings::create(&ada, &format!("{n}-{flight}"), flight, |_| {}));
        let outcomes = database.execute(&batch).await.unwrap();
        assert_eq!(bookings::word(&outcomes[0]), "201");
        assert!(
            matches!(&outcomes[1], Outcome::Answered(a) if a.status >= 400)
                || matches!(outcomes[1], Outcome::Refused(_))
        );
    }
}

/// A flight that is gone, though bookings and cabins name it: no key of the schema forbids it.
#[tokio::test]
async fn the_check_misses_a_flight() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    let ada = agent(database, "ada").await;
    let locator = booked_in_the_past(database, &ada).await;
    assert_eq!(database.violations().await.unwrap(), []);
    run(
        database,
        "INSERT INTO seats SELECT flight_id, '20A', booking_id, 1, 1 FROM segments;
         DELETE FROM flights WHERE departure_date = '2024-03-20'",
    )
    .await;
    let found: Vec<String> = database
        .violations()
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    let named = |what: &str| {
        found
            .iter()
            .any(|one| one.contains(what) && one.contains("not there"))
    };
    assert!(named(&format!("booking {locator} segment 1")), "{found:?}");
    assert!(named("cabin 3") && named("cabin 0"), "{found:?}");
    run(database, "UPDATE seats SET flight_id = flight_id + 1").await;
    let found = database.violations().await.unwrap();
    assert!(
        found.iter().any(|one| one.row.starts_with("seat 20A")),
        "{found:?}"
    );
}
