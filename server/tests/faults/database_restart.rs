//! PostgreSQL that is stopped, or killed, and started again in a storm of bookings.

use std::time::Duration;

use nix::sys::signal::Signal;
use rstest::rstest;

use crate::cluster::Cluster;
use crate::process::Place;
use crate::storm::Storm;

/// How soon it works again.
const SOON: Duration = Duration::from_secs(5);

/// How the database goes.
#[derive(Debug, Clone, Copy)]
enum End {
    /// By itself, once it is told to by a signal.
    Told(Signal),
    /// By `kill -9` of each of its processes.
    Killed,
}

#[rstest]
#[case::ends_all_connections(End::Told(Signal::SIGINT))]
#[case::crashes(End::Told(Signal::SIGQUIT))]
#[case::is_killed(End::Killed)]
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_load_loses_nothing_and_needs_no_help(#[case] end: End) {
    let postgres = Cluster::start(0).await;
    let place = Place::on_server(postgres.address("postgres").to_owned(), 20, 900).await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let storm = Storm::of(&client);
    storm.makes(100).await;

    match end {
        End::Told(signal) => postgres.end("postgres", signal).await,
        End::Killed => postgres.kill("postgres").await,
    }
    storm.is_refused(16).await;
    let (status, problem) = client.get("/v1/bookings").await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (503, &"unavailable".into())
    );
    let (status, _) = client.get("/healthz").await;
    assert_eq!(status, 200, "the process itself is well");

    postgres.again("postgres").await;
    storm.recovers_within(SOON).await;
    storm.makes(100).await;
    storm.ends_with_nothing_lost(&client).await;
    server.stop().await;
    place.check().await;
}
