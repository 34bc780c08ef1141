//! TLS to Redis: who it is must be proven, and nobody else hears anything.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::certificates::Certificates;
use crate::process::Place;
use crate::redis_pair::{Pair, SOON};
use crate::redis_process::{PASSWORD, RedisProcess, Transport};
use crate::waiting::until;
use crate::{redis_cluster, redis_sentinel};

/// A way to a server on which it is heard what clients say.
struct Wire {
    port: u16,
    /// What was said on each connection.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Wire {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        Self {
            port: listener.local_addr().unwrap().port(),
            heard: Arc::clone(&heard),
            task: tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(pass(client, port, Arc::clone(&heard)));
                }
            }),
        }
    }

    /// Fails unless each connection begins as one by TLS does, and nothing on any can be read.
    fn heard_nothing(&self) {
        let heard = self.heard.lock();
        assert!(!heard.is_empty(), "nobody came");
        for said in heard.iter() {
            let text = String::from_utf8_lossy(said);
            assert_eq!(said.first(), Some(&HANDSHAKE), "{text}");
            for word in [PASSWORD, "AUTH", "HELLO", "airside"] {
                assert!(!text.contains(word), "{text}");
            }
        }
    }
}

/// What the first record of TLS begins with (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, port: u16, heard: Arc<Mutex<Vec<Vec<u8>>>>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut said = [0; 4096];
    let mut number = None;
    while let Ok(length @ 1..) = from_client.read(&mut said).await {
        {
            let mut heard = heard.lock();
            let number = *number.get_or_insert_with(|| {
                heard.push(Vec::new());
                heard.len() - 1
            });
            heard[number].extend_from_slice(&said[..length]);
        }
        if to_server.write_all(&said[..length]).await.is_err() {
            return;
        }
    }
}

fn certificates(transport: &Transport) -> &Certificates {
    match transport {
        Transport::Tls(certificates) => certificates,
        Transport::Plain => panic!("without TLS"),
    }
}

/// Two servers go on without this Redis, and say why.
async fn is_refused(url: &str, authorities: &Path, because: &str) {
    let mut pair = Pair::trusting(url, authorities).await;
    pair.redis_is("does not answer").await;
    let said = format!("invalid peer certificate: {because}");
    until(SOON, &said, async || pair.logged(&said) > 0).await;
    pair.sell().await;
    // Each process lets five through, and never more.
    assert_eq!(pair.failures("nobody").await, 10);
    pair.redis_is("does not answer").await;
    assert_eq!(pair.logged("Redis answers again"), 0);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_share_redis_over_tls() {
    let transport = Transport::tls();
    let redis = RedisProcess::start("", &transport).await;
    let wire = Wire::to(redis.port).await;
    let url = format!("rediss://:{PASSWORD}@127.0.0.1:{}", wire.port);
    let mut pair = Pair::trusting(&url, transport.authorities()).await;
    pair.redis_is("ok").await;
    let both = [
        "airside-cache",
        "airside-cache",
        "airside-logins",
        "airside-logins",
    ];
    assert_eq!(redis.connections().await, both);
    pair.share().await;
    assert_eq!(pair.failures("nobody").await, 5);
    pair.stop().await;
    wire.heard_nothing();
}

#[rstest]
#[case::by_nobody_who_is_trusted("127.0.0.1", Trusted::Other, SAME_NAME)]
#[case::by_nobody_of_the_web("127.0.0.1", Trusted::OfTheWeb, "UnknownIssuer")]
#[case::for_another_name("localhost", Trusted::Ours, "certificate not valid for name")]
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_proves_nothing_is_refused(
    #[case] host: &str,
    #[case] trusted: Trusted,
    #[case] because: &str,
) {
    let transport = Transport::tls();
    let redis = RedisProcess::start("", &transport).await;
    let wire = Wire::to(redis.port).await;
    let authorities = match trusted {
        Trusted::Ours => &certificates(&transport).ours,
        Trusted::Other => &certificates(&transport).other,
        Trusted::OfTheWeb => Path::new(""),
    };
    let url = format!("rediss://:{PASSWORD}@{host}:{}", wire.port);
    is_refused(&url, authorities, because).await;
    assert_eq!(redis.connections().await, [""; 0]);
    wire.heard_nothing();
}

/// What is said of a certificate whose authority has the name of one that is trusted, and another key.
const SAME_NAME: &str = "BadSignature";

/// Whose word a server takes.
#[derive(Debug, Clone, Copy)]
enum Trusted {
    Ours,
    Other,
    OfTheWeb,
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_a_cluster_prove_who_they_are_too() {
    let transport = Transport::tls();
    let other = &certificates(&transport).other;
    let [_primary, _replica, sentinel] = redis_sentinel::watched(&transport).await;
    let url = redis_sentinel::url(&sentinel, &transport);
    is_refused(&url, other, SAME_NAME).await;
    let nodes = redis_cluster::cluster(&transport).await;
    let url = redis_cluster::url(&nodes, &transport);
    is_refused(&url, other, SAME_NAME).await;
}

/// Whoever answers in plain is not asked in plain.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_tls_hears_no_password() {
    let redis = RedisProcess::start("", &Transport::Plain).await;
    let wire = Wire::to(redis.port).await;
    let url = format!("rediss://:{PASSWORD}@127.0.0.1:{}", wire.port);
    let mut pair = Pair::start(&url).await;
    pair.redis_is("does not answer").await;
    pair.sell().await;
    assert_eq!(pair.failures("nobody").await, 10);
    pair.redis_is("does not answer").await;
    pair.stop().await;
    wire.heard_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_certificates_that_is_of_no_use_is_named_at_the_start() {
    let certificates = Certificates::new();
    for (url, file, said) in [
        (
            "rediss://h",
            "/nowhere/ca.pem",
            "/nowhere/ca.pem: No such file",
        ),
        (
            "rediss://h",
            "/dev/null",
            "/dev/null: it has no certificate",
        ),
        (
            "redis://h",
            certificates.ours.to_str().unwrap(),
            "redis.url: where redis.ca_file is set it begins with rediss",
        ),
    ] {
        let place = Place::empty();
        let place = place
            .with("AIRSIDE_REDIS_URL", url)
            .with("AIRSIDE_REDIS_CA_FILE", file);
        let output = place.run(&["run", "--listen", "127.0.0.1:0"], "").await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{error}");
        assert!(error.contains(said), "{error}");
    }
}
