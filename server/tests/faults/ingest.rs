//! Files that arrive by themselves, while those who write them are slow and those who fetch them are killed.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::{Client, PASSWORD, Place, Store};
use crate::waiting;

const SOURCES: &str = "/v1/admin/ingest/sources";

/// By when something has come about, on a slow machine.
const PATIENCE: Duration = Duration::from_mins(3);

const HEADER: &str = "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency";

/// A place with an admin `root` and sources, whose files are where others can share them.
async fn place(store: Store, sources: &[String]) -> Place {
    let place = Place::on(store, 1, 10).await;
    let add = "user add root --role admin --office NYC1A0001";
    let add: Vec<&str> = add.split(' ').collect();
    let made = place.run(&add, &format!("{PASSWORD}\n")).await;
    assert!(made.status.success(), "{made:?}");
    let files = format!("file://{}", place.data().join("shared").display());
    place.with("AIRSIDE_FILES_URL", files).with(
        "AIRSIDE_INGEST_SOURCES",
        format!("[{}]", sources.join(", ")),
    )
}

/// A source on a folder that is looked at each second.
fn source(name: &str, folder: &Path, more: &str) -> String {
    let folder = folder.display();
    format!("{{ name = \"{name}\", url = \"file://{folder}\", interval = 1{more} }}")
}

/// Rows of flights on a day of their own.
fn rows(day: u32, count: u32) -> String {
    let mut text = format!("{HEADER}\n");
    let day = jiff::civil::date(2099, 3, 1).saturating_add(jiff::Span::new().days(day));
    for number in 1..=count {
        let times = format!("{day}T08:00,{day}T11:00");
        writeln!(text, "UA,{number},JFK,LAX,{times},738,150,99.50,USD").unwrap();
    }
    text
}

async fn uploads(client: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = "/v1/admin/uploads?limit=100".to_owned();
    loop {
        let (status, page) = client.get(&path).await;
        assert_eq!(status, 200, "{page}");
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else {
            return all;
        };
        path = format!("/v1/admin/uploads?limit=100&cursor={cursor}");
    }
}

async fn source_named(client: &Client, name: &str) -> Value {
    let (status, list) = client.get(SOURCES).await;
    assert_eq!(status, 200, "{list}");
    let items = list["items"].as_array().unwrap();
    let found = items.iter().find(|source| source["name"] == name);
    found.cloned().unwrap_or(Value::Null)
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    waiting::until(PATIENCE, what, holds).await;
}

