//! Who may use RabbitMQ, and who it is: what is wrong is told, without passwords.

use std::time::Duration;

use tempfile::NamedTempFile;

use crate::broker::Broker;
use crate::certificates::Certificates;
use crate::process::{Place, Store};
use crate::waiting::until;

const SOON: Duration = Duration::from_secs(30);
const SECRET: &str = "sesame-of-tests";

/// Has a server use the broker at an address until it says how that is; answers what it has logged by then.
async fn tried(place: Place, url: &str, ready: &str) -> String {
    let place = place.with("AIRSIDE_AMQP_URL", url);
    let log = NamedTempFile::new().unwrap();
    let to_log = format!("exec \"$0\" \"$@\" 2>>'{}'", log.path().display());
    let server = place.start_through(&["sh", "-c", &to_log]).await;
    let client = server.login("ada").await;
    let (status, booking) = client.book("key", &client.body(0)).await.unwrap();
    assert_eq!(status, 201, "{booking}");
    until(SOON, &format!("RabbitMQ is {ready}"), async || {
        client.get("/readyz").await.1["rabbitmq"] == ready
    })
    .await;
    let depth = async || {
        let depth = client.figure("airside_outbox_depth").await.unwrap();
        depth.parse::<u32>().unwrap()
    };
    if ready == "ok" {
        until(SOON, "the outbox is empty", async || depth().await == 0).await;
    } else {
        assert!(depth().await > 0, "its events wait");
        until(SOON, "it is told", async || {
            let log = std::fs::read_to_string(log.path()).unwrap();
            log.contains("events wait to be relayed")
        })
        .await;
    }
    server.stop().await;
    std::fs::read_to_string(log.path()).unwrap()
}

async fn place() -> Place {
    Place::on(Store::Postgres, 1, 60).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_is_told_of_without_the_password() {
    let broker = Broker::start().await;
    broker.control(&["add_user", "limited", SECRET]).await;
    broker
        .control(&["set_permissions", "limited", "^$", "^$", ".*"])
        .await;
    for (user, said) in [
        (format!("airside:{SECRET}"), "ACCESS_REFUSED"),
        (format!("limited:{SECRET}"), "airside.events"),
    ] {
        let url = Broker::address("amqp", &user, "127.0.0.1", broker.port());
        let log = tried(
            place().await.with("AIRSIDE_LOG_LEVEL", "trace"),
            &url,
            "does not answer",
        )
        .await;
        assert!(log.contains(said), "{log}");
        assert!(!log.contains(SECRET), "a password is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_must_prove_who_it_is() {
    let broker = Broker::start().await;
    let certificates = Certificates::new();
    let (ours, other) = (&certificates.ours, &certificates.other);
    let port = broker
        .certify(ours, &certificates.server, &certificates.key)
        .await;
    for (host, root, ready) in [
        ("127.0.0.1", Some(ours), "ok"),
        ("127.0.0.1", Some(other), "does not answer"),
        ("127.0.0.1", None, "does not answer"),
        ("localhost", Some(ours), "does not answer"),
    ] {
        let url = Broker::address("amqps", broker.user(), host, port);
        let place = place().await;
        let place = match root {
            Some(root) => place.with("AIRSIDE_AMQP_CA_FILE", root.display().to_string()),
            None => place,
        };
        let log = tried(place, &url, ready).await;
        assert!(
            ready == "ok" || log.contains("certificate"),
            "{host}: {log}"
        );
        let (_, password) = broker.user().split_once(':').unwrap();
        assert!(!log.contains(password), "a password is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_none_keep_the_server_from_starting() {
    let place = Place::empty().with("AIRSIDE_AMQP_URL", "amqps://127.0.0.1:1/%2f");
    let place = place.with("AIRSIDE_AMQP_CA_FILE", "/nowhere/ca.pem");
    let output = place.run(&["run", "--listen", "127.0.0.1:0"], "").await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        said.contains("amqp.ca_file") && said.contains("/nowhere/ca.pem"),
        "{said}"
    );
}
