use std::time::Duration;

use airside_common::event::Event;
use airside_common::flight::FlightId;
use airside_common::user::Role;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgConnection;

use super::{MIGRATIONS, Postgres, outbox};
use crate::bus::Envelope;
use crate::config::DatabaseSettings;
use crate::features::users::store::contract::{entry, user};
use crate::features::users::store::{Change, UserStore, UserStoreError};
use crate::outbox::Outbox;
use crate::outbox::contract::prune;
use crate::store::contract::{self, Fixture};
use crate::store::{Database, sqlite};

#[path = "../../../tests/services/postgres.rs"]
pub(super) mod server;

use server::FreshDatabase;

mod grown;

/// A database of its own for each test, on the server that `scripts/test` starts.
pub(crate) struct OnServer {
    database: Postgres,
    fresh: FreshDatabase,
}

impl OnServer {
    /// Its address.
    pub(super) fn url(&self) -> String {
        self.fresh.url()
    }
}

#[async_trait]
impl Fixture for OnServer {
    type Database = Postgres;

    async fn new() -> Self {
        let fresh = FreshDatabase::new().await;
        Self {
            database: Postgres::open(&fresh.url()).await.unwrap(),
            fresh,
        }
    }

    fn database(&self) -> &Postgres {
        &self.database
    }

    async fn of_another_process(&self) -> Postgres {
        Postgres::open(&self.fresh.url()).await.unwrap()
    }
}

mod keeps_the_contract {
    use super::{OnServer, contract};

    contract::all!(OnServer);
}

/// The same, with replicas that are read from as far as they are.
struct WithReplicas {
    database: Postgres,
    settings: DatabaseSettings,
    _fresh: FreshDatabase,
}

#[async_trait]
impl Fixture for WithReplicas {
    type Database = Postgres;

    async fn new() -> Self {
        let fresh = FreshDatabase::new().await;
        let settings = DatabaseSettings {
            url: vec![fresh.url()],
            replica_urls: fresh.on_replicas(),
            replica_max_lag: Duration::from_hours(1),
        };
        let database = Postgres::open_set(&settings).await.unwrap();
        let serving = async {
            while !database.replicas().iter().all(|one| one.state == "serving") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let serving = tokio::time::timeout(Duration::from_mins(1), serving).await;
        serving.unwrap_or_else(|_| panic!("{:?}", database.replicas()));
        Self {
            database,
            settings,
            _fresh: fresh,
        }
    }

    fn database(&self) -> &Postgres {
        &self.database
    }

    async fn of_another_process(&self) -> Postgres {
        Postgres::open_set(&self.settings).await.unwrap()
    }
}

mod keeps_the_contract_with_replicas {
    use super::{WithReplicas, contract};

    contract::all!(WithReplicas);
}

fn event(version: u64) -> Event {
    Event::FlightChanged {
        flight: FlightId::from_raw(1),
        version,
    }
}

async fn leave(database: &Postgres, version: u64) -> sqlx::PgTransaction<'static> {
    let mut tx = database.write().await.unwrap();
    outbox::append(&mut tx, Timestamp::UNIX_EPOCH, &[event(version)])
        .await
        .unwrap();
    tx
}

