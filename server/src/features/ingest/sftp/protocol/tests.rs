use std::time::Duration;

use rstest::rstest;
use tokio::io::{DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::time::timeout;

use super::*;

pub(crate) type Talking = Client<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>;

/// A client of a server that says these bytes, whatever it is asked.
pub(crate) async fn told(answers: &[&[u8]]) -> Result<(Talking, DuplexStream), Fault> {
    let (ours, mut theirs) = duplex(1 << 20);
    for answer in answers {
        theirs.write_all(answer).await.unwrap();
    }
    let (from, to) = split(ours);
    Ok((Client::greet(from, to).await?, theirs))
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(body.len() + 1)
        .unwrap()
        .to_be_bytes()
        .to_vec();
    bytes.push(kind);
    bytes.extend(body);
    bytes
}

/// The answer to a request, as `number`.
pub(crate) fn answer(kind: u8, number: u32, body: &[u8]) -> Vec<u8> {
    packet(kind, &[&number.to_be_bytes(), body].concat())
}

pub(crate) fn text(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes(), text].concat()
}

pub(crate) fn hello() -> Vec<u8> {
    packet(2, &3_u32.to_be_bytes())
}

/// An entry of a folder with a size and a mode.
pub(crate) fn entry(name: &[u8], size: u64, mode: u32) -> Vec<u8> {
    let (name, line) = (text(name), text(b"-rw-r--r-- and so on"));
    let (flags, size, mode) = (5_u32.to_be_bytes(), size.to_be_bytes(), mode.to_be_bytes());
    [&name[..], &line, &flags, &size, &mode].concat()
}

#[tokio::test]
async fn a_name_that_is_not_utf_8_and_a_kind_that_nobody_knows_hide_nothing_else() {
    let entries = [
        3_u32.to_be_bytes().to_vec(),
        entry(b"\xe9.csv", 1, 0o100_644),
        entry(b"door", 2, 0o150_644),
        entry(b"a.csv", 3, 0o100_644),
    ];
    let (mut client, _server) = told(&[
        &hello(),
        &answer(102, 1, &text(b"folder")),
        &answer(104, 2, &entries.concat()),
        &answer(101, 3, &1_u32.to_be_bytes()),
    ])
    .await
    .unwrap();
    let folder = client.open_folder(".").await.unwrap();
    let entries = client.entries(&folder).await.unwrap();
    assert_eq!(entries[0].name, b"\xe9.csv");
    assert_eq!(entries[1].attributes.is_file(), Some(false));
    assert_eq!(entries[2].attributes.is_file(), Some(true));
    assert_eq!(entries[2].attributes.size, Some(3));
    assert_eq!(client.entries(&folder).await.unwrap(), []);
}

/// Nothing is set aside for what a server only says is there.
#[rstest]
#[case::a_packet_without_end(&[0xff, 0xff, 0xff, 0xff, 104])]
#[case::an_empty_packet(&[0, 0, 0, 0])]
#[case::names_that_are_not_there(&answer(104, 1, &u32::MAX.to_be_bytes()))]
#[case::a_name_that_is_not_there(&answer(104, 1, &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]))]
#[case::another_answer(&answer(104, 7, &[0, 0, 0, 0]))]
#[case::another_kind(&answer(103, 1, &text(b"data")))]
#[case::no_number(&packet(104, &[0]))]
#[tokio::test]
async fn what_is_no_answer_is_told(#[case] bytes: &[u8]) {
    let (mut client, _server) = told(&[&hello(), bytes]).await.unwrap();
    let folder = Handle(Vec::new());
    let asked = timeout(Duration::from_mins(1), client.entries(&folder));
    let error = asked.await.expect("it does not wait").unwrap_err();
    assert!(matches!(error, Fault::Protocol(_)), "{error:?}");
}

#[rstest]
#[case::another_protocol(b"SSH-2.0-OpenSSH\r\n")]
#[case::an_old_one(&packet(2, &2_u32.to_be_bytes()))]
#[case::something_else(&packet(101, &3_u32.to_be_bytes()))]
#[tokio::test]
async fn who_speaks_something_else_is_not_greeted(#[case] bytes: &[u8]) {
    let error = told(&[bytes]).await.err().unwrap();
    assert!(matches!(error, Fault::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn a_write_that_is_refused_is_told_at_the_end() {
    let full = [4_u32.to_be_bytes().to_vec(), text(b"disk full")].concat();
    let ok = 0_u32.to_be_bytes();
    let (mut client, _server) = told(&[
        &hello(),
        &answer(101, 1, &ok),
        &answer(101, 2, &full),
        &answer(101, 3, &ok),
    ])
    .await
    .unwrap();
    let bytes = vec![0; WRITE * 2 + 1];
    let file = Handle(b"file".to_vec());
    client.write(&file, 0, &bytes).await.unwrap();
    let error = client.written().await.unwrap_err().to_string();
    assert_eq!(error, "the server refuses: disk full (4)");
}
