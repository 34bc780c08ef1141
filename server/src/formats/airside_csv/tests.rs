use super::*;
use crate::reference::reference;
use proptest::prelude::*;
use rstest::rstest;

const HEADER: &str = "carrier,number,origin,destination,departure,arrival,aircraft,seats_business,seats_economy,\
                      fare_business,fare_economy,currency";
const ROW: &str = "B6,701,JFK,SJU,2026-12-07T23:59,2026-12-08T03:45,320,20,180,899.12,224.78,USD";

fn row(line: &str) -> Result<FlightPlan, RowError> {
    Header::parse(HEADER.as_bytes())
        .unwrap()
        .row(reference(), line.as_bytes())
}

#[test]
fn a_row_becomes_a_flight() {
    let plan = row(ROW).unwrap();
    assert_eq!(plan.departure.to_string(), "2026-12-07T23:59:00-05:00");
    assert_eq!(plan.arrival.to_string(), "2026-12-08T03:45:00-04:00");
    assert_eq!(plan.capacities(), [0, 20, 0, 180]);
    assert_eq!(plan.cabins[3].unwrap().fare.to_string(), "224.78 USD");
}

#[rstest]
#[case("20,180", "20,-50", "seats_economy")]
#[case("20,180", "20,0", "seats_economy")]
#[case("20,180", "20,+5", "seats_economy")]
#[case("20,180", "20,99999999999", "seats_economy")]
#[case("20,180", ",180", "seats_business")]
#[case("899.12", "-1", "fare_business")]
#[case("899.12", "1.234", "fare_business")]
#[case("899.12", "", "fare_business")]
#[case("B6", "B", "carrier")]
#[case("701", "0", "number")]
#[case("JFK", "QQQ", "origin")]
#[case("SJU", "JFK", "destination")]
#[case("2026-12-07T23:59", "2026-03-08T02:30", "departure")]
#[case("2026-12-07T23:59", "2026-12-07T23:59:01", "departure")]
#[case("2026-12-08T03:45", "2026-12-07T03:45", "arrival")]
#[case("USD", "XXZ", "currency")]
#[case("320,", "32000,", "aircraft")]
#[case(",USD", "", "")]
fn a_wrong_cell_is_named(#[case] good: &str, #[case] bad: &str, #[case] column: &str) {
    let error = row(&ROW.replacen(good, bad, 1)).unwrap_err();
    assert_eq!(error.column, column, "{error:?}");
}

#[rstest]
#[case("carrier,number", "carrier")]
#[case("seats_business,", "")]
#[case(",currency", ",currency,currency")]
#[case(",currency", ",currency,colour")]
fn a_wrong_header_is_refused(#[case] good: &str, #[case] bad: &str) {
    assert!(Header::parse(HEADER.replacen(good, bad, 1).as_bytes()).is_err());
}

#[test]
fn quoted_cells_are_read() {
    assert_eq!(row(&ROW.replace("B6", "\"B6\"")), row(ROW));
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..400), cell in 0_usize..12, text: String) {
        let _ = Header::parse(&bytes);
        let header = Header::parse(HEADER.as_bytes()).unwrap();
        let _ = header.row(reference(), &bytes);
        let mut cells: Vec<&str> = ROW.split(',').collect();
        cells[cell] = &text;
        if let Ok(plan) = header.row(reference(), cells.join(",").as_bytes()) {
            prop_assert!(plan.capacities().iter().sum::<u32>() > 0);
            prop_assert!(plan.arrival > plan.departure);
        }
    }
}
