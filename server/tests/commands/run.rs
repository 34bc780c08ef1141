use std::io::{BufRead, BufReader, Read};

use crate::program::Folder;

#[test]
fn a_flag_wins_the_address_comes_first_and_the_end_of_input_ends_it() {
    let folder = Folder::new();
    let mut child = folder
        .command(&["run", "--listen", "127.0.0.1:0", "--until-stdin-closes"])
        .env("AIRSIDE_HTTP_LISTEN", "192.0.2.1:9")
        .env("AIRSIDE_LOG_FORMAT", "json")
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.strip_prefix("listening on http://").unwrap().trim();
    assert!(std::net::TcpStream::connect(address).is_ok(), "{line}");
    drop(child.stdin.take());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
    }
}
