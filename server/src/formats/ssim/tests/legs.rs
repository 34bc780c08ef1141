//! What one leg becomes.

use super::*;

#[test]
fn a_leg_is_a_flight_on_each_day_at_passenger_times() {
    let kept = leg(&[]);
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.rows.len(), 7);
    let PlannedRow { line, plan, unsaid } = &kept.rows[0];
    assert_eq!(*line, 3);
    assert_eq!(FlightKey::of(plan).to_string(), "UA12 JFK 2026-12-07");
    assert_eq!(plan.destination.as_str(), "LAX");
    assert_eq!(plan.departure.to_string(), "2026-12-07T08:00:00-05:00");
    assert_eq!(plan.arrival.to_string(), "2026-12-07T11:00:00-08:00");
    assert_eq!(plan.aircraft.as_str(), "738");
    assert_eq!(plan.capacities(), [12, 0, 0, 138]);
    let missing = [true, false, false, true];
    assert_eq!(*unsaid, Unsaid::Fares { missing });
    let [covered] = &kept.covered[..] else {
        panic!("{kept:?}");
    };
    assert_eq!(
        (covered.from.to_string(), covered.to.to_string()),
        ("2026-10-25".to_owned(), "2027-03-27".to_owned())
    );
}

#[test]
fn new_flights_get_the_fares_that_are_set() {
    let economy = Money::from_minor(19_900, Currency::USD);
    let defaults = Defaults {
        fares: [None, None, None, Some(economy)],
        ..Defaults::default()
    };
    let set = Set::of_ua("L").leg(&[]).trailer();
    let row = read_with(set.text.as_bytes(), defaults).rows.remove(0);
    assert_eq!(row.plan.cabins[3].unwrap().fare, economy);
    let missing = [true, false, false, false];
    assert_eq!(row.unsaid, Unsaid::Fares { missing });
}

#[rstest]
#[case(&[(29, " 2  5  ")], &["08Dec", "11Dec"])]
#[case(&[(22, "27DEC26"), (29, "1      ")], &["07Dec", "14Dec", "21Dec"])]
#[case(&[(22, "31DEC26"), (29, "1      "), (36, "2")], &["07Dec", "21Dec"])]
// A fortnight counts from the first day of the period, not from Monday.
#[case(&[(15, "09DEC26"), (22, "31DEC26"), (29, "1 3    "), (36, "2")], &["09Dec", "14Dec", "23Dec", "28Dec"])]
#[case(&[(15, "22MAR27"), (22, "00XXX00"), (48, "-0400"), (66, "-0700")], &["22Mar", "23Mar", "24Mar", "25Mar", "26Mar", "27Mar"])]
#[case(&[(22, "07DEC26")], &["07Dec"])]
// The date is that of the first station; the leg itself departs on the next day.
#[case(&[(22, "08DEC26"), (193, "11")], &["08Dec", "09Dec"])]
fn periods_and_days_are_expanded(#[case] fields: &[(usize, &str)], #[case] dates: &[&str]) {
    let kept = leg(fields);
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.dates(), dates);
}

#[test]
fn an_open_leg_of_an_open_season_ends_after_twelve_months() {
    let set = Set::new()
        .carrier(&[(22, "00XXX00")])
        .leg(&[(22, "00XXX00"), (48, "     "), (66, "     ")])
        .trailer();
    let kept = read(&set);
    assert_eq!(kept.rows.len(), 365);
    assert_eq!(kept.dates()[364], "06Dec");
    assert!(kept.covered.is_empty());
    assert_eq!(
        told(&kept.notes),
        [(
            4,
            "",
            "what the file leaves out of UA is not reported: its period is open"
        )]
    );
}

#[rstest]
#[case(&[(40, "2200"), (62, "0115"), (194, "1")], "2026-12-07T22:00:00-05:00", "2026-12-08T01:15:00-08:00")]
#[case(&[(62, "2400"), (40, "2100")], "2026-12-07T21:00:00-05:00", "2026-12-08T00:00:00-08:00")]
#[case(&[(37, "NRT"), (55, "HNL"), (40, "2200"), (62, "1000"), (48, "+0900"), (66, "-1000")], "2026-12-07T22:00:00+09:00", "2026-12-07T10:00:00-10:00")]
// West over the date line: there before the day of departure.
#[case(&[(37, "NRT"), (55, "HNL"), (40, "0030"), (62, "1230"), (48, "+0900"), (66, "-1000"), (194, "A")], "2026-12-07T00:30:00+09:00", "2026-12-06T12:30:00-10:00")]
fn date_variations_move_each_end(
    #[case] fields: &[(usize, &str)],
    #[case] departure: &str,
    #[case] arrival: &str,
) {
    let kept = leg(fields);
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.rows[0].plan.departure.to_string(), departure);
    assert_eq!(kept.rows[0].plan.arrival.to_string(), arrival);
}

