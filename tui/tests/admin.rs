//! What admins do by commands, on a real server: files that its worker merges, sources, dead letters.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done here fails the test"
)]

#[path = "support/server.rs"]
mod server;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use server::{Extras, PASSWORD, Server};

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

#[test]
fn sources_are_listed_paused_and_resumed() {
    let extras = Extras {
        sources: vec![("harbour", "file:///nowhere/at/all".to_owned())],
        letters: Vec::new(),
    };
    let server = Server::start_with(&[], extras);
    let state = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], input: &str| airside(state.path(), &server, arguments, input);
    printed(&run(&["login", "root"], &format!("{PASSWORD}\n")));
    let list = printed(&run(&["sources"], ""));
    assert!(list.contains("file:///nowhere/at/all"), "{list}");
    let paused = printed(&run(&["sources", "pause", "harbour"], ""));
    assert!(paused.contains("paused"), "{paused}");
    let refused = run(&["sources", "poll", "harbour", "--json"], "");
    assert_eq!(refused.status.code(), Some(3));
    let problem: serde_json::Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!(problem["code"], "conflict");
    let resumed = printed(&run(&["sources", "resume", "harbour", "--json"], ""));
    let resumed: serde_json::Value = serde_json::from_str(&resumed).unwrap();
    assert_eq!(resumed["name"], "harbour");
    assert_ne!(resumed["state"], "paused");
    assert_eq!(
        run(&["sources", "poll", "other"], "").status.code(),
        Some(3)
    );
    assert_eq!(run(&["sources", "poll", "a/b"], "").status.code(), Some(2));
}

#[test]
fn dead_letters_are_listed_read_sent_again_and_dropped() {
    let extras = Extras {
        sources: Vec::new(),
        letters: vec![
            ("nobody", "{\"a\":{\"b\":1}}"),
            ("nobody", "\u{1b}[2Jplain"),
        ],
    };
    let server = Server::start_with(&[], extras);
    let state = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], input: &str| airside(state.path(), &server, arguments, input);
    printed(&run(&["login", "root"], &format!("{PASSWORD}\n")));
    let list = printed(&run(&["dead-letters", "--limit", "1"], ""));
    assert!(list.contains("     2  "), "the newest first: {list}");
    assert!(list.contains("more: --cursor 2"), "{list}");
    let list = printed(&run(&["dead-letters", "--cursor", "2"], ""));
    assert!(
        list.contains("     1  ") && !list.contains("more"),
        "{list}"
    );
    let none = printed(&run(&["dead-letters", "--consumer", "mail"], ""));
    assert_eq!(none, "no dead letters\n");
    let shown = printed(&run(&["dead-letters", "show", "1"], ""));
    assert!(shown.contains("    \"b\": 1\n"), "{shown}");
    let hostile = printed(&run(&["dead-letters", "show", "2"], ""));
    assert!(
        hostile.contains("[2Jplain") && !hostile.contains('\u{1b}'),
        "{hostile}"
    );
    let retried = run(&["dead-letters", "retry", "1"], "");
    assert_eq!(
        retried.status.code(),
        Some(3),
        "nobody takes it: {retried:?}"
    );
    let unasked = run(&["dead-letters", "drop", "1"], "");
    assert_eq!(unasked.status.code(), Some(2), "{unasked:?}");
    assert_eq!(
        printed(&run(&["dead-letters", "drop", "1", "--yes"], "")),
        "1 dropped\n"
    );
    let gone = run(&["dead-letters", "drop", "1", "--yes"], "");
    assert_eq!(gone.status.code(), Some(3));
    assert_eq!(
        run(&["dead-letters", "show", "x"], "").status.code(),
        Some(2)
    );
}
