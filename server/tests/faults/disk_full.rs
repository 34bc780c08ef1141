//! A disk without room: a limit on the size of files, which the system enforces like a full disk.

use std::collections::BTreeMap;

use nix::sys::resource::{Resource, getrlimit};
use tokio::process::Command;

use crate::process::Place;

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

    let mut made = BTreeMap::new();
    let mut refused = Vec::new();
    for n in 0..5_000 {
        let key = format!("key-{n}");
        let (status, body) = client.book(&key, &client.body(n)).await.unwrap();
        match status.as_u16() {
            201 => {
                made.insert(key, body["locator"].as_str().unwrap().to_owned());
            }
            503 | 507 => refused.push((key, status.as_u16())),
            other => panic!("{other}: {body}"),
        }
        if refused.len() == 20 {
            break;
        }
    }
    assert!(!made.is_empty(), "there was room for some");
    assert!(
        refused.iter().any(|(_, status)| *status == 507),
        "{refused:?}"
    );
    for locator in made.values() {
        let (status, _) = client.get(&format!("/v1/bookings/{locator}")).await;
        assert_eq!(status, 200, "reads work");
    }

    // Somebody makes room.
    let freed = Command::new("prlimit")
        .arg(format!("--pid={}", server.pid()))
        .arg(format!("--fsize={0}:{0}", unlimited(most)))
        .status()
        .await
        .unwrap();
    assert!(freed.success());
    for (key, _) in &refused {
        let n: usize = key.rsplit('-').next().unwrap().parse().unwrap();
        let (status, body) = client.book(key, &client.body(n)).await.unwrap();
        assert_eq!(status, 201, "{body}");
    }
    for (key, locator) in &made {
        let n: usize = key.rsplit('-').next().unwrap().parse().unwrap();
        let (_, body) = client.book(key, &client.body(n)).await.unwrap();
        assert_eq!(body["locator"], locator.as_str());
    }
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