#[test]
fn times_in_utc_become_those_of_the_airports() {
    let fields = [(40, "0300"), (62, "0900"), (22, "07DEC26")];
    let kept = read(&Set::of_ua("U").leg(&fields).trailer());
    assert!(kept.is_clean(), "{kept:?}");
    let plan = &kept.rows[0].plan;
    assert_eq!(plan.departure.to_string(), "2026-12-06T22:00:00-05:00");
    assert_eq!(plan.arrival.to_string(), "2026-12-07T01:00:00-08:00");
    assert_eq!(kept.covered[0].days, Days::Utc);
}

#[test]
fn what_the_clocks_skip_or_double_is_rejected_on_that_day_alone() {
    let fields = [
        (15, "12MAR27"),
        (22, "15MAR27"),
        (40, "0230"),
        (62, "0600"),
        (48, "     "),
        (66, "     "),
    ];
    let kept = leg(&fields);
    assert_eq!(kept.dates(), ["12Mar", "13Mar", "15Mar"]);
    let [wrong] = &kept.rejected[..] else {
        panic!("{kept:?}");
    };
    assert_eq!((wrong.line, wrong.error.column.as_str()), (3, "40-43"));
    assert!(wrong.error.reason.contains("skipped or happens twice"));
    assert_eq!(wrong.error.value, "UA12 JFK 2027-03-14");
    assert_eq!(kept.mentioned.len(), 1);
}

#[test]
fn other_differences_from_utc_are_noted_and_the_zones_taken() {
    let kept = leg(&[(15, "12MAR27"), (22, "15MAR27"), (66, "-0900")]);
    assert_eq!(kept.rows.len(), 4);
    let notes: Vec<_> = kept
        .notes
        .iter()
        .map(|n| (n.error.column.as_str(), n.error.value.as_str()))
        .collect();
    assert_eq!(
        notes,
        [
            ("66-70", "UA12 JFK 2027-03-12 and 1 more"),
            ("48-52", "UA12 JFK 2027-03-14 and 1 more"),
            ("66-70", "UA12 JFK 2027-03-14 and 1 more"),
        ]
    );
    let said = "the clocks of JFK are at -0400 then, which was taken, not at -0500";
    assert_eq!(kept.notes[1].error.reason, said);
}

#[rstest]
#[case("F12J30Y138", [12, 30, 0, 138])]
#[case("A4P2F6", [12, 0, 0, 0])]
#[case("C1J2D3I4Z5", [0, 15, 0, 0])]
#[case("W24Y10B20M30", [0, 0, 24, 60])]
#[case("Y174LL02PP11", [0, 0, 0, 174])]
#[case("Y174VVB12", [0, 0, 0, 174])]
#[case("F12 Y138", [12, 0, 0, 138])]
fn configurations_are_cabins(#[case] text: &str, #[case] seats: [u32; 4]) {
    let kept = leg(&[(173, "                    "), (173, text)]);
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.rows[0].plan.capacities(), seats);
}

#[rstest]
#[case("R12Y100", "no cabin has the letter R")]
#[case("Y", "Y has no number of seats")]
#[case("YYY12", "Y has no number of seats")]
#[case("12Y", "a configuration is letters with numbers")]
#[case("Y901", "Y has no number of seats")]
#[case("Y600B600", "an aircraft has at most 900 seats")]
#[case("F600Y600", "an aircraft has at most 900 seats")]
#[case("Y-50", "Y has no number of seats")]
#[case("F0Y0", "the configuration has no seats")]
#[case("VVM80", "the configuration has no seats")]
#[case("", "the configuration has no seats")]
fn configurations_that_tell_no_cabins_are_rejected(#[case] text: &str, #[case] reason: &str) {
    let kept = leg(&[(173, "                    "), (173, text)]);
    assert_eq!(kept.rows.len(), 0);
    let [wrong] = &kept.rejected[..] else {
        panic!("{kept:?}");
    };
    assert_eq!(wrong.error.column, "173-192");
    assert!(wrong.error.reason.starts_with(reason), "{wrong:?}");
}

