//! The primary is gone, and a replica takes its place, in a storm of bookings.

use std::time::Duration;

use nix::sys::signal::Signal;
use rstest::rstest;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::process::{Client, Place};
use crate::storm::Storm;

/// How soon it works again, on a slow machine.
const SOON: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_mins(1);

/// How the primary is lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// It is killed, and comes back as it was.
    Killed,
    /// Its machine answers nothing for a while, and then goes on as if nothing had been.
    Frozen,
}

/// Bookings in a database.
async fn count(database: &str) -> i64 {
    let mut connection = PgConnection::connect(database).await.unwrap();
    let count = sqlx::query_scalar("SELECT count(*) FROM bookings")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    count
}

/// Sessions of servers of Airside that are at work.
async fn busy(database: &str) -> i64 {
    let mut connection = PgConnection::connect(database).await.unwrap();
    let busy = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'airside-server' AND state <> 'idle'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    busy
}

/// The seats that a search shows as free.
async fn free(client: &Client, place: &Place) -> u64 {
    let path = format!(
        "/v1/itineraries?origin=JFK&destination=ORD&date={}&max_stops=0&limit=100",
        place.date
    );
    let (_, found) = client.get(&path).await;
    let items = found["items"].as_array().unwrap().iter();
    let seats = items.map(|item| &item["segments"][0]["cabins"][0]["available"]);
    seats.map(|seats| seats.as_u64().unwrap()).sum()
}

#[rstest]
#[case::is_killed(Loss::Killed)]
#[case::is_frozen(Loss::Frozen)]
#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_at_the_replica_that_was_promoted_and_never_at_the_old_primary(
    #[case] loss: Loss,
) {
    let cluster = Cluster::start(2).await;
    // Whoever may be promoted has everything that was answered.
    cluster
        .execute(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = 'replica_1'",
        )
        .await;
    cluster.execute("postgres", "SELECT pg_reload_conf()").await;
    if matches!(loss, Loss::Frozen) {
        cluster.follow("replica-2", "replica-1").await;
    }
    let place = Place::on_server(cluster.address("postgres").to_owned(), 20, 900).await;
    let old = place.database();
    let [new, other] = ["replica-1", "replica-2"].map(|name| cluster.database(name, &old));
    let place = place
        .with("AIRSIDE_DATABASE_URL", format!("{old},{new}"))
        .with("AIRSIDE_DATABASE_REPLICA_URLS", other);
    let server = place.start().await;
    let client = server.login("ada").await;
    let storm = Storm::of(&client);
    storm.makes(100).await;

    match loss {
        Loss::Killed => cluster.end("postgres", Signal::SIGQUIT).await,
        Loss::Frozen => cluster.freeze("postgres", Signal::SIGSTOP),
    }
    storm.is_refused(16).await;
    // Searches need nobody who takes writes.
    assert!(free(&client, &place).await > 0);
    cluster.execute("replica-1", "SELECT pg_promote()").await;
    storm.recovers_within(SOON).await;
    storm.makes(100).await;
    // Events are followed there, too, and nobody waits for the old primary.
    let before = free(&client, &place).await;
    let fewer = async {
        while free(&client, &place).await >= before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, fewer).await.expect("searches follow");

    match loss {
        Loss::Killed => cluster.again("postgres").await,
        Loss::Frozen => cluster.freeze("postgres", Signal::SIGCONT),
    }
    // It would commit without the others now, if it were told to; what it was told before is done first.
    cluster
        .execute("postgres", "ALTER SYSTEM RESET synchronous_standby_names")
        .await;
    cluster.execute("postgres", "SELECT pg_reload_conf()").await;
    let quiet = async { while busy(&old).await > 0 {} };
    timeout(PATIENCE, quiet).await.unwrap();
    let before = count(&old).await;
    storm.makes(200).await;
    let made = storm.ends_with_nothing_lost(&client).await;
    assert_eq!(count(&old).await, before, "the old primary takes nothing");
    assert_eq!(count(&new).await, i64::try_from(made).unwrap());

    // The events of the new primary are followed.
    let counted = async {
        while free(&client, &place).await != 20 * 900 - u64::try_from(made).unwrap() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, counted).await.expect("searches follow");

    let replica = async |wanted: &str| {
        let reached = async {
            loop {
                let (_, ready) = client.get("/readyz").await;
                if ready["replicas"][0]["state"] == wanted {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let reached = timeout(PATIENCE, reached).await;
        reached.unwrap_or_else(|_| panic!("the replica is not: {wanted}"));
    };
    match loss {
        Loss::Frozen => replica("serving").await,
        Loss::Killed => {
            replica("follows a server that was replaced").await;
            // Not even while nobody else is there.
            cluster.end("replica-1", Signal::SIGQUIT).await;
            for attempt in 0..3 {
                let answer = client
                    .book(&format!("late {attempt}"), &client.body(0))
                    .await;
                assert_eq!(answer.unwrap().0, 503);
            }
            assert_eq!(count(&old).await, before, "the old primary takes nothing");
            cluster.again("replica-1").await;
            let storm = Storm::of(&client);
            storm.recovers_within(SOON).await;
            storm.ends_with_nothing_lost(&client).await;
        }
    }
    server.stop().await;

    // Whoever starts now finds the new primary by itself, too.
    place.check().await;
}
