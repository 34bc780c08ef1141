use rstest::rstest;

use super::*;

fn file(path: &str, size: u64) -> Line {
    Line::File(Sighting {
        path: path.to_owned(),
        size,
        // 2020-10-19T15:19:30Z
        modified: Some(1_603_120_770_000_000),
    })
}

#[rstest]
#[case("type=file;size=3;modify=20201019151930; a.csv", file("a.csv", 3))]
#[case("Type=file;Size=3;Modify=20201019151930.123; a.csv", file("a.csv", 3))]
#[case("type=file;size=3;modify=20201019151930; a;b.csv", file("a;b.csv", 3))]
#[case(
    "type=file;size=3;modify=20201019151930; a; b.csv",
    file("a; b.csv", 3)
)]
#[case(
    "type=file;size=3;modify=20201019151930; a;size=5;type=dir;b.csv",
    file("a;size=5;type=dir;b.csv", 3)
)]
#[case("type=file;size=3;modify=20201019151930;  a.csv", file(" a.csv", 3))]
#[case(
    "unix.mode=éé;type=file;size=3;modify=20201019151930; a.csv",
    file("a.csv", 3)
)]
#[case("type=cdir;modify=20201019151930; .", Line::Other)]
#[case("type=dir;modify=20201019151930; b.csv", Line::Other)]
#[case("type=OS.unix=slink:/etc;size=3; c.csv", Line::Other)]
#[case("type=file;size=many; a.csv", Line::Unknown)]
#[case("type=file;modify=yesterday; a.csv", Line::Unknown)]
#[case("a.csv", Line::Unknown)]
fn a_line_of_facts_is_read(#[case] text: &str, #[case] line: Line) {
    assert_eq!(facts(text), line);
}

#[test]
fn lines_that_are_not_understood_are_counted_and_told() {
    let lines = [
        "total 3",
        "-rw-r--r-- 1 user group 1234 Nov 5 2020 a.csv",
        "drwxr-xr-x 1 user group 1234 Nov 5 2020 done",
        "10-19-20  03:19PM 403 b.csv",
        "",
        "what is this?",
        "-rw-r--r--. 1 user group 1234 Nov 5 2020 c.csv",
    ]
    .map(str::to_owned);
    let listing = of_lines(&lines, columns);
    let names: Vec<_> = listing.files.iter().map(|file| &file.path).collect();
    assert_eq!(names, ["a.csv", "b.csv"]);
    let told = "passed over: lines that are not understood (2)";
    assert_eq!(listing.remark.as_deref(), Some(told));
    assert_eq!(of_lines(&lines[..5], columns).remark, None);
}

#[rstest]
#[case("192.0.2.1", Mode::Passive)]
#[case("::ffff:192.0.2.1", Mode::Passive)]
#[case("2001:db8::1", Mode::ExtendedPassive)]
fn files_come_over_the_connections_that_an_address_can_have(
    #[case] server: IpAddr,
    #[case] expected: Mode,
) {
    assert_eq!(mode(server), expected);
}
