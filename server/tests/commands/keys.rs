use jiff::{SignedDuration, Timestamp};

use crate::program::Folder;

/// The lines of a list: key, from when, what it does.
fn keys(out: &str) -> Vec<(String, Timestamp, String)> {
    let line = |line: &str| {
        let (kid, rest) = line.split_once(" from ").unwrap();
        let (from, state) = rest.split_once(' ').unwrap();
        (kid.to_owned(), from.parse().unwrap(), state.to_owned())
    };
    out.lines().map(line).collect()
}

fn in_minutes(moment: Timestamp) -> i64 {
    let ahead = moment.duration_since(Timestamp::now()) + SignedDuration::from_secs(30);
    ahead.as_mins()
}

#[test]
fn a_new_key_waits_and_the_first_does_not() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["keys", "list"], "").out, "");
    let first = keys(&folder.run(&["keys", "rotate"], "").out);
    assert_eq!((first.len(), first[0].2.as_str()), (1, "signs"));
    assert_eq!(in_minutes(first[0].1), 0);

    let rotated = folder.run(&["keys", "rotate"], "");
    assert_eq!(rotated.err, "");
    let two = keys(&rotated.out);
    assert_eq!(two[0], first[0]);
    assert_eq!((two.len(), two[1].2.as_str()), (2, "waits"));
    assert_eq!(in_minutes(two[1].1), 5);
    assert_ne!(two[0].0, two[1].0);

    let later = keys(&folder.run(&["keys", "rotate", "--after", "1h"], "").out);
    assert_eq!(in_minutes(later[2].1), 60);
    assert_eq!(keys(&folder.run(&["keys", "list"], "").out), later);
}

#[test]
fn a_key_that_signs_at_once_is_warned_of_and_old_ones_are_deleted() {
    let folder = Folder::new();
    let elsewhere = folder.path("elsewhere");
    let run = |arguments: &[&str]| -> crate::program::Said {
        let mut command = folder.command(arguments);
        command.env("AIRSIDE_AUTH_KEYS", &elsewhere);
        command.output().unwrap().into()
    };
    run(&["keys", "rotate"]);
    let first = std::fs::read_dir(&elsewhere).unwrap().next().unwrap();
    std::fs::rename(
        first.unwrap().path(),
        elsewhere.join("20200101T000000Z.key"),
    )
    .unwrap();
    let at_once = run(&["keys", "rotate", "--after", "0s"]);
    assert!(
        at_once.err.contains("some refuse tokens"),
        "{}",
        at_once.err
    );
    let both = keys(&at_once.out);
    assert!(both[0].2.starts_with("is shown until 20"), "{}", both[0].2);
    assert_eq!(both[1].2, "signs");

    let second = std::fs::read_dir(&elsewhere)
        .unwrap()
        .map(|e| e.unwrap().path());
    let second = second.max().unwrap();
    std::fs::rename(second, elsewhere.join("20200102T000000Z.key")).unwrap();
    let listed = keys(&run(&["keys", "list"]).out);
    assert_eq!(listed[0].2, "is retired");
    let left = keys(&run(&["keys", "rotate"]).out);
    let names: Vec<&str> = left.iter().map(|key| key.0.as_str()).collect();
    assert_eq!(names[0], listed[1].0);
    assert_eq!(names.len(), 2, "the retired one is deleted");
    assert!(!folder.path("data/signing-keys").exists());

    let wrong = run(&["keys", "rotate", "--after", "soon"]);
    assert_eq!(wrong.code, 2);
    std::fs::write(elsewhere.join("mine.key"), [7; 32]).unwrap();
    let refused = run(&["keys", "list"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("mine.key: a key's file"),
        "{}",
        refused.err
    );
}
