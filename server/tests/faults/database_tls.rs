//! TLS to PostgreSQL: who it is must be proven, and nobody else is spoken to.

use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::Path;

use serde_json::Value;
use sqlx::{Connection, PgConnection};

use crate::certificates::Certificates;
use crate::cluster::Cluster;
use crate::process::Place;

/// Writes a file that only the user of a folder may read.
fn write_private(path: &Path, text: &str, folder: &Path) {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let owner = folder.metadata().unwrap();
    chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
}

/// Has a server speak TLS as `127.0.0.1`, by the word of our authority.
async fn certify(cluster: &Cluster, certificates: &Certificates) {
    let folder = cluster.folder().join("postgres");
    let read = |file: &Path| std::fs::read_to_string(file).unwrap();
    write_private(
        &folder.join("server.crt"),
        &read(&certificates.server),
        &folder,
    );
    write_private(
        &folder.join("server.key"),
        &read(&certificates.key),
        &folder,
    );
    let on = "ALTER SYSTEM SET ssl = on";
    cluster.execute("postgres", on).await;
    cluster.execute("postgres", "SELECT pg_reload_conf()").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_must_prove_who_it_is() {
    let cluster = Cluster::start(0).await;
    let certificates = Certificates::new();
    certify(&cluster, &certificates).await;
    let (ours, other) = (&certificates.ours, &certificates.other);

    let place = Place::empty_on_server(cluster.address("postgres").to_owned()).await;
    let plain = place.database();
    let verified = |host: &str, mode: &str, root: &Path| {
        let address = plain.replace("@127.0.0.1:", &format!("@{host}:"));
        format!("{address}?sslmode={mode}&sslrootcert={}", root.display())
    };
    let database = verified("127.0.0.1", "verify-full", ours);
    let place = place.with("AIRSIDE_DATABASE_URL", database);
    let place = place.furnished(2, 10).await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let made = client.book("one", &client.body(0)).await.unwrap();
    assert_eq!(made.0, 201, "{}", made.1);
    let (_, page): (_, Value) = client.get("/v1/bookings").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let mut looking = PgConnection::connect(&plain).await.unwrap();
    let (all, with_tls): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl
         JOIN pg_stat_activity USING (pid) WHERE application_name = 'airside-server'",
    )
    .fetch_one(&mut looking)
    .await
    .unwrap();
    looking.close().await.unwrap();
    assert!(all > 1 && with_tls == all, "{with_tls} of {all}");
    server.stop().await;

    for (host, mode, root, taken) in [
        ("127.0.0.1", "verify-full", other, false),
        ("127.0.0.1", "verify-ca", other, false),
        ("localhost", "verify-full", ours, false),
        ("localhost", "verify-ca", ours, true),
    ] {
        let other = place.beside();
        let other = other.with("AIRSIDE_DATABASE_URL", verified(host, mode, root));
        let output = other.run(&["check"], "").await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), taken, "{host} {mode}: {said}");
        assert!(taken || said.contains("certificate"), "{said}");
    }
}
