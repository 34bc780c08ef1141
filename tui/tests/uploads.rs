//! Files that are uploaded by the command, to a real server whose worker merges them.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done here fails the test"
)]

#[path = "support/server.rs"]
mod server;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use server::{PASSWORD, Server};

fn airside(state: &Path, server: &Server, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(arguments)
        .env("HOME", state)
        .env("AIRSIDE_STATE_DIR", state)
        .env("AIRSIDE_SERVER", format!("http://{}", server.address))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that ended without reading closes the pipe.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// What was printed by a command that is done.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_file_is_tried_merged_and_known_the_next_time() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let run = |arguments: &[&str], input: &str| airside(&state, &server, arguments, input);
    let file = folder.path().join("flights.csv");
    let text = "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency\n\
                UA,1,JFK,LAX,2099-12-07T08:00,2099-12-07T11:00,738,150,99.50,USD\n\
                UA,2,JFK,LAX,2099-12-07T08:00,2099-12-07T11:00,738,-50,99.50,USD\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();

    assert_eq!(run(&["upload", file], "").status.code(), Some(4));
    printed(&run(&["login", "root"], &format!("{PASSWORD}\n")));
    let tried = printed(&run(&["upload", file, "--dry-run"], ""));
    assert!(
        tried.contains("dry run created 1 updated 0 unchanged 0 rejected 1"),
        "{tried}"
    );
    assert!(
        tried.contains("UA1 JFK 2099-12-07 flight: - -> JFK-LAX"),
        "{tried}"
    );
    let merged = printed(&run(&["upload", file, "--wait"], ""));
    assert!(
        merged.contains("completed created 1 updated 0 unchanged 0 rejected 1"),
        "{merged}"
    );
    let known = printed(&run(&["upload", file], ""));
    assert!(known.contains("was merged before"), "{known}");
    let again = printed(&run(&["upload", file, "--again", "--wait", "--json"], ""));
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["rows_unchanged"], 1);
    assert_eq!(again["filename"], "flights.csv");

    let wrong = folder.path().join("wrong.csv");
    std::fs::write(&wrong, "some,other\n1,2\n").unwrap();
    let failed = run(&["upload", wrong.to_str().unwrap(), "--wait"], "");
    assert_eq!(failed.status.code(), Some(3));
    let words = String::from_utf8_lossy(&failed.stderr);
    assert!(
        words.contains("failed: the file is none of airside, prototype, ssim"),
        "{words}"
    );
    assert_eq!(run(&["upload", "/nowhere.csv"], "").status.code(), Some(2));
    printed(&run(&["login", "ada"], &format!("{PASSWORD}\n")));
    let refused = run(&["upload", file], "");
    let words = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "an agent may not: {words}");
}
