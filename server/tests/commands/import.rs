use crate::program::Folder;

const HEADER: &str = "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency";

fn row(number: u16) -> String {
    format!("UA,{number},JFK,LAX,2026-12-07T08:00,2026-12-07T11:00,738,150,99.50,USD\n")
}

#[test]
fn a_file_is_taken_once_and_what_is_wrong_stands_beside_it() {
    let folder = Folder::new();
    let mut file = format!(
        "{HEADER}\n{}UA,2,JFK,LAX,then,2026-12-07T11:00,738,150,99.50,USD\n",
        row(1)
    );
    file.push_str(&row(3));
    folder.file("flights.csv", &file);
    let first = folder.run(&["import", "flights.csv"], "");
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(first.out, "created 2 updated 0 unchanged 0 rejected 1\n");
    assert!(
        first.err.contains("flights.csv.rejected.csv"),
        "{}",
        first.err
    );
    let rejected = std::fs::read_to_string(folder.path("flights.csv.rejected.csv")).unwrap();
    let lines: Vec<&str> = rejected.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with("3,departure,"), "{rejected}");

    let second = folder.run(&["import", "-"], format!("{HEADER}\n{}{}", row(1), row(3)));
    assert_eq!(second.out, "created 0 updated 0 unchanged 2 rejected 0\n");
    assert_eq!(second.err, "");
    assert!(!folder.path("stdin.rejected.csv").exists());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = Folder::new();
    for name in ["missing.csv", "."] {
        let said = folder.run(&["import", name], "");
        assert_eq!(said.code, 1);
        assert!(
            said.err.starts_with(&format!("airside-server: {name}: ")),
            "{}",
            said.err
        );
    }
    folder.file("other.csv", row(1));
    let said = folder.run(&["import", "other.csv"], "");
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("the header has no column carrier"),
        "{}",
        said.err
    );
}
