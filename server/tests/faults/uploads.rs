//! Uploads whose workers are killed, frozen, stopped and cut off in the middle of a file.

use std::fmt::Write;
use std::time::Duration;

use jiff::civil::date;
use nix::sys::signal::{Signal, kill};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::events::Stream;
use crate::process::{Client, PASSWORD, Place, Store};
use crate::waiting;

const UPLOADS: &str = "/v1/admin/uploads";

/// By when a file has been dealt with, on a slow machine.
const PATIENCE: Duration = Duration::from_mins(10);

/// Flights of a day: numbers 1 to 9999.
const DAY: u32 = 9_999;

/// A place with an admin `root`, whose files are where others can share them.
async fn place(store: Store) -> Place {
    let place = Place::on(store, 1, 10).await;
    let add = [
        "user",
        "add",
        "root",
        "--role",
        "admin",
        "--office",
        "NYC1A0001",
    ];
    let made = place.run(&add, &format!("{PASSWORD}\n")).await;
    assert!(made.status.success(), "{made:?}");
    let files = format!("file://{}", place.data().join("shared").display());
    place.with("AIRSIDE_FILES_URL", files)
}

/// A file of so many rows, of which each hundredth is wrong; how many are right.
pub(crate) fn file(rows: u32, first_day: i8) -> (String, u64) {
    let mut text = String::from(
        "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency\n",
    );
    let mut right = 0;
    for n in 0..rows {
        let day = date(2099, 3, first_day).saturating_add(jiff::Span::new().days(n / DAY));
        let number = n % DAY + 1;
        let seats = if n % 100 == 57 { "-50" } else { "150" };
        right += u64::from(seats == "150");
        writeln!(
            text,
            "UA,{number},JFK,LAX,{day}T08:00,{day}T11:00,738,{seats},99.50,USD"
        )
        .unwrap();
    }
    (text, right)
}

/// Waits for what comes to be there.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it comes in time")
}

