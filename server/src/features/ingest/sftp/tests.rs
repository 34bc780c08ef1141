use super::protocol::tests::{answer, entry, hello, text, told};
use super::*;

const FILE: u32 = 0o100_644;

/// A list of a folder, as packets.
fn folder(names: &[&[u8]]) -> [Vec<u8>; 4] {
    let count = u32::try_from(names.len()).unwrap().to_be_bytes().to_vec();
    let entries = names.iter().map(|name| entry(name, 3, FILE));
    let entries: Vec<Vec<u8>> = std::iter::once(count).chain(entries).collect();
    [
        hello(),
        answer(102, 1, &text(b"folder")),
        answer(104, 2, &entries.concat()),
        answer(101, 3, &1_u32.to_be_bytes()),
    ]
}

async fn listed(names: &[&[u8]], time: Duration) -> Result<Listing, SourceError> {
    let mut packets = folder(names).to_vec();
    packets.push(answer(101, 4, &0_u32.to_be_bytes()));
    let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    let (mut client, _server) = told(&packets).await.unwrap();
    let listing = files(&mut client, ".", time).await;
    listing.map_err(|failed| failed.of("."))
}

#[tokio::test]
async fn names_that_no_file_has_are_dropped_and_told() {
    let long = vec![b'a'; LONGEST_NAME + 1];
    let longest = &long[1..];
    let names: [&[u8]; 5] = [b".", b"a.csv", &long, longest, b"\xe9.csv"];
    let listing = listed(&names, LISTING).await.unwrap();
    let names: Vec<_> = listing.files.iter().map(|file| file.path.len()).collect();
    assert_eq!(names, [5, LONGEST_NAME]);
    let told = "passed over: names that are too long (1), names that are not UTF-8 (1)";
    assert_eq!(listing.remark.as_deref(), Some(told));
    let listing = listed(&[b"a.csv"], LISTING).await.unwrap();
    assert_eq!(listing.remark, None);
}

#[tokio::test]
async fn a_list_that_does_not_end_is_given_up() {
    let error = listed(&[b"a.csv"], Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "the list of the folder does not end");
}
