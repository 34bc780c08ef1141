use airside_common::flight::{Cabin, FlightId};

use super::insert_flights;
use crate::features::bookings::command::Outcome;
use crate::features::bookings::store::{BookingStore, contract as bookings};
use crate::features::flights::import::RowOutcome;
use crate::features::flights::store::contract::{self, plan, seats};
use crate::features::flights::store::{
    Expect, FlightChange, FlightFilter, FlightPlan, FlightRecord, FlightStore, FlightStoreError,
    PlannedRow, Unsaid,
};
use crate::features::users::store::contract::entry;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{agent, now};
use crate::store::postgres::tests::OnServer;
use crate::store::postgres::{MOST_CONNECTIONS, Postgres, months};
use crate::store::rows::flights::day;

#[tokio::test]
async fn a_flight_leaves_its_events_and_its_name_in_the_audit_log() {
    let fixture = OnServer::new().await;
    contract::a_flight_from_its_making_to_its_end(&fixture).await;
    let readers = fixture.database().primary();

    let events: Vec<String> =
        sqlx::query_scalar("SELECT payload::json ->> 'type' FROM outbox ORDER BY id")
            .fetch_all(&readers)
            .await
            .unwrap();
    let expected = [
        "flight.created",
        "flight.changed",
        "flight.cancelled",
        "flights.imported",
    ];
    assert_eq!(events, expected, "one for each change that was one");
    let audited: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE target LIKE '89%'")
        .fetch_one(&readers)
        .await
        .unwrap();
    assert_eq!(
        audited, 1,
        "the flight that was made is named by its identity"
    );
}

/// Flights that all of the tests below fight for.
const FLIGHTS: u16 = 60;
const ROUNDS: u16 = 12;

fn at(number: u16) -> FlightPlan {
    plan(number, "2099-12-07T08:00", "2099-12-07T11:00")
}

/// Round by round: the same flights with other seats, now and then with first class taken away or given back, and flights
/// that are new in that round.
fn file(round: u16) -> Vec<PlannedRow> {
    let known = (1..=FLIGHTS).map(|number| {
        let row = at(number);
        if (number + round).is_multiple_of(3) {
            seats(row, 100 + u32::from(round))
        } else {
            row
        }
    });
    let new = (0..FLIGHTS).map(|n| at(1000 + round * FLIGHTS + n));
    known
        .chain(new)
        .zip(2..)
        .map(|(plan, line)| PlannedRow {
            unsaid: Unsaid::Nothing,
            line,
            plan,
        })
        .collect()
}

async fn import(database: &Postgres, round: u16, upwards: bool) -> u64 {
    let mut rows = file(round);
    if !upwards {
        rows.reverse();
    }
    let mut created = 0;
    for (chunk, expect) in rows
        .chunks(40)
        .zip([Expect::New, Expect::Known, Expect::New])
    {
        // A deadlock that the database broke would be an error.
        let merged = database.merge(chunk, expect, now()).await.unwrap();
        assert_eq!(merged.len(), chunk.len());
        let new = merged.iter().filter(|one| **one == RowOutcome::Created);
        created += new.count() as u64;
    }
    created
}