async fn send(client: &Client, query: &str, text: &str) -> (StatusCode, Value) {
    let answer = client
        .http
        .post(format!("{}{UPLOADS}{query}", client.base))
        .bearer_auth(&client.token)
        .header("Content-Type", "text/csv")
        .body(text.to_owned())
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

pub(crate) async fn queue(client: &Client, query: &str, text: &str) -> String {
    let (status, body) = send(client, query, text).await;
    assert_eq!(status, 202, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

async fn read(client: &Client, id: &str) -> Value {
    let (status, upload) = client.get(&format!("{UPLOADS}/{id}")).await;
    assert_eq!(status, 200, "{upload}");
    upload
}

fn figure(upload: &Value, name: &str) -> u64 {
    upload[name].as_u64().unwrap()
}

/// The upload once some rows are done and others are not.
async fn in_the_middle(client: &Client, id: &str, rows: u64) -> Value {
    let upload = until(async || {
        let upload = read(client, id).await;
        (figure(&upload, "rows_done") > rows / 20).then_some(upload)
    })
    .await;
    assert_eq!(upload["status"], "processing", "{upload}");
    assert!(figure(&upload, "rows_done") < rows, "{upload}");
    upload
}

async fn ended(client: &Client, id: &str) -> Value {
    until(async || {
        let upload = read(client, id).await;
        let open = matches!(upload["status"].as_str(), Some("queued" | "processing"));
        (!open).then_some(upload)
    })
    .await
}

/// The counts of a file that went in as a whole, its table of errors, and that the database has what the file says: the
/// same once more changes nothing.
pub(crate) async fn is_whole(client: &Client, id: &str, text: &str, rows: u64, right: u64) {
    let upload = ended(client, id).await;
    assert_eq!(upload["status"], "completed", "{upload}");
    assert_eq!(figure(&upload, "rows_created"), right, "{upload}");
    assert_eq!(figure(&upload, "rows_rejected"), rows - right, "{upload}");
    assert_eq!(figure(&upload, "rows_done"), rows);
    assert_eq!(figure(&upload, "rows_total"), rows);
    let errors = client
        .http
        .get(format!("{}{UPLOADS}/{id}/errors", client.base))
        .bearer_auth(&client.token)
        .send()
        .await
        .unwrap();
    let errors = errors.text().await.unwrap();
    let mut lines: Vec<u64> = errors
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').unwrap().0.parse().unwrap())
        .collect();
    let found = lines.len();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!((found as u64, lines.len()), (rows - right, found));
    let again = queue(client, "?again=true", text).await;
    let again = ended(client, &again).await;
    assert_eq!(figure(&again, "rows_unchanged"), right, "{again}");
    assert_eq!(again["duplicate_of"], json!(id));
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_in_the_middle_of_a_file_is_gone_on_from(#[case] store: Store) {
    let place = place(store).await;
    // SQLite is slow where nothing is optimised, and waits for the disk at each chunk.
    let rows = match store {
        Store::Sqlite => 12_000,
        Store::Postgres => 100_000,
    };
    let (text, right) = file(rows, 1);
    let rows = u64::from(rows);
    let server = place.start().await;
    let client = server.login("root").await;
    let id = queue(&client, "", &text).await;
    let seen = in_the_middle(&client, &id, rows).await;
    server.kill().await;

    let server = place.start().await;
    let client = server.login("root").await;
    let kept = read(&client, &id).await;
    assert!(figure(&kept, "rows_done") >= figure(&seen, "rows_done"));
    // Once more, in the middle of what is left.
    until(async || {
        let upload = read(&client, &id).await;
        (figure(&upload, "rows_done") > figure(&kept, "rows_done")).then_some(())
    })
    .await;
    server.kill().await;
    let server = place.start().await;
    let client = server.login("root").await;
    is_whole(&client, &id, &text, rows, right).await;
    server.stop().await;
    place.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_hears_how_far_a_worker_is_while_it_is_at_a_file() {
    // It takes several seconds, also on a fast machine: some are told.
    const ROWS: u32 = 100_000;
    let place = place(Store::Sqlite).await;
    let (text, _) = file(ROWS, 1);
    let server = place.start().await;
    let client = server.login("root").await;
    let mut stream = Stream::open(&client, "", None).await;
    stream.hears("reset").await;
    let id = queue(&client, "", &text).await;
    assert_eq!(
        stream.hears("upload.received").await["upload_id"],
        json!(id)
    );
    let mut rows = Vec::new();
    let end = loop {
        let heard = stream.next().await.expect("it goes on");
        assert_eq!(heard["upload_id"], json!(id), "{heard}");
        if heard["type"] != "upload.progressed" {
            break heard;
        }
        assert_eq!(heard["progress"]["bytes_total"], json!(text.len()));
        rows.push(figure(&heard["progress"], "rows_done"));
    };
    assert_eq!(end["type"], "upload.completed", "{end}");
    assert_eq!(end["status"], "completed", "{end}");
    assert!(rows.is_sorted(), "{rows:?}");
    let last = rows.last().expect("some are told");
    assert!((1..=u64::from(ROWS)).contains(last), "{rows:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_ends_behind_its_chunk_and_gives_the_file_back() {
    const ROWS: u32 = 30_000;
    let place = place(Store::Sqlite).await;
    // While a server drains, its worker goes on, and a fast machine is done with the file by then.
    let place = place.with("AIRSIDE_HTTP_DRAIN_SECONDS", "0");
    let (text, right) = file(ROWS, 1);
    let server = place.start().await;
    let client = server.login("root").await;
    let id = queue(&client, "", &text).await;
    in_the_middle(&client, &id, ROWS.into()).await;
    server.stop().await;

    let only_admin = Place::beside(&place).with("AIRSIDE_ROLES", "auth,search,admin");
    let server = only_admin.start().await;
    let client = server.login("root").await;
    let waiting = read(&client, &id).await;
    assert_eq!(waiting["status"], "queued", "nobody has it: {waiting}");
    assert_eq!(
        client.figure("airside_uploads_waiting").await.as_deref(),
        Some("1")
    );
    server.stop().await;

    let server = place.start().await;
    let client = server.login("root").await;
    is_whole(&client, &id, &text, ROWS.into(), right).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_several_files_and_no_row_is_counted_twice() {
    const ROWS: u32 = 4_000;
    let place = place(Store::Postgres).await;
    let first = place.start().await;
    let other = place.beside();
    let second = other.start().await;
    let client = first.login("root").await;
    let there = client.at(&second);
    let mut files = Vec::new();
    for n in 0..8_i8 {
        let (text, right) = file(ROWS, n + 1);
        let client = if n % 2 == 0 { &client } else { &there };
        files.push((queue(client, "", &text).await, right));
    }
    let mut rows = 0;
    for (id, right) in files {
        let upload = ended(&client, &id).await;
        assert_eq!(upload["status"], "completed", "{upload}");
        assert_eq!(figure(&upload, "rows_created"), right, "{upload}");
        rows += figure(&upload, "rows_done");
    }
    assert_eq!(rows, 8 * u64::from(ROWS));
    let mut counted = 0;
    for client in [&client, &there] {
        let figure = client.figure("airside_upload_rows_total").await.unwrap();
        let figure: u64 = figure.parse().unwrap();
        assert!(figure > 0, "each has had some");
        counted += figure;
    }
    assert_eq!(counted, rows);
    first.stop().await;
    second.stop().await;
    place.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_froze_and_wakes_writes_nothing_into_what_another_has() {
    const ROWS: u32 = 12_000;
    let place = place(Store::Postgres).await;
    let frozen = place.start().await;
    let other = place.beside();
    let client = frozen.login("root").await;
    let (text, right) = file(ROWS, 1);
    let id = queue(&client, "", &text).await;
    in_the_middle(&client, &id, ROWS.into()).await;
    kill(frozen.pid(), Signal::SIGSTOP).unwrap();
    let server = other.start().await;
    let there = server.login("root").await;
    let before = figure(&read(&there, &id).await, "rows_done");
    until(async || (figure(&read(&there, &id).await, "rows_done") > before).then_some(())).await;
    kill(frozen.pid(), Signal::SIGCONT).unwrap();
    is_whole(&there, &id, &text, ROWS.into(), right).await;
    frozen.stop().await;
    server.stop().await;
    place.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_cancelled_keeps_what_was_merged_and_says_so() {
    const ROWS: u32 = 12_000;
    let place = place(Store::Sqlite).await;
    let server = place.start().await;
    let client = server.login("root").await;
    let (text, _) = file(ROWS, 1);
    let id = queue(&client, "", &text).await;
    in_the_middle(&client, &id, ROWS.into()).await;
    let answer = client
        .http
        .post(format!("{}{UPLOADS}/{id}/cancel", client.base))
        .bearer_auth(&client.token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let upload = ended(&client, &id).await;
    assert_eq!(upload["status"], "cancelled", "{upload}");
    let done = figure(&upload, "rows_done");
    assert!(done > 0 && done < u64::from(ROWS), "{upload}");
    let text_of_error = format!("stopped behind {done} rows; what was merged of them stays");
    assert_eq!(upload["error"], json!(text_of_error));
    // The same again finds just what was merged.
    let again = queue(&client, "?dry_run=true", &text).await;
    let again = ended(&client, &again).await;
    assert_eq!(again["rows_unchanged"], upload["rows_created"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_hangs_up_half_way_leaves_nothing() {
    let place = place(Store::Sqlite).await;
    let server = place.start().await;
    let client = server.login("root").await;
    // More than is kept in memory before it goes to disk.
    let (text, _) = file(300_000, 1);
    let head = format!(
        "POST {UPLOADS} HTTP/1.1\r\nHost: {0}\r\nAuthorization: Bearer {1}\r\nContent-Type: text/csv\r\n\
         Content-Length: {2}\r\n\r\n",
        server.address,
        client.token,
        text.len()
    );
    let folder = place.data().join("shared/uploads");
    let files = || std::fs::read_dir(&folder).map_or(0, Iterator::count);
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let half = &text.as_bytes()[..text.len() / 2];
    socket.write_all(half).await.unwrap();
    waiting::until(PATIENCE, "a part is kept", async || files() > 0).await;
    drop(socket);
    waiting::until(PATIENCE, "it is gone", async || files() == 0).await;
    let (_, list) = client.get(UPLOADS).await;
    assert_eq!(list["items"], json!([]));
    server.stop().await;
}

/// A byte a second is no progress.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_makes_no_progress_is_refused() {
    let place = place(Store::Sqlite).await;
    let server = place.start().await;
    let client = server.login("root").await;
    let head = format!(
        "POST {UPLOADS} HTTP/1.1\r\nHost: {0}\r\nAuthorization: Bearer {1}\r\nContent-Type: text/csv\r\n\
         Content-Length: 100000\r\n\r\n",
        server.address, client.token,
    );
    let socket = TcpStream::connect(&server.address).await.unwrap();
    let (mut from, mut to) = socket.into_split();
    to.write_all(head.as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        for _ in 0..60 {
            if to.write_all(b"x").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(40), async {
        let mut buffer = [0; 4096];
        let count = from.read(&mut buffer).await.unwrap();
        answer.push_str(&String::from_utf8_lossy(&buffer[..count]));
    });
    read.await.unwrap();
    dripping.abort();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let (_, list) = client.get(UPLOADS).await;
    assert_eq!(list["items"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_for_which_there_is_no_room_is_refused_and_others_go_on() {
    let place = place(Store::Sqlite).await;
    // Without the signal a write that goes too far is an error, as on a full disk.
    let script = "trap '' XFSZ; exec prlimit \"$@\"";
    let server = place
        .start_through(&["sh", "-c", script, "sh", "--fsize=2097152"])
        .await;
    let client = server.login("root").await;
    let (large, _) = file(40_000, 1);
    assert!(large.len() > 2_097_152);
    let (status, body) = send(&client, "", &large).await;
    assert_eq!(status, 507, "{body}");
    assert_eq!(body["code"], "storage_full");
    let (_, list) = client.get(UPLOADS).await;
    assert_eq!(list["items"], json!([]));
    let (small, right) = file(200, 1);
    let id = queue(&client, "", &small).await;
    is_whole(&client, &id, &small, 200, right).await;
    server.stop().await;
}
