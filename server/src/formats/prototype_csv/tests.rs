use super::*;
use crate::reference::reference;
use proptest::prelude::*;
use rstest::rstest;

const HEADER: &str = "flight_number,source,destination,departure_ts,arrival_ts,total_seats,price";
const ROW: &str = "6E3238,Pune,Nagpur,2026-12-28T15:19:57Z,2026-12-29T01:58:57Z,127,13264.57";

fn row(line: &str) -> Result<FlightPlan, RowError> {
    Header::parse(HEADER.as_bytes(), Currency::INR)
        .unwrap()
        .row(reference(), line.as_bytes())
}

#[test]
fn a_row_becomes_a_flight_in_economy() {
    let plan = row(ROW).unwrap();
    assert_eq!((plan.carrier.as_str(), plan.number.get()), ("6E", 3238));
    assert_eq!(
        (plan.origin.as_str(), plan.destination.as_str()),
        ("PNQ", "NAG")
    );
    // Instants in UTC are shown on the airport's clocks, seconds are cut off.
    assert_eq!(plan.departure.to_string(), "2026-12-28T20:49:00+05:30");
    assert_eq!(plan.arrival.to_string(), "2026-12-29T07:28:00+05:30");
    assert_eq!(plan.capacities(), [0, 0, 0, 127]);
    assert_eq!(plan.cabins[3].unwrap().fare.to_string(), "13264.57 INR");
}

#[rstest]
#[case("2026-12-28T15:19:57", "2026-12-28T15:19:00+05:30")]
#[case("2026-12-28 15:19", "2026-12-28T15:19:00+05:30")]
#[case("2026-12-28T15:19:57-02:00", "2026-12-28T22:49:00+05:30")]
fn times_without_an_offset_are_local(#[case] departure: &str, #[case] read: &str) {
    let plan = row(&ROW.replace("2026-12-28T15:19:57Z", departure)).unwrap();
    assert_eq!(plan.departure.to_string(), read);
}

#[rstest]
#[case("6E3238", "6E 3238")]
#[case("6E3238", "6e-3238")]
#[case("Pune", "PNQ")]
#[case("Nagpur", "\"Nagpur\"")]
fn what_people_write_is_read(#[case] good: &str, #[case] other: &str) {
    assert_eq!(row(&ROW.replace(good, other)), row(ROW));
}

#[rstest]
#[case("127", "-50", "total_seats")]
#[case("127", "0", "total_seats")]
#[case("127", "901", "total_seats")]
#[case("127", "12.5", "total_seats")]
#[case("13264.57", "-1", "price")]
#[case("13264.57", "1.234", "price")]
#[case("13264.57", "", "price")]
#[case("6E3238", "6E", "flight_number")]
#[case("6E3238", "6E0", "flight_number")]
#[case("6E3238", "3238", "flight_number")]
#[case("6E3238", "6E32381", "flight_number")]
#[case("6E3238", "ÄE3238", "flight_number")]
#[case("Pune", "Punx", "source")]
#[case("Nagpur", "Pune", "destination")]
#[case("Nagpur", "London", "destination")]
#[case("2026-12-28T15:19:57Z", "then", "departure_ts")]
#[case("2026-12-28T15:19:57Z", "1926-12-28T15:19:57Z", "departure_ts")]
#[case("2026-12-29T01:58:57Z", "2026-12-28T15:19:30Z", "arrival_ts")]
#[case("2026-12-29T01:58:57Z", "2026-12-30T01:58:57Z", "arrival_ts")]
#[case(",127", "", "")]
fn a_wrong_cell_is_named(#[case] good: &str, #[case] bad: &str, #[case] column: &str) {
    let error = row(&ROW.replacen(good, bad, 1)).unwrap_err();
    assert_eq!(error.column, column, "{error:?}");
}

#[test]
fn an_ambiguous_city_names_its_airports() {
    let error = row(&ROW.replace("Pune", "NYC")).unwrap_err();
    assert_eq!(error.column, "source");
    assert_eq!(error.reason, "which airport is meant: JFK, LGA?");
}

#[rstest]
#[case("2027-03-14T02:30:00", "JFK")]
#[case("2026-11-01T01:30:00", "JFK")]
fn local_times_that_the_clocks_skip_or_double_are_told(#[case] time: &str, #[case] source: &str) {
    let row = row(&format!(
        "B61,{source},SJU,{time},2026-11-01T09:00,100,99.00"
    ));
    let error = row.unwrap_err();
    assert_eq!(error.column, "departure_ts");
    assert!(
        error.reason.contains("skipped or happens twice"),
        "{error:?}"
    );
}

#[rstest]
#[case(",price", "", HeaderError::Missing("price".to_owned()))]
#[case(",price", ",price,price", HeaderError::Twice("price".to_owned()))]
#[case(",price", ",price,colour", HeaderError::Unknown("colour".to_owned()))]
fn a_wrong_header_is_refused(#[case] good: &str, #[case] bad: &str, #[case] error: HeaderError) {
    let header = HEADER.replacen(good, bad, 1);
    assert_eq!(Header::parse(header.as_bytes(), Currency::USD), Err(error));
}

#[test]
fn columns_stand_in_any_order() {
    let header = "price,total_seats,arrival_ts,departure_ts,destination,source,flight_number";
    let mut cells: Vec<&str> = ROW.split(',').collect();
    cells.reverse();
    let header = Header::parse(header.as_bytes(), Currency::INR).unwrap();
    assert_eq!(
        header.row(reference(), cells.join(",").as_bytes()),
        row(ROW)
    );
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..300), cell in 0_usize..7, text: String) {
        let _ = Header::parse(&bytes, Currency::USD);
        let header = Header::parse(HEADER.as_bytes(), Currency::USD).unwrap();
        let _ = header.row(reference(), &bytes);
        let mut cells: Vec<&str> = ROW.split(',').collect();
        cells[cell] = &text;
        if let Ok(plan) = header.row(reference(), cells.join(",").as_bytes()) {
            prop_assert!(plan.capacities().iter().sum::<u32>() > 0);
            prop_assert!(plan.arrival > plan.departure);
        }
    }
}
