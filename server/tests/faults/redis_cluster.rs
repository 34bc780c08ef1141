//! A Cluster of Redis, of which the node dies or freezes that has the keys.

use std::time::Duration;

use rstest::rstest;
use tokio::process::Command;

use crate::redis_pair::{Pair, SEATS};
use crate::redis_process::{Fault, PASSWORD, RedisProcess, Transport};
use crate::waiting::until;

const PATIENCE: Duration = Duration::from_mins(1);

/// Three nodes that have a third of all keys each.
pub(crate) async fn cluster(transport: &Transport) -> Vec<RedisProcess> {
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let lines = "cluster-enabled yes\ncluster-node-timeout 1000";
        nodes.push(RedisProcess::start(lines, transport).await);
    }
    let mut create = Command::new("redis-cli");
    if let Transport::Tls(certificates) = transport {
        create.args(["--tls", "--cacert"]).arg(&certificates.ours);
    }
    let made = create
        .args(["--cluster", "create"])
        .args(addresses(&nodes))
        .arg("--cluster-yes")
        .env("REDISCLI_AUTH", PASSWORD)
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    until(PATIENCE, "the Cluster is one", async || {
        for node in &nodes {
            let info: String = node.ask(&["CLUSTER", "INFO"]).await.unwrap();
            if !info.contains("cluster_state:ok") {
                return false;
            }
        }
        true
    })
    .await;
    nodes
}

fn addresses(nodes: &[RedisProcess]) -> Vec<String> {
    let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
    addresses.collect()
}

pub(crate) fn url(nodes: &[RedisProcess], transport: &Transport) -> String {
    let (scheme, nodes) = (transport.scheme(), addresses(nodes).join(","));
    format!("{scheme}+cluster://:{PASSWORD}@{nodes}")
}

/// The node that has the keys: all of them, since they have one hash tag.
async fn owner(nodes: &[RedisProcess]) -> usize {
    let mut owners = Vec::new();
    for (n, node) in nodes.iter().enumerate() {
        if node.ask::<u64>(&["DBSIZE"]).await.unwrap() > 0 {
            owners.push(n);
        }
    }
    let [owner] = owners[..] else {
        panic!("one node has all keys: {owners:?}")
    };
    owner
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn servers_go_on_without_the_node_that_has_their_keys_and_with_it_again(
    #[values(Fault::Killed, Fault::Frozen)] fault: Fault,
    #[values(Transport::Plain, Transport::tls())] transport: Transport,
) {
    let mut nodes = cluster(&transport).await;
    let mut pair = Pair::trusting(&url(&nodes, &transport), transport.authorities()).await;
    pair.redis_is("ok").await;
    pair.share().await;
    assert_eq!(pair.failures("nobody").await, 5);

    let owner = owner(&nodes).await;
    nodes[owner].suffer(fault);
    // Some of it before the servers have noticed.
    pair.sell().await;
    // Each process lets five through, and never more.
    assert_eq!(pair.failures("anybody").await, 10);
    pair.redis_is("does not answer").await;
    pair.sell().await;
    pair.servers[0].login("eve").await;

    nodes[owner].recover(fault).await;
    pair.redis_is("ok").await;
    // Nothing of before is found.
    for (n, client) in pair.clients.iter().enumerate() {
        assert_eq!(pair.seats(client).await, SEATS - pair.booked, "server {n}");
    }
    pair.share().await;
    assert_eq!(pair.failures("somebody").await, 5);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forgotten_stays_so_when_the_node_starts_from_old_data() {
    let mut nodes = cluster(&Transport::Plain).await;
    let mut pair = Pair::start(&url(&nodes, &Transport::Plain)).await;
    pair.redis_is("ok").await;
    // One that looks for nothing until the end, and so asks Redis first then.
    let third = pair.place.beside();
    let server = third.start().await;
    let client = server.login("ada").await;
    pair.share().await;
    let owner = owner(&nodes).await;
    nodes[owner].ask::<()>(&["SAVE"]).await.unwrap();
    pair.sell().await;
    nodes[owner].suffer(Fault::Killed);
    pair.redis_is("does not answer").await;
    nodes[owner].recover(Fault::Killed).await;
    pair.redis_is("ok").await;
    until(PATIENCE, "the third finds Redis", async || {
        client.get("/readyz").await.1["redis"] == "ok"
    })
    .await;
    assert_eq!(pair.seats(&client).await, SEATS - pair.booked);
    server.stop().await;
    pair.stop().await;
}
