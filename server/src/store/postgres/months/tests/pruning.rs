//! Who asks for some days looks into their months alone: as PostgreSQL counts the looks into each part of the tables, and
//! as it says of its plans.

use std::pin::Pin;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::*;
use crate::features::flights::store::FlightChange;
use crate::features::users::store::contract::entry;
use crate::store::postgres::tests::until_alone;

const MONTHS: [&str; 4] = ["2099-01", "2099-02", "2099-03", "2099-04"];

/// Looks into parts of the tables so far, once all who looked are gone and have said it.
async fn looks(connection: &mut PgConnection) -> Vec<(String, i64)> {
    until_alone(connection).await;
    sqlx::query_as(
        "SELECT relname::text, seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables
         WHERE relname LIKE 'flights\\_%' OR relname LIKE 'inventory\\_%' ORDER BY relname",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

type Work<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

#[tokio::test]
async fn whoever_asks_for_some_days_looks_into_their_months_alone() {
    let fixture = OnServer::new().await;
    let here = fixture.database();
    let ada = agent(here, "ada").await;
    for month in MONTHS {
        let days: Vec<String> = (1..=28).map(|day| format!("{month}-{day:02}")).collect();
        let days: Vec<&str> = days.iter().map(String::as_str).collect();
        for number in 1..=20 {
            import(here, number, &days).await;
        }
    }
    run(here, "ANALYZE").await;
    let day = FlightFilter {
        date: Some("2099-03-10".parse().unwrap()),
        ..FlightFilter::default()
    };
    let listed = here.list(&day, None, 100).await.unwrap();
    let (id, other, third) = (listed[0].id, listed[1].id, listed[2].clone());
    let locator = book(here, &ada, "before", id.raw()).await.unwrap();
    let mut connection = PgConnection::connect(&fixture.url()).await.unwrap();
    here.close().await;

    let march = |number: u16, offset: usize| {
        let days = (1..=28).map(|day| format!("2099-03-{day:02}"));
        rows(number, days.skip(offset))
    };
    let change = FlightChange {
        id: other,
        version: 1,
        patch: serde_json::from_str(r#"{"aircraft":"320"}"#).unwrap(),
    };
    let works: [(&str, &dyn Fn(Postgres) -> Work<'static>); 15] = [
        ("a flight", &|d| {
            Box::pin(async move { assert!(d.flight(id).await.unwrap().is_some()) })
        }),
        ("a flight's facts", &|d| {
            Box::pin(async move { assert!(d.facts(id).await.unwrap().is_some()) })
        }),
        ("flights of a day", &{
            let day = day.clone();
            move |d| {
                let day = day.clone();
                Box::pin(async move { assert_eq!(d.list(&day, None, 50).await.unwrap().len(), 20) })
            }
        }),
        ("flights by ids", &|d| {
            Box::pin(async move { assert_eq!(d.scheduled(&[id, other]).await.unwrap().len(), 2) })
        }),
        ("offers", &|d| {
            Box::pin(async move { assert_eq!(d.offers(&[id, other]).await.unwrap().len(), 2) })
        }),
        ("a chunk that is known", &|d| {
            let rows = march(7, 0);
            Box::pin(async move {
                let merged = d.merge(&rows, Expect::Known, now()).await.unwrap();
                assert_eq!(merged, vec![RowOutcome::Unchanged; 28]);
            })
        }),
        ("a chunk that changes", &|d| {
            let mut rows = march(8, 3);
            for row in &mut rows {
                row.plan.aircraft = "320".parse().unwrap();
            }
            Box::pin(async move {
                let merged = d.merge(&rows, Expect::Known, now()).await.unwrap();
                assert_eq!(merged, vec![RowOutcome::Updated; 25]);
            })
        }),
        ("a chunk whose keys are taken", &|d| {
            let rows = march(9, 3);
            Box::pin(async move {
                let merged = d.merge(&rows, Expect::New, now()).await.unwrap();
                assert_eq!(merged, vec![RowOutcome::Unchanged; 25]);
            })
        }),
        ("a chunk that is new", &|d| {
            let rows = march(400, 0);
            Box::pin(async move {
                let merged = d.add_missing(&rows, now()).await.unwrap();
                assert_eq!(merged, vec![RowOutcome::Created; 28]);
            })
        }),
        ("a flight that is new", &|d| {
            let plan = plan(500, "2099-03-03T08:00", "2099-03-03T11:00");
            Box::pin(async move {
                d.create(plan, now(), entry("flight.created"))
                    .await
                    .unwrap();
            })
        }),
        ("a change", &{
            let change = change.clone();
            move |d| {
                let change = change.clone();
                Box::pin(async move {
                    d.change(change, now(), entry("flight.changed"))
                        .await
                        .unwrap();
                })
            }
        }),
        ("a flight that is cancelled", &{
            let (id, version) = (third.id, third.version);
            move |d| {
                Box::pin(async move {
                    d.cancel(id, version, now(), entry("flight.cancelled"))
                        .await
                        .unwrap();
                })
            }
        }),
        ("a booking", &{
            let ada = ada.clone();
            move |d| {
                let ada = ada.clone();
                Box::pin(async move { assert!(book(&d, &ada, "k", id.raw()).await.is_some()) })
            }
        }),
        ("a record", &move |d| {
            Box::pin(async move { assert!(d.booking(locator).await.unwrap().is_some()) })
        }),
        ("a booking that is cancelled", &{
            let ada = ada.clone();
            move |d| {
                let cancel = bookings::cancel(&ada, "gone", locator, 1);
                Box::pin(async move {
                    let done = d.execute(&[cancel]).await.unwrap();
                    assert_eq!(bookings::word(&done[0]), "200");
                })
            }
        }),
    ];
    for (what, work) in works {
        let before = looks(&mut connection).await;
        let database = Postgres::open(&fixture.url()).await.unwrap();
        work(database.clone()).await;
        database.close().await;
        let after = looks(&mut connection).await;
        let touched: Vec<&str> = after
            .iter()
            .zip(&before)
            .filter(|(after, before)| after != before)
            .map(|((table, _), _)| table.as_str())
            .collect();
        assert!(
            !touched.is_empty() && touched.iter().all(|table| table.ends_with("_2099_03")),
            "{what}: {touched:?}"
        );
    }

    // The timetable, from a day of March on.
    let before = looks(&mut connection).await;
    let database = Postgres::open(&fixture.url()).await.unwrap();
    let (start, after) = (
        FlightId::from_raw(i64::MIN),
        "2099-03-10T00:00:00Z".parse().unwrap(),
    );
    assert!(
        !database
            .schedule(after, start, 5000)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        !database
            .versions(after, start, 5000)
            .await
            .unwrap()
            .is_empty()
    );
    database.close().await;
    for ((table, after), (_, before)) in looks(&mut connection).await.iter().zip(&before) {
        let later = table.ends_with("03") || table.ends_with("04");
        assert_eq!(
            after != before,
            later && table.starts_with("flights"),
            "{table}"
        );
    }
}

/// Rows that were read in all months so far.
async fn read(connection: &mut PgConnection) -> i64 {
    looks(connection).await;
    sqlx::query_scalar(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables
         WHERE relname LIKE 'flights\\_%' OR relname LIKE 'inventory\\_%'",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

/// As it is while the first file comes in: months are full, and nobody has counted their rows.
#[tokio::test]
async fn some_flights_are_found_by_keys_in_months_that_nobody_has_counted() {
    let fixture = OnServer::new().await;
    let here = fixture.database();
    let ada = agent(here, "ada").await;
    run(
        here,
        "SELECT make_flight_months(ARRAY[DATE '2099-03-01', '2099-04-01']);
         ALTER TABLE flights_2099_03 SET (autovacuum_enabled = off);
         ALTER TABLE flights_2099_04 SET (autovacuum_enabled = off);
         ALTER TABLE inventory_2099_03 SET (autovacuum_enabled = off);
         ALTER TABLE inventory_2099_04 SET (autovacuum_enabled = off);
         INSERT INTO flights
         SELECT lowest_flight_id(day) + n, 'UA', n, 'JFK', 'LAX', day, day + interval '13 hours', -18000,
                day + interval '19 hours', -28800, '738', 'scheduled', 1, to_timestamp(0), to_timestamp(0)
         FROM unnest(ARRAY[DATE '2099-03-30', '2099-03-31', '2099-04-01']) AS day, generate_series(1, 5000) AS n;
         INSERT INTO inventory SELECT id, 3, 100, 0, 9950, 'USD' FROM flights",
    )
    .await;
    let ids: Vec<FlightId> = (0..3)
        .flat_map(|day| (1..=10).map(move |n| FlightId::new(47_205 + day, 450 * n)))
        .collect();
    assert!(here.flight(ids[0]).await.unwrap().is_some());
    let changed: Vec<PlannedRow> = (1..=10)
        .flat_map(|n| rows(450 * n, ["2099-03-30".to_owned(), "2099-04-01".to_owned()]))
        .collect();
    let mut connection = PgConnection::connect(&fixture.url()).await.unwrap();
    here.close().await;
    for what in ["look", "import", "book"] {
        let before = read(&mut connection).await;
        let database = Postgres::open(&fixture.url()).await.unwrap();
        // More than as often as plans are made anew.
        for round in 0..7 {
            match what {
                "look" => {
                    assert_eq!(database.scheduled(&ids).await.unwrap().len(), 30);
                    assert_eq!(database.offers(&ids).await.unwrap().len(), 30);
                    assert!(database.facts(ids[round]).await.unwrap().is_some());
                }
                "import" => {
                    let expected = if round == 0 {
                        RowOutcome::Updated
                    } else {
                        RowOutcome::Unchanged
                    };
                    let merged = database
                        .merge(&changed, Expect::Known, now())
                        .await
                        .unwrap();
                    assert_eq!(merged, vec![expected; 20]);
                }
                _ => {
                    book(&database, &ada, &format!("k{round}"), ids[round].raw()).await;
                }
            }
        }
        database.close().await;
        let rows = read(&mut connection).await - before;
        assert!(rows < 2000, "{what}: {rows} rows");
    }
}

/// Not only what is looked into, but what is opened and locked: the others are not in the plan at all.
#[tokio::test]
async fn the_plan_of_a_flight_and_of_a_chunk_has_no_other_months() {
    let fixture = OnServer::new().await;
    let here = fixture.database();
    import(
        here,
        1,
        &["2099-01-10", "2099-02-10", "2099-03-10", "2099-04-10"],
    )
    .await;
    let id: i64 = sqlx::query_scalar("SELECT id FROM flights WHERE departure_date = '2099-03-10'")
        .fetch_one(&here.primary())
        .await
        .unwrap();
    let day = id >> 32;
    let keys = crate::store::postgres::flights::BY_NATURAL_KEYS
        .replace("$1", "ARRAY['UA']")
        .replace("$2", "ARRAY[1]")
        .replace("$3", "ARRAY['JFK']")
        .replace("$4", &format!("ARRAY[{day}]"))
        .replace("$5", &day.to_string())
        .replace("$6", &day.to_string());
    for statement in [
        format!("SELECT * FROM flights WHERE id = {id} AND departure_date = departure_day({id})"),
        format!("SELECT f.id FROM {keys} ORDER BY f.id"),
        format!(
            "SELECT id FROM flights WHERE id > {id} AND departure_date >= departure_day({id}) ORDER BY id LIMIT 9"
        ),
    ] {
        let plan: Vec<PgRow> = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN {statement}")))
            .fetch_all(&here.primary())
            .await
            .unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("flights_2099_03"), "{plan}");
        assert!(
            !plan.contains("_2099_01") && !plan.contains("_2099_02"),
            "{plan}"
        );
        assert_eq!(plan.contains("_2099_04"), statement.contains('>'), "{plan}");
    }
}
