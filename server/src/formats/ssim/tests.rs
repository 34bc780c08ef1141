use super::sample::{LEG, Set, record};
use super::*;
use crate::features::flights::store::{PlannedRow, Unsaid};
use crate::formats::FlightKey;
use airside_common::money::{Currency, Money};
use proptest::prelude::*;
use rstest::rstest;

#[derive(Debug, Default)]
struct Kept {
    rows: Vec<PlannedRow>,
    rejected: Vec<Finding>,
    notes: Vec<Finding>,
    skipped: u32,
    mentioned: Vec<FlightKey>,
    covered: Vec<Coverage>,
}

impl Sink for Kept {
    fn plan(&mut self, row: PlannedRow) {
        self.rows.push(row);
    }

    fn reject(&mut self, finding: Finding) {
        self.rejected.push(finding);
    }

    fn note(&mut self, finding: Finding) {
        self.notes.push(finding);
    }

    fn skip(&mut self) {
        self.skipped += 1;
    }

    fn mention(&mut self, flight: FlightKey) {
        self.mentioned.push(flight);
    }

    fn cover(&mut self, coverage: Coverage) {
        self.covered.push(coverage);
    }
}

impl Kept {
    fn dates(&self) -> Vec<String> {
        let date = |row: &PlannedRow| row.plan.departure.date().strftime("%d%b").to_string();
        self.rows.iter().map(date).collect()
    }

    fn is_clean(&self) -> bool {
        self.rejected.is_empty() && self.notes.is_empty()
    }
}

fn read_with(text: &[u8], defaults: Defaults) -> Kept {
    let mut kept = Kept::default();
    let mut set = DataSet::new(defaults);
    let mut last = 0;
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        if !line.is_empty() {
            set.line(number, line, &mut kept);
            last = number;
        }
    }
    set.end(last, &mut kept);
    kept
}

fn read(set: &Set) -> Kept {
    read_with(set.text.as_bytes(), Defaults::default())
}

/// One leg of a whole data set in local time.
fn leg(fields: &[(usize, &str)]) -> Kept {
    read(&Set::of_ua("L").leg(fields).trailer())
}

/// Where and why, of findings.
fn told(findings: &[Finding]) -> Vec<(u64, &str, &str)> {
    findings
        .iter()
        .map(|f| (f.line, f.error.column.as_str(), f.error.reason.as_str()))
        .collect()
}

mod legs;

#[test]
fn an_itinerary_of_several_legs_is_a_flight_each() {
    let second = [
        (12, "02"),
        (37, "LAX"),
        (40, "2300"),
        (48, "-0800"),
        (55, "HNL"),
        (62, "0300"),
        (66, "-1000"),
        (193, "01"),
    ];
    let kept = read(&Set::of_ua("L").leg(&[]).leg(&second).trailer());
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.rows.len(), 14);
    let onward = &kept.rows[7].plan;
    assert_eq!(FlightKey::of(onward).to_string(), "UA12 LAX 2026-12-07");
    assert_eq!(onward.arrival.to_string(), "2026-12-08T03:00:00-10:00");

    let elsewhere = [&second[..], &[(37, "SFO")]].concat();
    let kept = read(&Set::of_ua("L").leg(&[]).leg(&elsewhere).trailer());
    assert_eq!(
        told(&kept.notes),
        [(4, "37-39", "the leg before it ends at LAX")]
    );
    let kept = read(&Set::of_ua("L").leg(&second).trailer());
    assert_eq!(
        told(&kept.notes),
        [(3, "12-13", "the legs before it are missing")]
    );
    // Another itinerary of the same number begins anew.
    let variation = [(10, "02"), (15, "14DEC26"), (22, "15DEC26")];
    let kept = read(&Set::of_ua("L").leg(&[]).leg(&variation).trailer());
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.rows.len(), 9);
}

#[test]
fn zeros_fill_and_carriers_follow_each_other() {
    let zeros = "0".repeat(200);
    let set = Set::of_ua("L")
        .leg(&[])
        .trailer_with(&[(194, "C")])
        .line(&zeros)
        .line(&zeros)
        .carrier(&[(3, "B6"), (2, "U")])
        .leg(&[(3, "B6"), (40, "1300"), (62, "1900")])
        .trailer_with(&[(3, "B6")])
        .line(&zeros);
    let kept = read(&set);
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.rows.len(), 14);
    let carriers: Vec<&str> = kept.covered.iter().map(|c| c.carrier.as_str()).collect();
    assert_eq!(carriers, ["UA", "B6"]);
}

