//! The journal on a real disk.

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use airside_common::booking::OperationKey;
use airside_tui::effects::disk::Journal;
use airside_tui::store::journal::{JournalRecord, Saved};
use airside_tui::store::operation::{Operation, OperationKind, OperationState, Preview, Reference};
use support::{account, key, locator, request};

fn submitted(n: usize) -> JournalRecord {
    JournalRecord::Submitted {
        operation: Box::new(Operation {
            key: key(n),
            account: account(),
            kind: OperationKind::Create {
                body: Box::new(request()),
                preview: Preview::default(),
            },
            target: Reference::Pending(key(n)),
            base_version: None,
            depends_on: None,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            state: OperationState::Queued,
        }),
    }
}

fn confirmed(n: usize) -> JournalRecord {
    JournalRecord::Confirmed {
        key: key(n),
        locator: locator(n),
        version: 1,
    }
}

fn keys(saved: &Saved) -> Vec<OperationKey> {
    saved.operations.iter().map(|o| o.key.clone()).collect()
}

#[test]
fn what_a_killed_console_left_is_adopted_once() {
    let state = tempfile::tempdir().unwrap();
    let mut first = Journal::open(state.path()).unwrap().journal;
    first
        .append(&[submitted(1), submitted(2), confirmed(1)])
        .unwrap();
    let path = first.path().to_owned();
    // Dropped without `close`, as a kill leaves it.
    drop(first);
    let second = Journal::open(state.path()).unwrap();
    assert_eq!(keys(&second.saved), [key(2)]);
    assert!(!path.exists());
    let third = Journal::open(state.path()).unwrap();
    assert_eq!(keys(&third.saved), []);
    drop(second);
    assert_eq!(keys(&Journal::open(state.path()).unwrap().saved), [key(2)]);
    drop(third);
}

#[test]
fn a_running_console_keeps_its_own() {
    let state = tempfile::tempdir().unwrap();
    let mut first = Journal::open(state.path()).unwrap().journal;
    first.append(&[submitted(1)]).unwrap();
    first.compact().unwrap();
    let second = Journal::open(state.path()).unwrap();
    assert_eq!(keys(&second.saved), []);
    first.append(&[submitted(2)]).unwrap();
    drop(first);
    drop(second);
    assert_eq!(
        keys(&Journal::open(state.path()).unwrap().saved),
        [key(1), key(2)]
    );
}

#[test]
fn a_torn_last_line_is_ignored() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path()).unwrap().journal;
    journal.append(&[submitted(1)]).unwrap();
    let path = journal.path().to_owned();
    drop(journal);
    let line = serde_json::to_vec(&submitted(2)).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&line[..line.len() / 2]).unwrap();
    drop(file);
    let opened = Journal::open(state.path()).unwrap();
    assert_eq!((keys(&opened.saved), opened.damaged), (vec![key(1)], 0));
}

#[test]
fn a_damaged_line_is_told_and_its_file_kept() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path()).unwrap().journal;
    journal.append(&[submitted(1)]).unwrap();
    let path = journal.path().to_owned();
    drop(journal);
    let mut bytes = b"{\"record\":\"from a newer version\"}\n".to_vec();
    bytes.extend(fs::read(&path).unwrap());
    fs::write(&path, bytes).unwrap();
    let opened = Journal::open(state.path()).unwrap();
    assert_eq!((keys(&opened.saved), opened.damaged), (vec![key(1)], 1));
    assert!(path.with_extension("damaged").exists());
}

#[test]
fn only_its_owner_reads_a_journal() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path()).unwrap().journal;
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(journal.path()), 0o600);
    assert_eq!(mode(journal.path().parent().unwrap()), 0o700);
}

#[test]
fn a_long_day_leaves_a_short_journal() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path()).unwrap().journal;
    journal.append(&[submitted(0)]).unwrap();
    for n in 1..=400 {
        journal.append(&[submitted(n), confirmed(n)]).unwrap();
    }
    let size = fs::metadata(journal.path()).unwrap().len();
    assert!(size < 300 * 1024, "{size} bytes");
    drop(journal);
    let opened = Journal::open(state.path()).unwrap();
    assert_eq!(keys(&opened.saved), [key(0)]);
    let path = opened.journal.path().to_owned();
    opened.journal.close().unwrap();
    assert!(path.exists(), "what is left to do stays");
}

#[test]
fn a_console_that_ends_in_order_with_nothing_to_do_leaves_no_file() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path()).unwrap().journal;
    journal.append(&[submitted(1), confirmed(1)]).unwrap();
    journal.close().unwrap();
    assert_eq!(
        fs::read_dir(state.path().join("journal")).unwrap().count(),
        0
    );
}
