//! A disk that takes the commit and does not say whether it will keep it; a database that is not heard of after it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use rstest::rstest;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::line::{Line, Lost};
use crate::preload;
use crate::process::{Client, Place, Store};

/// What whoever books is told.
const SAID: &str = "the outcome is not known; send the same key again";

/// A disk whose `fsync` fails on demand.
struct Disk {
    folder: TempDir,
}

impl Disk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        preload::build("failing_sync", folder.path()).await;
        Self { folder }
    }

    /// What a server on this disk is started through.
    fn wrapper(&self) -> [String; 3] {
        let path = self.folder.path().display();
        [
            "env".to_owned(),
            format!("LD_PRELOAD={path}/failing_sync.so"),
            format!("FAILING_SYNC={path}/failing"),
        ]
    }

    fn fail(&self) {
        std::fs::write(self.folder.path().join("failing"), "").unwrap();
    }

    fn mend(&self) {
        std::fs::remove_file(self.folder.path().join("failing")).unwrap();
    }
}

/// Books with keys of a name, all at once; answers the statuses with locators or texts.
async fn book(client: &Client, name: &str) -> Vec<(u16, String)> {
    let keys: Vec<String> = (0..20).map(|n| format!("{name}-{n}")).collect();
    let body = client.body(0);
    let answers = join_all(keys.iter().map(|key| client.book(key, &body))).await;
    let word = |body: &serde_json::Value| {
        let word = body["locator"].as_str().or(body["detail"].as_str());
        word.unwrap().to_owned()
    };
    answers
        .into_iter()
        .map(Option::unwrap)
        .map(|(status, body)| (status.as_u16(), word(&body)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_a_wrong_outcome_and_the_same_keys_have_one() {
    let place = Place::new(1, 900).await;
    let disk = Disk::new().await;
    let wrapper = disk.wrapper();
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let server = place.start_through(&wrapper).await;
    let client = server.login("ada").await;
    let before = book(&client, "before").await;
    assert!(
        before.iter().all(|(status, _)| *status == 201),
        "{before:?}"
    );

    // The server lives on.
    disk.fail();
    let unknown = (503, SAID.to_owned());
    let failed = book(&client, "first").await;
    assert!(failed.iter().all(|answer| *answer == unknown), "{failed:?}");
    let (status, _) = client.get("/v1/bookings").await;
    assert_eq!(status, 200, "reads work");
    disk.mend();
    let mended = book(&client, "first").await;
    assert!(
        mended.iter().all(|(status, _)| *status == 201),
        "{mended:?}"
    );
    assert_eq!(book(&client, "first").await, mended, "one outcome a key");

    // The server dies before it knows: what the disk kept is found by the next one.
    disk.fail();
    let failed = book(&client, "second").await;
    assert!(failed.iter().all(|answer| *answer == unknown), "{failed:?}");
    server.kill().await;
    disk.mend();
    let server = place.start().await;
    let client = server.login("ada").await;
    let mut found = Vec::new();
    for n in 0..20 {
        let path = format!("/v1/bookings?operation=second-{n}");
        let (_, page) = client.get(&path).await;
        let locator = page["items"][0]["locator"].as_str().map(str::to_owned);
        found.push(locator);
    }
    let again = book(&client, "second").await;
    for (kept, (status, locator)) in found.iter().zip(&again) {
        assert_eq!(*status, 201);
        assert!(kept.as_ref().is_none_or(|kept| kept == locator));
    }
    let all: BTreeSet<&String> = [&before, &mended, &again]
        .into_iter()
        .flatten()
        .map(|(_, locator)| locator)
        .collect();
    assert_eq!(all.len(), 60, "a booking for each key");
    server.stop().await;
    place.check().await;
}

/// The bookings of 20 keys of a name, as the database has them.
async fn kept(database: &str, name: &str) -> Vec<Option<String>> {
    let mut connection = PgConnection::connect(database).await.unwrap();
    let kept = sqlx::query_scalar(
        "SELECT (SELECT locator FROM bookings WHERE operation = $1 || '-' || n)
         FROM generate_series(0, 19) AS n ORDER BY n",
    )
    .bind(name)
    .fetch_all(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    kept
}

/// Sends 20 keys of a name until none is held by a transaction any more that the database was ending.
async fn book_in_the_end(client: &Client, name: &str) -> Vec<(u16, String)> {
    let ended = async {
        loop {
            let answers = book(client, name).await;
            if answers.iter().all(|(status, _)| *status != 409) {
                return answers;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), ended)
        .await
        .expect("no key is in progress for ever")
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_at_the_commit_doubles_nothing_and_the_same_keys_have_one_outcome(
    #[values(Lost::Commit, Lost::Answer)] lost: Lost,
) {
    let place = Place::on(Store::Postgres, 1, 900).await;
    let database = place.database();
    let line = Line::to(&database).await;
    let place = place.with("AIRSIDE_DATABASE_URL", &line.url);
    let server = place.start().await;
    let client = server.login("ada").await;
    let unknown = (503, SAID.to_owned());

    // The server lives on.
    line.cut(lost);
    let failed = book(&client, "first").await;
    assert!(failed.iter().all(|answer| *answer == unknown), "{failed:?}");
    let (status, _) = client.get("/v1/bookings").await;
    assert_eq!(status, 200, "reads work");
    let first = kept(&database, "first").await;
    line.mend();
    let again = book_in_the_end(&client, "first").await;
    are_those(&first, &again, lost);
    assert_eq!(book(&client, "first").await, again, "one outcome a key");

    // The server dies before it knows, and the next one is asked.
    line.cut(lost);
    let failed = book(&client, "second").await;
    assert!(failed.iter().all(|answer| *answer == unknown), "{failed:?}");
    server.kill().await;
    line.mend();
    let second = kept(&database, "second").await;
    let server = place.start().await;
    let client = server.login("ada").await;
    let again = book_in_the_end(&client, "second").await;
    are_those(&second, &again, lost);

    let mut connection = PgConnection::connect(&database).await.unwrap();
    let bookings: i64 = sqlx::query_scalar("SELECT count(*) FROM bookings")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    assert_eq!(bookings, 40, "a booking for each key");
    server.stop().await;
    place.check().await;
}

/// Fails where keys are not answered with what their lost transactions had made; nothing, if the commit itself was lost.
fn are_those(kept: &[Option<String>], answers: &[(u16, String)], lost: Lost) {
    for (kept, (status, locator)) in kept.iter().zip(answers) {
        assert_eq!(*status, 201, "{locator}");
        match lost {
            Lost::Commit => assert_eq!(*kept, None),
            Lost::Answer => assert_eq!(kept.as_ref(), Some(locator)),
        }
    }
}