#[rstest]
// A record is missing.
#[case(|set: Set| Set { serial: 4, ..set }.leg(&[]).trailer(), 3, "195-200", "the serial number is not 000003")]
// A record stands twice.
#[case(|set: Set| Set { serial: 2, ..set }.leg(&[]).trailer(), 3, "195-200", "the serial number is not 000003")]
// There is no number; the next is checked again.
#[case(|set: Set| Set { serial: 4, ..set.line(&record('3', &LEG)) }.trailer(), 3, "195-200", "the record has no serial number")]
#[case(|set: Set| set.leg(&[]).trailer_with(&[(188, "000009")]), 4, "188-193", "the record before has serial number 000003")]
#[case(|set: Set| set.leg(&[]).trailer_with(&[(188, "      ")]), 4, "188-193", "the record before has serial number 000003")]
fn serial_numbers_are_checked_and_the_records_taken(
    #[case] rest: impl Fn(Set) -> Set,
    #[case] line: u64,
    #[case] column: &str,
    #[case] reason: &str,
) {
    let kept = read(&rest(Set::of_ua("L")));
    assert_eq!(kept.rows.len(), 7);
    let notes = told(&kept.notes);
    assert_eq!((notes[0].0, notes[0].1), (line, column), "{notes:?}");
    assert!(notes[0].2.starts_with(reason), "{notes:?}");
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[1]
            .2
            .ends_with("is not reported: not all its records could be read")
    );
    assert!(kept.covered.is_empty());
}

#[test]
fn serial_numbers_begin_again_after_the_highest() {
    let mut serials = Serials::default();
    let mut check = |number| {
        let text = record('3', &[(195, number)]);
        serials.check(&Record::new(text.as_bytes()).unwrap())
    };
    assert!(check("999999").is_some());
    for number in ["000000", "000001", "000002"] {
        assert_eq!(check(number), None);
    }
}

#[rstest]
#[case(|text: &str| text.trim_end_matches('\n')[..text.len() - 102].to_owned(), "the record has 99 bytes, not 200")]
#[case(|text: &str| format!("{}\n", "3".repeat(201)) + &text[201..], "the record has 201 bytes, not 200")]
fn a_wrong_length_is_rejected(#[case] damage: impl Fn(&str) -> String, #[case] reason: &str) {
    let set = Set::of_ua("L").leg(&[]);
    let damaged = damage(&set.text);
    let kept = read_with(damaged.as_bytes(), Defaults::default());
    assert!(
        kept.rejected.iter().any(|f| f.error.reason == reason),
        "{kept:?}"
    );
}

#[test]
fn a_file_that_is_cut_off_is_told_and_leaves_nothing_out() {
    let kept = read(&Set::of_ua("L").leg(&[]));
    assert_eq!(kept.rows.len(), 7);
    let [(3, "", reason)] = told(&kept.notes)[..] else {
        panic!("{kept:?}");
    };
    assert!(
        reason.contains("ends without the trailer of UA"),
        "{reason}"
    );
    assert!(kept.covered.is_empty());

    let kept = read(&Set::of_ua("L").leg(&[]).trailer_with(&[(194, "C")]));
    let said = "the file ends although its last trailer says that more follows";
    assert_eq!(told(&kept.notes), [(4, "", said)]);
}

#[test]
fn a_bad_leg_leaves_its_number_unsure_and_a_nameless_one_everything() {
    let kept = leg(&[(37, "QQQ")]);
    let unsure: Vec<u16> = kept.covered[0].unsure.iter().map(|n| n.get()).collect();
    assert_eq!(unsure, [12]);
    assert!(leg(&[(6, "????")]).covered.is_empty());
    let byte = leg(&[(100, "\u{7f}")]);
    assert_eq!(
        told(&byte.rejected),
        [(3, "100", "byte 0x7f is no printable ASCII")]
    );
    assert!(byte.covered.is_empty());
}

