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

/// A record of 200 bytes: a type, and texts at columns.
fn record(kind: &str, serial: u32, fields: &[(usize, &str)]) -> String {
    let mut record = vec![b' '; 200];
    let serial = format!("{serial:06}");
    for (column, text) in [&[(1, kind), (195, &serial)], fields].concat() {
        record[column - 1..column - 1 + text.len()].copy_from_slice(text.as_bytes());
    }
    String::from_utf8(record).unwrap() + "\n"
}

/// A season of UA with a leg a number, each on two days.
fn season(numbers: &[&str]) -> String {
    let mut text = record("1", 1, &[(2, "AIRLINE STANDARD SCHEDULE DATA SET")]);
    let carrier = [
        (2, "L"),
        (3, "UA"),
        (15, "25OCT26"),
        (22, "27MAR27"),
        (72, "C"),
    ];
    text += &record("2", 2, &carrier);
    let mut serial = 2;
    for number in numbers {
        serial += 1;
        let leg = [
            (3, "UA"),
            (6, *number),
            (10, "0101J07DEC2608DEC2612"),
            (37, "JFK08000755-0500"),
            (55, "LAX10551100-0800"),
            (73, "738"),
            (173, "F12Y138"),
            (193, "00"),
        ];
        text += &record("3", serial, &leg);
    }
    let total = format!("{serial:06}E");
    text + &record("5", serial + 1, &[(3, "UA"), (188, &total)])
}

#[test]
fn a_season_is_taken_again_and_what_it_leaves_out_stands_beside_it() {
    let folder = Folder::new();
    folder.file("w26.ssim", season(&["  12", "  13"]));
    let poor = folder.run(&["import", "w26.ssim"], "");
    assert_eq!(
        poor.out,
        "created 0 updated 0 unchanged 0 rejected 4 noted 0 skipped 0 withdrawn 0\n"
    );
    let fares = [
        "import", "w26.ssim", "--fare", "199.00", "--fare", "F=899.00",
    ];
    let first = folder.run(&fares, "");
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(
        first.out,
        "created 4 updated 0 unchanged 0 rejected 0 noted 0 skipped 0 withdrawn 0\n"
    );
    assert_eq!(first.err, "");
    assert!(!folder.path("w26.ssim.rejected.csv").exists());
    // Flights that exist need no fare.
    let second = folder.run(&["import", "w26.ssim", "--format", "ssim"], "");
    assert_eq!(
        second.out,
        "created 0 updated 0 unchanged 4 rejected 0 noted 0 skipped 0 withdrawn 0\n"
    );

    folder.file("w26.ssim", season(&["  12"]));
    let fewer = folder.run(&["import", "w26.ssim"], "");
    assert_eq!(
        fewer.out,
        "created 0 updated 0 unchanged 2 rejected 0 noted 0 skipped 0 withdrawn 2\n"
    );
    assert!(
        fewer.err.contains(
            "first UA13 JFK 2026-12-07, are in w26.ssim.withdrawn.csv; none was cancelled"
        ),
        "{}",
        fewer.err
    );
    let withdrawn = std::fs::read_to_string(folder.path("w26.ssim.withdrawn.csv")).unwrap();
    let lines: Vec<&str> = withdrawn.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].ends_with(",UA,13,JFK,LAX,2026-12-07T08:00:00-05:00,150,0"),
        "{withdrawn}"
    );
    assert_eq!(folder.run(&["check"], "").code, 0);

    // One that is cut off is told, and nothing is said of what it leaves out.
    let mut cut = season(&["  12"]);
    cut.truncate(cut.len() - 250);
    folder.file("w26.ssim", cut);
    let cut = folder.run(&["import", "w26.ssim"], "");
    assert_eq!(
        cut.out,
        "created 0 updated 0 unchanged 0 rejected 1 noted 1 skipped 0 withdrawn 0\n"
    );
    assert!(cut.err.contains("w26.ssim.notes.csv"), "{}", cut.err);
    assert!(!folder.path("w26.ssim.withdrawn.csv").exists());
}

#[test]
fn the_prototypes_file_is_taken_in_the_currency_that_is_set() {
    let folder = Folder::new();
    let header = "flight_number,source,destination,departure_ts,arrival_ts,total_seats,price";
    let row = |seats: &str| {
        format!(
            "{header}\n6E3238,Pune,Nagpur,2026-12-28T15:19:57Z,2026-12-29T01:58:57Z,{seats},13264.57\n"
        )
    };
    let first = folder.run(&["import", "-", "--currency", "INR"], row("127"));
    assert_eq!(
        first.out, "created 1 updated 0 unchanged 0 rejected 0\n",
        "{}",
        first.err
    );
    let again = folder.run(&["import", "-", "--currency", "INR"], row("127"));
    assert_eq!(again.out, "created 0 updated 0 unchanged 1 rejected 0\n");
    let negative = folder.run(&["import", "-", "--currency", "INR"], row("-50"));
    assert_eq!(negative.out, "created 0 updated 0 unchanged 0 rejected 1\n");
    let rejected = std::fs::read_to_string(folder.path("stdin.rejected.csv")).unwrap();
    assert!(rejected.contains("2,total_seats,"), "{rejected}");
}

#[test]
fn a_format_or_fare_that_is_none_is_refused_with_the_choices() {
    let folder = Folder::new();
    folder.file("flights.csv", format!("{HEADER}\n{}", row(1)));
    let said = folder.run(&["import", "flights.csv", "--format", "xml"], "");
    assert_eq!(said.code, 2);
    assert!(
        said.err
            .contains("[possible values: airside, prototype, ssim]"),
        "{}",
        said.err
    );
    let said = folder.run(&["import", "flights.csv", "--fare", "coach=1"], "");
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("`coach=1` is no fare in USD"),
        "{}",
        said.err
    );
    let said = folder.run(&["import", "flights.csv", "--format", "prototype"], "");
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("the header has no column flight_number"),
        "{}",
        said.err
    );
}