#[rstest]
#[case(&[(2, "D")], "2", "a flight with an operational suffix")]
#[case(&[(3, "AA")], "3-5", "the carrier record before says UA")]
#[case(&[(6, "0000")], "6-9", "a flight number is 1 to 9999")]
#[case(&[(6, "12A ")], "6-9", "a flight number is 1 to 9999")]
#[case(&[(10, "00")], "10-11", "is a number from 01")]
#[case(&[(12, "  ")], "12-13", "is a number from 01")]
#[case(&[(14, "Y")], "14", "there is no such service type")]
#[case(&[(15, "31NOV26")], "15-21", "not a date")]
#[case(&[(15, "00XXX00")], "15-21", "an open date")]
#[case(&[(22, "06DEC26")], "22-28", "the period ends before it begins")]
#[case(&[(22, "31DEC28")], "22-28", "the period is longer than 400 days")]
#[case(&[(29, "2134567")], "29-35", "days of operation are written")]
#[case(&[(29, "       ")], "29-35", "the leg has no day of operation")]
#[case(&[(22, "08DEC26"), (29, "     6 ")], "29-35", "none of its days")]
#[case(&[(36, "3")], "36", "the frequency is blank, or 2")]
#[case(&[(37, "QQQ")], "37-39", "there is no airport QQQ")]
#[case(&[(37, "J K")], "37-39", "an airport code has three letters")]
#[case(&[(55, "JFK")], "55-57", "is the departure station too")]
#[case(&[(40, "2460")], "40-43", "not a time of day")]
#[case(&[(40, "    ")], "40-43", "not a time of day")]
#[case(&[(48, "+05 0")], "48-52", "not a difference from UTC")]
#[case(&[(62, "0200")], "62-65", "is not after the departure")]
#[case(&[(194, "3")], "62-65", "is more than 24 hours")]
#[case(&[(194, "X")], "194", "a date variation is 0 to 7")]
#[case(&[(73, "   ")], "73-75", "an aircraft type has three")]
fn what_is_wrong_with_a_leg_is_named_by_its_bytes(
    #[case] fields: &[(usize, &str)],
    #[case] column: &str,
    #[case] reason: &str,
) {
    let good = [(6, "  99")];
    let kept = read(&Set::of_ua("L").leg(fields).leg(&good).trailer());
    assert_eq!(kept.rows.len(), 7, "the good one is taken");
    let [(line, told_column, told_reason)] = told(&kept.rejected)[..] else {
        panic!("{kept:?}");
    };
    assert_eq!((line, told_column), (3, column));
    assert!(told_reason.starts_with(reason), "{told_reason}");
}

#[rstest]
#[case(&[(14, "F")])]
#[case(&[(14, "U")])]
#[case(&[(14, "P")])]
#[case(&[(14, "C")])]
#[case(&[(149, "L")])]
#[case(&[(149, "Z")])]
#[case(&[(150, "A")])]
fn what_is_no_passenger_flight_of_its_own_is_skipped_and_counted(#[case] fields: &[(usize, &str)]) {
    let kept = leg(fields);
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!((kept.skipped, kept.rows.len()), (1, 0));
}

#[rstest]
#[case("S")]
#[case("G")]
#[case("Q")]
fn other_passenger_services_are_taken(#[case] service: &str) {
    assert_eq!(leg(&[(14, service)]).rows.len(), 7);
}

#[rstest]
#[case("050", 0)]
#[case("002", 0)]
#[case("010", 7)]
fn segment_data_tell_code_shares(#[case] element: &str, #[case] flights: usize) {
    let own = |sequence| {
        let mut fields = LEG[..5].to_vec();
        fields.extend([
            (12, sequence),
            (31, element),
            (34, "JFKLAX"),
            (40, "AA 0100"),
        ]);
        fields
    };
    let kept = read(&Set::of_ua("L").leg(&[]).with('4', &own("01")).trailer());
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.rows.len(), flights);
    assert_eq!(kept.skipped, u32::from(flights == 0));

    let other = read(&Set::of_ua("L").leg(&[]).with('4', &own("02")).trailer());
    assert_eq!(other.rows.len(), 7);
    let said = "the segment data belong to no leg that stands before them";
    assert_eq!(told(&other.notes), [(4, "", said)]);
}

#[test]
fn a_traffic_restriction_that_is_not_applied_is_noted() {
    let kept = leg(&[(150, "K")]);
    assert_eq!(kept.rows.len(), 7);
    assert_eq!(
        told(&kept.notes),
        [(3, "150", "the traffic restriction is not applied")]
    );
}