async fn read(database: &Postgres, position: i64) -> Vec<Envelope> {
    let page = database.read_after(position, 7).await.unwrap();
    page.events.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn an_event_whose_commit_is_late_is_read_though_later_ones_were() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    let late = leave(database, 1).await;
    leave(database, 2).await.commit().await.unwrap();
    let first = read(database, 0).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].event, event(2));
    assert_eq!(prune(database).await, 1);

    late.commit().await.unwrap();
    let rest = read(database, first[0].id).await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].event, event(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_read_while_others_write_each_sees_every_event_once_and_in_one_order() {
    const EVENTS: usize = 200;
    let fixture = OnServer::new().await;
    let writers = (0..4).map(|writer| {
        let database = fixture.database().clone();
        tokio::spawn(async move {
            for n in 0..EVENTS / 4 {
                let version = (writer * EVENTS + n) as u64;
                let tx = leave(&database, version).await;
                tx.commit().await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let read_all = async |database: Postgres| {
        let mut seen = Vec::new();
        while seen.len() < EVENTS {
            let position = seen.last().map_or(0, |(position, _)| *position);
            let read = read(&database, position).await;
            seen.extend(
                read.into_iter()
                    .map(|envelope| (envelope.id, envelope.event)),
            );
        }
        seen
    };
    let (here, there) = tokio::join!(
        read_all(fixture.database().clone()),
        read_all(fixture.of_another_process().await)
    );
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(here, there);
    assert!(here.is_sorted_by(|(a, _), (b, _)| a < b));
    let rest = read(fixture.database(), here[EVENTS - 1].0).await;
    assert_eq!(rest, []);
}

#[tokio::test]
async fn closing_waits_for_nobody_who_listens() {
    let fixture = OnServer::new().await;
    let database = fixture.database().clone();
    // Listening has begun.
    database.appended().await;
    let close = tokio::time::timeout(Duration::from_secs(30), database.close());
    close.await.expect("closed");
    assert!(database.answers().await.is_err());
}

#[tokio::test]
async fn a_call_is_heard_again_after_the_listening_connection_was_lost() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    database.appended().await;
    let killed: i64 = sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN %'",
    )
    .fetch_one(&database.primary())
    .await
    .unwrap();
    assert_eq!(killed, 1);
    // The one that says that listening has begun anew, and then one of a commit.
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, database.appended())
        .await
        .expect("listens again");
    leave(database, 1).await.commit().await.unwrap();
    tokio::time::timeout(patience, database.appended())
        .await
        .expect("hears again");
}

#[tokio::test]
async fn a_relay_whose_leases_have_ended_records_and_deletes_nothing() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    let mut late = database.lanes();
    let mut lanes = late.share().await.unwrap();
    leave(database, 1).await.commit().await.unwrap();
    let newest = read(database, 0).await[0].id;
    sqlx::query("UPDATE leases SET until = clock_timestamp()")
        .execute(&database.primary())
        .await
        .unwrap();
    for relayed in lanes.values_mut() {
        *relayed = newest;
    }
    late.relayed(&lanes).await.unwrap();
    assert_eq!(database.outbox_depth().await.unwrap(), 1);
    let there = fixture.of_another_process().await;
    let mut successor = there.lanes();
    assert_eq!(successor.share().await.unwrap().len(), lanes.len());
    successor.relayed(&lanes).await.unwrap();
    assert_eq!(late.prune(Duration::ZERO, 10).await.unwrap(), 0);
    assert_eq!(read(database, 0).await.len(), 1);
    assert_eq!(successor.prune(Duration::ZERO, 10).await.unwrap(), 1);
}

#[tokio::test]
async fn a_lock_is_not_waited_for_without_end() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    let limits: (String, String) = sqlx::query_as(
        "SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')",
    )
    .fetch_one(&database.primary())
    .await
    .unwrap();
    assert_eq!(limits, ("5s".to_owned(), "30s".to_owned()));
}

#[tokio::test]
async fn two_admins_that_are_disabled_at_the_same_moment_do_not_both_go() {
    let fixture = OnServer::new().await;
    let database = fixture.database();
    let ada = user(database, "ada", Role::Admin).await.id;
    let eve = user(database, "eve", Role::Admin).await.id;
    // Both come as far as the entry in the audit log, behind the count of admins, if they do not wait for each other.
    let mut gate = database.write().await.unwrap();
    sqlx::query("LOCK TABLE audit IN EXCLUSIVE MODE")
        .execute(&mut *gate)
        .await
        .unwrap();
    let disable = |id| {
        let database = database.clone();
        let change = Change {
            disabled: Some(true),
            ..Change::default()
        };
        let (now, entries) = (Timestamp::UNIX_EPOCH, vec![entry("user.changed")]);
        tokio::spawn(async move { database.change(id, change, now, now, entries).await })
    };
    let (first, second) = (disable(ada), disable(eve));
    let mut waiting = 0_i64;
    while waiting < 2 {
        waiting = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&database.primary())
        .await
        .unwrap();
    }
    gate.rollback().await.unwrap();
    let outcomes = [first.await.unwrap(), second.await.unwrap()];
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(UserStoreError::LastAdmin)));
    assert_eq!(refused.count(), 1, "{outcomes:?}");
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |migrations: &sqlx::migrate::Migrator| -> Vec<(i64, String)> {
        migrations
            .iter()
            .map(|one| (one.version, one.description.to_string()))
            .collect()
    };
    assert_eq!(names(&MIGRATIONS), names(&sqlite::MIGRATIONS));
}

/// Waits until all other sessions of the database are gone, and have said what they have done.
pub(super) async fn until_alone(connection: &mut PgConnection) {
    let gone = async {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        while sqlx::query_scalar::<_, i64>(others)
            .fetch_one(&mut *connection)
            .await
            .unwrap()
            > 0
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .unwrap();
}