#[rstest]
#[case(&[(2, "X")], "2", "the time mode is U for UTC or L for local")]
#[case(&[(3, "UAL")], "3-5", "a carrier code has two characters")]
#[case(&[(22, "01JAN26")], "22-28", "the period ends before it begins")]
fn legs_behind_a_bad_carrier_record_are_rejected(
    #[case] fields: &[(usize, &str)],
    #[case] column: &str,
    #[case] reason: &str,
) {
    let kept = read(&Set::new().carrier(fields).leg(&[]).trailer());
    assert_eq!(kept.rows.len(), 0);
    let rejected = told(&kept.rejected);
    assert_eq!((rejected[0].0, rejected[0].1), (2, column));
    assert!(rejected[0].2.starts_with(reason), "{rejected:?}");
    assert!(
        rejected[1].2.starts_with("no carrier record"),
        "{rejected:?}"
    );
}

#[rstest]
#[case(Set::new().with('7', &[]), "1", "a record's type is 1 to 5")]
#[case(Set::of_ua("P").carrier(&[(72, "P")]), "72", "the schedule is proposed")]
#[case(Set::of_ua("L").trailer_with(&[(3, "AA")]), "3-5", "the carrier record before says UA")]
#[case(Set::of_ua("L").trailer_with(&[(194, " ")]), "194", "is C for continued or E")]
#[case(Set::new().trailer(), "", "the trailer has no carrier record")]
#[case(Set::of_ua("L").trailer().carrier(&[]), "1", "stands behind the end")]
#[case(Set::of_ua("L").carrier(&[]), "", "UA has no trailer")]
#[case(Set::of_ua("L").with('1', &[(2, "AIRLINE STANDARD SCHEDULE DATA SET")]), "1", "a header stands at the beginning")]
#[case(Set::of_ua("L").with('1', &[]), "2-35", "is not the title")]
fn disorder_is_told(#[case] set: Set, #[case] column: &str, #[case] reason: &str) {
    let kept = read(&set);
    let all = [told(&kept.rejected), told(&kept.notes)].concat();
    assert!(
        all.iter()
            .any(|(_, c, r)| *c == column && r.starts_with(reason)),
        "{all:?}"
    );
}

#[rstest]
#[case(Set::new().text, true)]
#[case("0".repeat(200), true)]
#[case(record('3', &LEG), true)]
#[case("1AIRLINE STANDARD SCHEDULE DATA SET".to_owned(), true)]
#[case("1".repeat(199), false)]
#[case("flight_number".to_owned(), false)]
#[case(String::new(), false)]
fn its_first_line_tells_the_format(#[case] text: String, #[case] is: bool) {
    assert_eq!(begins_with(text.trim_end_matches('\n').as_bytes()), is);
}

proptest! {
    #[test]
    fn no_bytes_break_it(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..210), 0..6),
        kinds in prop::collection::vec("[0-9]", 0..6),
        changes in prop::collection::vec((0_usize..1000, any::<u8>()), 0..12),
    ) {
        let text = Set::of_ua("L").leg(&[]).leg(&[(12, "02")]).trailer().text;
        let mut whole = text.clone().into_bytes();
        for (at, byte) in changes {
            let at = at % whole.len();
            whole[at] = byte;
        }
        read_with(&whole, Defaults::default());
        let mut kept = Kept::default();
        let mut set = DataSet::new(Defaults::default());
        for (line, number) in lines.iter().zip(1..) {
            set.line(number, line, &mut kept);
        }
        for kind in kinds {
            set.line(9, kind.repeat(200).as_bytes(), &mut kept);
        }
        set.end(9, &mut kept);
    }

    #[test]
    fn any_printable_leg_is_taken_whole_or_not_at_all(
        changes in prop::collection::vec((1_usize..194, "[ -~]{1,4}"), 1..4),
    ) {
        let changes: Vec<(usize, &str)> = changes.iter().map(|(at, text)| (*at + 1, text.as_str())).collect();
        let kept = leg(&changes);
        prop_assert!(kept.rows.len() + kept.rejected.len() + usize::try_from(kept.skipped).unwrap() >= 1);
        for row in &kept.rows {
            prop_assert!(row.plan.arrival > row.plan.departure);
            prop_assert!(row.plan.capacities().iter().sum::<u32>() > 0);
            prop_assert_ne!(row.plan.origin, row.plan.destination);
        }
    }
}