async fn change(client: &Client, name: &str, what: &str) -> Value {
    let path = format!("{SOURCES}/{name}/{what}");
    let answer = client
        .http
        .post(format!("{}{path}", client.base))
        .bearer_auth(&client.token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let entries = entries.map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let mut names: Vec<_> = files
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Puts a file there at once, as a careful sender does.
fn drop_into(folder: &Path, name: &str, text: &str) {
    let hidden = folder.join(format!(".{name}"));
    std::fs::write(&hidden, text).unwrap();
    std::fs::rename(hidden, folder.join(name)).unwrap();
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_slowly_is_taken_when_it_is_whole_and_its_flights_are_found(
    #[case] store: Store,
) {
    const ROWS: u32 = 40;
    let folder = tempfile::tempdir().unwrap();
    let drop = source(
        "drop",
        folder.path(),
        ", done = \"move\", pattern = \"*.csv\"",
    );
    let place = place(store, &[drop]).await;
    let server = place.start().await;
    let client = server.login("root").await;
    std::fs::write(folder.path().join("notes.txt"), "not for us").unwrap();

    // A row every 200 ms, each time opened anew, for eight seconds.
    let whole = folder.path().join("whole");
    std::fs::write(&whole, rows(0, ROWS)).unwrap();
    let script =
        "while IFS= read -r line; do printf '%s\\n' \"$line\" >>slow.csv; sleep 0.2; done <whole";
    let mut writer = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut waited = false;
    while writer.try_wait().unwrap().is_none() {
        let seen = uploads(&client).await;
        if writer.try_wait().unwrap().is_none() {
            assert_eq!(seen, [Value::Null; 0], "a part of it was taken");
            waited |= source_named(&client, "drop").await["files_waiting"] == 1;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(waited, "it was seen while it grew");

    until("it is moved", async || {
        names(folder.path()) == ["notes.txt", "whole"]
    })
    .await;
    let uploads = uploads(&client).await;
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0]["status"], "completed");
    assert_eq!(uploads[0]["created_by"], "ingest:drop");
    assert_eq!(uploads[0]["filename"], "slow.csv");
    assert_eq!(uploads[0]["rows_created"], ROWS);
    let moved = names(&folder.path().join("done"));
    let sha256 = uploads[0]["sha256"].as_str().unwrap();
    assert_eq!(moved, [format!("{}-slow.csv", &sha256[..12])]);
    let copy = std::fs::read_to_string(folder.path().join("done").join(&moved[0]));
    assert_eq!(copy.unwrap(), rows(0, ROWS));

    let path = "/v1/itineraries?origin=JFK&destination=LAX&date=2099-03-01&max_stops=0&limit=100";
    until("its flights are found", async || {
        let (_, found) = client.get(path).await;
        found["items"].as_array().map(Vec::len) == Some(ROWS as usize)
    })
    .await;
    let taken = "airside_ingest_files_taken_total";
    assert_eq!(client.figure(taken).await.as_deref(), Some("1"));
    let (_, log) = client.get("/v1/admin/audit?action=upload.received").await;
    assert_eq!(log["items"][0]["user"], "ingest:drop", "{log}");

    // The same once more is known and moved; another content under the same name is another file.
    drop_into(folder.path(), "slow.csv", &rows(0, ROWS));
    until("it is moved again", async || {
        source_named(&client, "drop").await["files_taken"] == 2
            && names(folder.path()) == ["notes.txt", "whole"]
    })
    .await;
    assert_eq!(self::uploads(&client).await.len(), 1);
    drop_into(folder.path(), "slow.csv", &rows(1, 3));
    until("the other one is moved", async || {
        names(&folder.path().join("done")).len() == 2
    })
    .await;
    let uploads = self::uploads(&client).await;
    assert_eq!(uploads.len(), 2);
    assert_eq!(uploads[0]["rows_created"], 3);
    server.stop().await;
}

/// Each file is in `done/` and nowhere else, and has one upload, which was completed.
async fn all_went_once(client: &Client, folder: &Path, files: usize) {
    let done = folder.join("done");
    until("all are moved", async || {
        names(folder).is_empty() && names(&done).len() == files
    })
    .await;
    let uploads = uploads(client).await;
    assert_eq!(uploads.len(), files);
    let contents: HashSet<&str> = uploads
        .iter()
        .map(|upload| upload["sha256"].as_str().unwrap())
        .collect();
    assert_eq!(contents.len(), files, "each once");
    assert!(uploads.iter().all(|upload| upload["status"] == "completed"));
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_fetches_may_be_killed_at_any_time(#[case] store: Store) {
    const FILES: u32 = 24;
    let folder = tempfile::tempdir().unwrap();
    let drop = source("drop", folder.path(), ", done = \"move\"");
    let place = place(store, &[drop]).await;
    let mut server = place.start().await;
    let mut client = server.login("root").await;
    for n in 0..FILES {
        drop_into(folder.path(), &format!("{n:02}.csv"), &rows(n, 400));
    }
    // After the first was taken, in the middle of those that follow, and while they are moved.
    for seen in [1, 5, 12, 18] {
        until("some were taken", async || {
            uploads(&client).await.len() >= seen
        })
        .await;
        server.kill().await;
        server = place.start().await;
        client = server.login("root").await;
    }
    for moved in [2, 9] {
        let done = folder.path().join("done");
        until("some were moved", async || names(&done).len() >= moved).await;
        server.kill().await;
        server = place.start().await;
        client = server.login("root").await;
    }
    all_went_once(&client, folder.path(), FILES as usize).await;
    let uploads = uploads(&client).await;
    let created: u64 = uploads
        .iter()
        .map(|u| u["rows_created"].as_u64().unwrap())
        .sum();
    assert_eq!(created, u64::from(FILES) * 400);
    server.stop().await;
    place.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_sources_and_one_goes_on_alone() {
    const FILES: u32 = 10;
    let folders: Vec<TempDir> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let sources: Vec<String> = folders
        .iter()
        .zip(0..)
        .map(|(folder, n)| source(&format!("s{n}"), folder.path(), ", done = \"delete\""))
        .collect();
    let place = place(Store::Postgres, &sources).await;
    let first = place.start().await;
    let other = place.beside();
    let second = other.start().await;
    let client = first.login("root").await;
    let mut day = 0;
    let mut drop_all = |round: u32| {
        for folder in &folders {
            for n in 0..FILES {
                drop_into(folder.path(), &format!("{round}-{n}.csv"), &rows(day, 5));
                day += 1;
            }
        }
    };
    let gone = || folders.iter().all(|folder| names(folder.path()).is_empty());
    drop_all(1);
    until("all are gone", async || gone()).await;
    let there = client.at(&second);
    let mut taken = 0;
    for client in [&client, &there] {
        let figure = client.figure("airside_ingest_files_taken_total").await;
        taken += figure.unwrap().parse::<usize>().unwrap();
    }
    let files = (FILES * 4) as usize;
    assert_eq!(taken, files, "each by one of them");
    assert_eq!(uploads(&client).await.len(), files);

    // One is killed with whatever it has in its hands, the other frozen and woken.
    drop_all(2);
    until("some were taken", async || {
        uploads(&there).await.len() > files + 5
    })
    .await;
    first.kill().await;
    until("all are gone", async || gone()).await;
    assert_eq!(uploads(&there).await.len(), 2 * files);
    let third = place.start().await;
    let client = third.login("root").await;
    drop_all(3);
    until("some were taken", async || {
        uploads(&client).await.len() > 2 * files + 5
    })
    .await;
    kill(second.pid(), Signal::SIGSTOP).unwrap();
    until("all are gone", async || gone()).await;
    kill(second.pid(), Signal::SIGCONT).unwrap();
    assert_eq!(uploads(&client).await.len(), 3 * files);
    third.stop().await;
    second.stop().await;
    place.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_source_backs_off_and_tells_why_while_another_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (good, missing) = (folder.path().join("good"), folder.path().join("missing"));
    std::fs::create_dir(&good).unwrap();
    let sources = [source("good", &good, ""), source("bad", &missing, "")];
    let place = place(Store::Sqlite, &sources).await;
    let server = place.start().await;
    let client = server.login("root").await;
    let pause = async || {
        let bad = source_named(&client, "bad").await;
        let at = |field: &str| -> Option<jiff::Timestamp> { bad[field].as_str()?.parse().ok() };
        Some(at("next_poll")?.duration_since(at("last_poll")?).as_secs())
    };
    until("it is left alone for longer", async || {
        pause().await >= Some(8)
    })
    .await;
    let bad = source_named(&client, "bad").await;
    assert_eq!(bad["state"], "failing");
    let error = bad["last_error"].as_str().unwrap();
    assert!(error.contains("missing: No such file"), "{error}");
    let failing = "airside_ingest_sources_failing";
    assert_eq!(client.figure(failing).await.as_deref(), Some("1"));
    assert!(!missing.exists(), "it is not made");

    // Meanwhile: a good file, and one after the other that cannot be taken, each told once.
    drop_into(&good, "a.csv", &rows(0, 3));
    drop_into(&good, "b.csv", "");
    drop_into(&good, "c.csv", "PK\u{3}\u{4} and so on");
    std::fs::write(good.join("d\u{1b}[31m.csv"), rows(1, 3)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", good.join("e.csv")).unwrap();
    until("the good one is taken", async || {
        let good = source_named(&client, "good").await;
        good["files_taken"] == 1 && good["files_refused"] == 3
    })
    .await;
    let seen = source_named(&client, "good").await;
    let error = seen["last_error"].as_str().unwrap();
    assert!(!error.contains('\u{1b}'), "{error:?}");
    assert_eq!(names(&good).len(), 4, "they stay");
    until("the good one is completed", async || {
        uploads(&client).await[0]["status"] == "completed"
    })
    .await;
    assert_eq!(uploads(&client).await.len(), 1);

    std::fs::create_dir(&missing).unwrap();
    drop_into(&missing, "f.csv", &rows(2, 3));
    change(&client, "bad", "poll").await;
    until("it works again", async || uploads(&client).await.len() == 2).await;
    assert_eq!(client.figure(failing).await.as_deref(), Some("0"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_wants_reaches_the_process_that_polls() {
    let folder = tempfile::tempdir().unwrap();
    let hourly = source("drop", folder.path(), "").replace("interval = 1", "interval = 3600");
    let place = place(Store::Postgres, &[hourly]).await;
    let place = place.with("AIRSIDE_ROLES", "auth,search,admin");
    let server = place.start().await;
    let client = server.login("root").await;
    let ingest = place.beside().with("AIRSIDE_ROLES", "ingest,worker");
    let keys = format!("http://{}/.well-known/jwks.json", server.address);
    let ingest = ingest.with("AIRSIDE_AUTH_JWKS_URL", keys).start().await;
    let state = async |wanted: &str| source_named(&client, "drop").await["state"] == wanted;
    until("it is known", async || state("idle").await).await;
    drop_into(folder.path(), "a.csv", &rows(0, 3));
    change(&client, "drop", "pause").await;
    assert!(state("paused").await);
    change(&client, "drop", "resume").await;
    until("it is seen", async || state("waiting").await).await;
    change(&client, "drop", "poll").await;
    until("it is taken", async || uploads(&client).await.len() == 1).await;
    until("nothing is left to be done", async || state("idle").await).await;
    let (_, log) = client.get("/v1/admin/audit?limit=100").await;
    let acts = log["items"].as_array().unwrap();
    let polled = acts
        .iter()
        .filter(|act| act["action"] == json!("ingest.polled"));
    assert_eq!(polled.count(), 1);
    ingest.stop().await;
    until("nobody has it", async || state("unattended").await).await;
    server.stop().await;
}

/// A source on a folder of a server that `scripts/services` runs, looked at each second.
fn on_server(scheme: &str, more: &str) -> (TempDir, String) {
    let told = |name: &str| std::env::var(name).expect("scripts/services runs an FTP server");
    let service = Path::new(&told("AIRSIDE_SERVICES")).join(scheme);
    let folder = tempfile::Builder::new()
        .prefix("in")
        .tempdir_in(service.join("files"));
    let folder = folder.unwrap();
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    let url = told(&format!("AIRSIDE_TEST_{}", scheme.to_uppercase()));
    let file = |name: &str| service.join(name).display().to_string();
    let files = match scheme {
        "ftps" => format!(", ca_file = \"{}\"", file("ca.pem")),
        "sftp" => format!(
            ", key_file = \"{}\", known_hosts_file = \"{}\"",
            file("key"),
            file("known_hosts")
        ),
        _ => String::new(),
    };
    let source =
        format!("{{ name = \"server\", url = \"{url}/{name}\", interval = 1{files}{more} }}");
    (folder, source)
}

#[rstest]
#[case("ftp")]
#[case("ftps")]
#[case("sftp")]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_on_a_server_is_taken_and_moved(#[case] scheme: &str) {
    let (folder, source) = on_server(scheme, ", done = \"move\"");
    let place = place(Store::Sqlite, std::slice::from_ref(&source)).await;
    let log = place.data().with_file_name("server.log");
    let script = format!("exec \"$@\" 2>{}", log.display());
    let wrapper = ["sh", "-c", &script, "sh", "env", "AIRSIDE_LOG_LEVEL=trace"];
    let server = place.start_through(&wrapper).await;
    let client = server.login("root").await;
    drop_into(folder.path(), "a.csv", &rows(0, 30));
    drop_into(folder.path(), "b.csv", &rows(1, 40));
    all_went_once(&client, folder.path(), 2).await;
    let seen = source_named(&client, "server").await;
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    let address = seen["address"].as_str().unwrap();
    assert!(
        address.starts_with(scheme) && address.ends_with(name),
        "{seen}"
    );
    server.stop().await;
    let log = std::fs::read_to_string(log).unwrap();
    if let Some((_, rest)) = source.split_once("airside:") {
        let password = rest.split_once('@').unwrap().0;
        assert!(!seen.to_string().contains(password), "{seen}");
        assert!(log.contains("suppaftp"), "the client does log");
        assert!(!log.contains(password), "its password stands in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_server_is_not_trusted_fails_and_takes_nothing() {
    let (ftps_folder, ftps) = on_server("ftps", "");
    let (sftp_folder, sftp) = on_server("sftp", "");
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    let no_hosts = elsewhere.path().display();
    let (ftps, _) = ftps.split_once(", ca_file").unwrap();
    let (sftp, _) = sftp.split_once("known_hosts_file").unwrap();
    let sources = [
        format!("{ftps} }}").replace("\"server\"", "\"ftps\""),
        format!("{sftp}known_hosts_file = \"{no_hosts}\" }}").replace("\"server\"", "\"sftp\""),
    ];
    let place = place(Store::Sqlite, &sources).await;
    let server = place.start().await;
    let client = server.login("root").await;
    for folder in [&ftps_folder, &sftp_folder] {
        drop_into(folder.path(), "a.csv", &rows(0, 3));
    }
    for (name, why) in [
        ("ftps", "invalid peer certificate: UnknownIssuer"),
        ("sftp", "the server's host key is not known"),
    ] {
        until("it fails", async || {
            source_named(&client, name).await["state"] == "failing"
        })
        .await;
        let seen = source_named(&client, name).await;
        let error = seen["last_error"].as_str().unwrap();
        assert!(error.contains(why), "{error}");
    }
    assert_eq!(uploads(&client).await, [Value::Null; 0]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_ssh_says_so() {
    let (_folder, source) = on_server("sftp", "");
    let place = place(Store::Sqlite, &[source]).await;
    let server = place.with("PATH", "/nowhere").start().await;
    let client = server.login("root").await;
    until("it fails", async || {
        source_named(&client, "server").await["state"] == "failing"
    })
    .await;
    let seen = source_named(&client, "server").await;
    let error = seen["last_error"].as_str().unwrap();
    assert!(error.contains("openssh-client"), "{error}");
    server.stop().await;
}
