//! A primary of Redis that dies or freezes, and the replica that a Sentinel promotes.

use std::time::Duration;

use rstest::rstest;

use crate::redis_pair::Pair;
use crate::redis_process::{Fault, PASSWORD, RedisProcess, Transport};
use crate::waiting::until;

/// A Sentinel on a busy machine distrusts its clock, and then does nothing for 30 seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// Whether a server says this of its part. A Sentinel ends all connections to one whose part it changes.
async fn is(server: &RedisProcess, line: &str) -> bool {
    let said: Result<String, _> = server.ask(&["INFO", "replication"]).await;
    said.is_ok_and(|said| said.lines().any(|said| said == line))
}

/// A primary, its replica, and the Sentinel that knows them.
pub(crate) async fn watched(transport: &Transport) -> [RedisProcess; 3] {
    let primary = RedisProcess::start("", transport).await;
    let follow = format!("replicaof 127.0.0.1 {}", primary.port);
    let replica = RedisProcess::start(&follow, transport).await;
    until(PATIENCE, "the replica follows", async || {
        is(&replica, "master_link_status:up").await
    })
    .await;
    let sentinel = RedisProcess::sentinel(&primary).await;
    until(PATIENCE, "the Sentinel knows the replica", async || {
        let known: Vec<::redis::Value> = sentinel
            .ask(&["SENTINEL", "REPLICAS", "main"])
            .await
            .unwrap();
        !known.is_empty()
    })
    .await;
    [primary, replica, sentinel]
}

pub(crate) fn url(sentinel: &RedisProcess, transport: &Transport) -> String {
    let (scheme, port) = (transport.scheme(), sentinel.port);
    format!("{scheme}+sentinel://:{PASSWORD}@127.0.0.1:{port}/main?sentinel_password={PASSWORD}")
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn servers_go_over_to_the_replica_that_is_promoted(
    #[values(Fault::Killed, Fault::Frozen)] fault: Fault,
    #[values(Transport::Plain, Transport::tls())] transport: Transport,
) {
    let [mut primary, replica, sentinel] = watched(&transport).await;
    let mut pair = Pair::trusting(&url(&sentinel, &transport), transport.authorities()).await;
    pair.redis_is("ok").await;
    pair.share().await;
    assert_eq!(pair.failures("nobody").await, 5);

    primary.suffer(fault);
    // Some of it before the servers have noticed.
    pair.sell().await;
    let passed = pair.failures("anybody").await;
    // Each process lets five through, and never more.
    assert!((5..=10).contains(&passed), "{passed}");
    until(PATIENCE, "the replica is promoted", async || {
        is(&replica, "role:master").await
    })
    .await;
    pair.sell().await;
    let all = [
        "airside-cache",
        "airside-cache",
        "airside-logins",
        "airside-logins",
    ];
    until(PATIENCE, "both servers are there", async || {
        replica.connections().await == all
    })
    .await;
    pair.redis_is("ok").await;
    pair.share().await;
    assert_eq!(pair.failures("somebody").await, 5);

    // The old one comes back, and is told to follow.
    primary.recover(fault).await;
    until(PATIENCE, "the old primary follows", async || {
        is(&primary, "role:slave").await
    })
    .await;
    pair.sell().await;
    pair.redis_is("ok").await;
    pair.stop().await;
}