async fn flights(database: &Postgres) -> Vec<FlightRecord> {
    database
        .list(&FlightFilter::default(), None, 2000)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn importers_bookings_and_changes_of_the_same_flights_never_deadlock() {
    let fixture = OnServer::new().await;
    let here = fixture.database();
    let there = fixture.of_another_process().await;
    let ada = agent(here, "ada").await;
    import(here, 0, true).await;
    let known: Vec<FlightRecord> = flights(here).await;

    let importing = async |database: &Postgres, upwards| {
        let mut created = 0;
        for round in 1..ROUNDS {
            created += import(database, round, upwards).await;
        }
        created
    };
    let selling = async |database: &Postgres, name: &str, step: usize| {
        let mut made = 0;
        for batch in 0..40 {
            let commands: Vec<_> = (0..16)
                .map(|n| {
                    let flight = known[(batch * 7 + n * step) % known.len()].id.raw();
                    bookings::create(&ada, &format!("{name}-{batch}-{n}"), flight, |_| {})
                })
                .collect();
            // Nor here would it be tried again.
            let outcomes = database.execute(&commands).await.unwrap();
            let booked = |one: &&Outcome| matches!(one, Outcome::Answered(a) if a.status == 201);
            made += outcomes.iter().filter(booked).count() as u64;
        }
        made
    };
    let changing = async {
        for n in 0..120 {
            let id = known[n % known.len()].id;
            let flight = here.flight(id).await.unwrap().unwrap();
            let change = FlightChange {
                id,
                version: flight.version,
                patch: serde_json::from_value(serde_json::json!({"cabins": [{
                    "cabin": "economy", "capacity": 150 + n % 2,
                    "fare": {"amount": "99.50", "currency": "USD"},
                }]}))
                .unwrap(),
            };
            match here.change(change, now(), entry("flight.changed")).await {
                Ok(_) | Err(FlightStoreError::Stale { .. } | FlightStoreError::Refused(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let (first, second, sold, more, ()) = tokio::join!(
        importing(here, true),
        importing(&there, false),
        selling(&there, "there", 11),
        selling(here, "here", 53),
        changing,
    );

    let new = u64::from((ROUNDS - 1) * FLIGHTS);
    assert_eq!(first + second, new, "each flight was made once");
    let after = flights(here).await;
    assert_eq!(after.len() as u64, new + known.len() as u64);
    let seats: u64 = after
        .iter()
        .map(|flight| u64::from(flight.sold[Cabin::Economy.index()]))
        .sum();
    assert_eq!(seats, sold + more, "every seat that was sold is sold");
    assert_eq!(here.violations().await.unwrap(), []);
}

/// A change that replaces a flight's cabins leaves nothing of what a second one waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_cabins_that_are_taken_away_decides_by_those_that_came() {
    let fixture = OnServer::new().await;
    let here = fixture.database();
    let ada = agent(here, "ada").await;
    let economy = seats(at(1), 20);
    let first = {
        let mut plan = economy.clone();
        plan.cabins
            .swap(Cabin::First.index(), Cabin::Economy.index());
        plan
    };
    let row = |plan: &FlightPlan| {
        [PlannedRow {
            unsaid: Unsaid::Nothing,
            line: 2,
            plan: plan.clone(),
        }]
    };
    here.merge(&row(&economy), Expect::New, now())
        .await
        .unwrap();
    let flight = flights(here).await.remove(0);
    for n in 0..20 {
        let there = here.clone();
        let (replaced, back) = (row(&first), row(&economy));
        let command = bookings::create(&ada, &format!("key-{n}"), flight.id.raw(), |body| {
            body["segments"][0]["cabin"] = "first".into();
        });
        let (one, other, booked) = tokio::join!(
            here.merge(&replaced, Expect::Known, now()),
            there.merge(&back, Expect::Known, now()),
            here.execute(std::slice::from_ref(&command)),
        );
        one.unwrap();
        other.unwrap();
        booked.unwrap();
        assert_eq!(here.violations().await.unwrap(), []);
    }
}

/// Returns when somebody in the database waits for a lock.
async fn somebody_waits(database: &Postgres) {
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&database.primary())
        .await
        .unwrap();
        if waiting > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn id(serial: u32) -> FlightId {
    FlightId::new(day(&at(1)).unwrap(), serial)
}

/// Another importer, which has taken the key of flight 1 and goes on to others.
async fn importer_with_the_first_key(database: &Postgres) -> sqlx::PgTransaction<'static> {
    months::make(database, std::iter::once(&at(1)))
        .await
        .unwrap();
    let mut importer = database.write().await.unwrap();
    insert_flights(&mut importer, &[(id(1), &at(1))], now())
        .await
        .unwrap();
    importer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_that_nobody_waits_for_any_more_leaves_its_connection_to_others() {
    let fixture = OnServer::new().await;
    let here = fixture.database();
    let other = importer_with_the_first_key(here).await;
    let row = [PlannedRow {
        unsaid: Unsaid::Nothing,
        line: 2,
        plan: at(1),
    }];
    tokio::select! {
        merged = here.merge(&row, Expect::New, now()) => panic!("{merged:?}"),
        () = somebody_waits(here) => {}
    }
    other.rollback().await.unwrap();
    let mut all = Vec::new();
    for n in 0..i64::from(MOST_CONNECTIONS) {
        let mut connection = here.primary().acquire().await.unwrap();
        let answer: i64 = sqlx::query_scalar("SELECT $1")
            .bind(n)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(answer, n, "each statement has its own answer");
        all.push(connection);
    }
    drop(all);
    assert_eq!(
        flights(here).await,
        [],
        "nothing of a chunk that was not committed"
    );
}

/// What a batch of bookings does to a cabin, before its commit.
async fn sell(database: &Postgres, seats: i32) -> sqlx::PgTransaction<'static> {
    let mut selling = database.write().await.unwrap();
    sqlx::query("UPDATE inventory SET sold = $1")
        .bind(seats)
        .execute(&mut *selling)
        .await
        .unwrap();
    selling
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sold_while_a_change_waits_binds_it() {
    let fixture = OnServer::new().await;
    let here = fixture.database();
    let row = |capacity| {
        [PlannedRow {
            unsaid: Unsaid::Nothing,
            line: 2,
            plan: seats(at(1), capacity),
        }]
    };
    here.merge(&row(20), Expect::New, now()).await.unwrap();

    let selling = sell(here, 15).await;
    let smaller = row(10);
    let (merged, ()) = tokio::join!(here.merge(&smaller, Expect::Known, now()), async {
        somebody_waits(here).await;
        selling.commit().await.unwrap();
    });
    assert!(matches!(merged.unwrap()[..], [RowOutcome::Rejected(_)]));

    let selling = sell(here, 18).await;
    let flight = flights(here).await.remove(0);
    let change = FlightChange {
        id: flight.id,
        version: flight.version,
        patch: serde_json::from_str(
            r#"{"cabins":[{"cabin":"economy","capacity":16,"fare":{"amount":"99.50","currency":"USD"}}]}"#,
        )
        .unwrap(),
    };
    let (changed, ()) = tokio::join!(here.change(change, now(), entry("flight.changed")), async {
        somebody_waits(here).await;
        selling.commit().await.unwrap();
    });
    assert!(
        matches!(changed, Err(FlightStoreError::Refused(_))),
        "{changed:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn natural_keys_are_taken_in_one_order_whatever_the_files() {
    let fixture = OnServer::new().await;
    let here = fixture.database();
    let mut other = importer_with_the_first_key(here).await;
    let rows = [2, 1].map(|number| PlannedRow {
        unsaid: Unsaid::Nothing,
        line: 2,
        plan: at(number),
    });
    let (merged, ()) = tokio::join!(here.merge(&rows, Expect::New, now()), async {
        somebody_waits(here).await;
        insert_flights(&mut other, &[(id(2), &at(2))], now())
            .await
            .expect("who waits for the first key does not hold the second");
        other.rollback().await.unwrap();
    });
    assert_eq!(merged.unwrap(), [RowOutcome::Created, RowOutcome::Created]);
}
