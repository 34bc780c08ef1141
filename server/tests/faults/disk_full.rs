//! A disk without room: a limit on the size of files, which the system enforces like a full disk; under PostgreSQL, which has
//! files of a fixed size that are there before they are needed, a disk on which no file can grow.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use nix::sys::resource::{Resource, getrlimit};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::preload;
use crate::process::{Client, Place};
use crate::storm::Storm;

/// Room for the database and some bookings; SQLite's log reaches it before it is folded back.
const ROOM: u64 = 2 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_answers_reads_and_breaks_nothing() {
    let place = Place::new(10, 900).await;
    let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    let limit = format!("--fsize={ROOM}:{}", unlimited(most));
    // Without the signal a write that goes too far is an error, as on a full disk.
    let wrapper = [
        "sh",
        "-c",
        "trap '' XFSZ; exec prlimit \"$@\"",
        "sh",
        &limit,
    ];
    let server = place.start_through(&wrapper).await;
    let client = server.login("ada").await;

    let mut booked = Booked::default();
    booked.until_full(&client).await;

    // Somebody makes room.
    let freed = Command::new("prlimit")
        .arg(format!("--pid={}", server.pid()))
        .arg(format!("--fsize={0}:{0}", unlimited(most)))
        .status()
        .await
        .unwrap();
    assert!(freed.success());
    booked.goes_on(&client).await;
    server.stop().await;
    place.check().await;
}

fn unlimited(most: u64) -> String {
    if most == nix::libc::RLIM_INFINITY {
        "unlimited".to_owned()
    } else {
        most.to_string()
    }
}

/// What became of bookings on a disk that had room for some.
#[derive(Default)]
struct Booked {
    /// Keys with their locators.
    made: BTreeMap<String, String>,
    /// Keys with their statuses.
    refused: BTreeMap<String, u16>,
}

impl Booked {
    async fn book(&mut self, client: &Client) {
        let n = self.made.len() + self.refused.len();
        let key = format!("key-{n}");
        let (status, body) = client.book(&key, &client.body(n)).await.unwrap();
        match status.as_u16() {
            201 => {
                let locator = body["locator"].as_str().unwrap().to_owned();
                self.made.insert(key, locator);
            }
            status @ (503 | 507) => {
                self.refused.insert(key, status);
            }
            other => panic!("{other}: {body}"),
        }
    }

    /// Books until 20 are refused, and looks for those that were made.
    async fn until_full(&mut self, client: &Client) {
        for _ in 0..5_000 {
            self.book(client).await;
            if self.refused.len() == 20 {
                break;
            }
        }
        assert!(!self.made.is_empty(), "there was room for some");
        assert!(
            self.refused.values().any(|status| *status == 507),
            "{:?}",
            self.refused
        );
        for locator in self.made.values() {
            let (status, _) = client.get(&format!("/v1/bookings/{locator}")).await;
            assert_eq!(status, 200, "reads work");
        }
    }

    /// Once there is room, those that were refused are made, and those that were made are as they were.
    async fn goes_on(&self, client: &Client) {
        let again = async |key: &str| {
            let n: usize = key.rsplit('-').next().unwrap().parse().unwrap();
            client.book(key, &client.body(n)).await.unwrap()
        };
        for key in self.refused.keys() {
            let (status, body) = again(key).await;
            assert_eq!(status, 201, "{body}");
        }
        for (key, locator) in &self.made {
            let (_, body) = again(key).await;
            assert_eq!(body["locator"], locator.as_str());
        }
    }
}

/// PostgreSQL on a disk that has room, or none.
struct Disk {
    postgres: Cluster,
    folder: TempDir,
}

impl Disk {
    async fn with_postgres() -> Self {
        let folder = TempDir::new().unwrap();
        // PostgreSQL does not run as root, but as somebody else.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        preload::build("full_disk", folder.path()).await;
        let path = folder.path().display();
        let environment = [
            ("LD_PRELOAD", format!("{path}/full_disk.so")),
            ("FULL_DISK", format!("{path}/full")),
        ];
        let postgres = Cluster::start_in(&environment, 0).await;
        Self { postgres, folder }
    }

    async fn place(&self) -> Place {
        let address = self.postgres.address("postgres").to_owned();
        Place::on_server(address, 20, 900).await
    }

    /// There is no room any more where some of PostgreSQL's files are.
    fn is_full(&self, part: &str) {
        std::fs::write(self.folder.path().join("full"), part).unwrap();
    }

    fn has_room(&self) {
        std::fs::remove_file(self.folder.path().join("full")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_postgresql_without_room_refuse_writes_and_are_read() {
    let disk = Disk::with_postgres().await;
    let place = disk.place().await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let mut booked = Booked::default();
    for _ in 0..20 {
        booked.book(&client).await;
    }
    disk.is_full("/base/");
    booked.until_full(&client).await;
    disk.has_room();
    booked.goes_on(&client).await;
    server.stop().await;
    place.check().await;

    // What is on the disk is whole, too.
    disk.postgres.kill("postgres").await;
    disk.postgres.again("postgres").await;
    let server = place.start().await;
    booked.goes_on(&server.login("ada").await).await;
    server.stop().await;
    place.check().await;
}

/// PostgreSQL itself goes down where it cannot write its log, and stays so until there is room and somebody starts it.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_postgresql_without_room_loses_nothing() {
    let disk = Disk::with_postgres().await;
    let postgres = &disk.postgres;
    let place = disk.place().await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let storm = Storm::of(&client);
    storm.makes(100).await;

    // The log goes on in a file that is not there yet.
    let mut connection = PgConnection::connect(postgres.address("postgres"))
        .await
        .unwrap();
    disk.is_full("/pg_wal/");
    let switch = sqlx::raw_sql("SELECT pg_switch_wal()");
    // It may be what finds no room.
    let _ = switch.execute(&mut connection).await;
    postgres.ended("postgres").await;
    storm.is_refused(16).await;
    let (status, problem) = client.get("/v1/bookings").await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (503, &"unavailable".into())
    );

    disk.has_room();
    postgres.again("postgres").await;
    storm.makes(100).await;
    storm.ends_with_nothing_lost(&client).await;
    server.stop().await;
    place.check().await;
}
