//! Flights for admins.

use airside_common::api::flights::Flight;
use airside_common::flight::Cabin;
use rstest::rstest;

use crate::effects::http::calls::FlightFilter;
use crate::store::action::Event;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::screen::flights::Flights;
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{flight, offline, refused, usd, wrong_field};

fn list(desk: &Desk) -> &Flights {
    desk.state
        .layers
        .iter()
        .find_map(|layer| match layer {
            Layer::Flights(flights) => Some(flights.as_ref()),
            _ => None,
        })
        .expect("the flights are open")
}

fn numbers(desk: &Desk) -> Vec<u16> {
    list(desk)
        .pages
        .items
        .iter()
        .map(|f| f.number.get())
        .collect()
}

fn filter(effects: &[Effect]) -> &FlightFilter {
    match effects {
        [Effect::Flights { filter, .. }] => filter,
        other => panic!("{other:?}"),
    }
}

/// The list with two flights.
fn listed() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<f4>");
    desk.reads_flights(vec![flight(1), flight(2)]);
    desk
}

/// The form of a new flight, filled in.
fn filled_in() -> Desk {
    let mut desk = listed();
    desk.types("nua<tab>77<tab>jfk<tab>lax<tab><tab>0815<tab><tab>11:40<tab>");
    desk.types("<ctrl-u>320<tab><tab><tab>20<tab>899<tab><tab><tab>130<tab>224.78");
    desk
}

#[test]
fn an_agent_has_no_such_screen() {
    let mut desk = Desk::agent();
    assert_eq!(desk.types("<f4>"), []);
    assert_eq!(desk.layers(), ["Search"]);
}

#[test]
fn the_flights_of_today_are_listed() {
    let mut desk = Desk::admin();
    let effects = desk.types("<f4>");
    let today = filter(&effects).date.map(|d| d.to_string());
    assert_eq!(today.as_deref(), Some("2026-11-24"));
    desk.reads_flights(vec![flight(1), flight(2)]);
    assert!(desk.screen(80, 24).contains("Y20/150"));
}

#[test]
fn the_list_is_narrowed() {
    let mut desk = listed();
    let effects = desk.types("f<ctrl-u>1dec<tab>jfk<tab>lax<tab>ua<tab>77<enter>");
    let filter = filter(&effects);
    assert_eq!(filter.date.unwrap().to_string(), "2026-12-01");
    assert_eq!(filter.origin.unwrap().as_str(), "JFK");
    assert_eq!(filter.destination.unwrap().as_str(), "LAX");
    assert_eq!(filter.carrier.unwrap().as_str(), "UA");
    assert_eq!(filter.number.unwrap().get(), 77);
    assert_eq!(numbers(&desk), [0; 0]);
}

#[test]
fn a_wrong_filter_stays_with_its_error() {
    let mut desk = listed();
    assert_eq!(desk.types("f<tab>new york<enter>"), []);
    assert_eq!(desk.focus(), "origin");
    assert!(desk.error("origin").is_some());
}

#[test]
fn refreshing_keeps_the_cursor_on_its_flight() {
    let mut desk = listed();
    desk.types("<f5>");
    desk.reads_flights(vec![flight(1), flight(2), flight(3)]);
    desk.types("<home>");
    desk.types("<down>");
    desk.types("<f5>");
    assert_eq!(numbers(&desk), [1, 2, 3], "until the answer is there");
    desk.reads_flights(vec![flight(9), flight(1), flight(2)]);
    assert_eq!(numbers(&desk), [9, 1, 2]);
    assert_eq!(list(&desk).pages.list.at, 2);
}

#[test]
fn a_late_list_is_dropped() {
    let mut desk = listed();
    let old = desk.state.requests;
    desk.types("<f5>");
    desk.happens(Event::Flights {
        request: old,
        result: Err(offline()),
    });
    assert!(list(&desk).pages.error.is_none());
    desk.reads_flights(vec![flight(3)]);
    assert_eq!(numbers(&desk), [3]);
}

#[test]
fn a_flight_is_created_as_entered_and_shows_in_its_place() {
    let mut desk = filled_in();
    let effects = desk.types("<enter><enter>");
    let [Effect::CreateFlight(body)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!((body.carrier.as_str(), body.number.get()), ("UA", 77));
    assert_eq!(
        (body.origin.as_str(), body.destination.as_str()),
        ("JFK", "LAX")
    );
    assert_eq!(body.departure.0.to_string(), "2026-11-25T08:15:00");
    assert_eq!(body.arrival.0.to_string(), "2026-11-25T11:40:00");
    assert_eq!(body.aircraft.as_str(), "320");
    let cabins: Vec<_> = body.cabins.iter().map(|c| (c.cabin, c.capacity)).collect();
    assert_eq!(cabins, [(Cabin::Business, 20), (Cabin::Economy, 130)]);
    assert_eq!(body.cabins[0].fare, usd(899));
    let made = Flight {
        departure: "2026-11-25T06:00:00-05:00".parse().unwrap(),
        ..flight(77)
    };
    desk.happens(Event::FlightCreated(Ok(Box::new(made))));
    assert_eq!(numbers(&desk), [77, 1, 2]);
    assert_eq!(list(&desk).pages.list.at, 0);
    assert_eq!(desk.message(), Some((Tone::Good, "UA77 WE 25NOV created")));
    assert_eq!(desk.layers(), ["Search", "Flights"]);
}

#[test]
fn a_refused_flight_keeps_its_form_with_the_reason() {
    let mut desk = filled_in();
    desk.types("<enter>");
    let no = wrong_field("number", "is taken on that day");
    desk.happens(Event::FlightCreated(Err(refused(&no))));
    assert_eq!(desk.focus(), "number");
    assert_eq!(desk.error("number"), Some("is taken on that day"));
    assert_eq!(desk.field("aircraft"), "320");
    let effects = desk.types("<ctrl-u>78<enter>");
    assert!(matches!(effects.as_slice(), [Effect::CreateFlight(body)] if body.number.get() == 78));
}

#[rstest]
#[case("<enter>", "carrier")]
#[case("ua<enter>", "number")]
#[case("ua<tab>0<enter>", "number")]
#[case("ua<tab>1<enter>", "origin")]
#[case("ua<tab>1<tab>jfk<tab>lax<tab><tab>25:00<enter>", "departure_time")]
#[case(
    "ua<tab>1<tab>jfk<tab>lax<tab><tab>0815<tab><tab>1140<enter>",
    "economy.capacity"
)]
fn what_is_wrong_with_a_flight_is_named(#[case] keys: &str, #[case] field: &str) {
    let mut desk = listed();
    desk.types("n");
    let effects = desk.types(keys);
    assert!(!effects.iter().any(|e| matches!(e, Effect::CreateFlight(_))));
    assert_eq!(desk.focus(), field);
    assert!(desk.error(field).is_some());
}

#[rstest]
#[case("1dec", "1dec")]
#[case("<end>9", "24NOV9")]
#[case("<backspace>", "24NO")]
#[case("<left>9", "24NO9V")]
#[case("<down>", "25NOV")]
#[case("<down>1", "1")]
#[case("<tab><backtab>2", "2")]
fn what_is_typed_takes_the_place_of_what_a_field_holds_until_it_is_edited(
    #[case] keys: &str,
    #[case] content: &str,
) {
    let mut desk = Desk::admin();
    desk.types("<f4>/");
    assert_eq!((desk.focus(), desk.field("date")), ("date", "24NOV"));
    desk.types(keys);
    assert_eq!(desk.field("date"), content);
}

#[test]
fn what_is_pasted_takes_the_place_of_what_a_field_holds_as_well() {
    let mut desk = Desk::admin();
    desk.types("<f4>/");
    desk.happens(Event::Paste("\u{7}".to_owned()));
    assert_eq!(desk.field("date"), "24NOV");
    desk.happens(Event::Paste("2dec".to_owned()));
    assert_eq!(desk.field("date"), "2dec");
    desk.happens(Event::Paste("26".to_owned()));
    assert_eq!(desk.field("date"), "2dec26");
}

#[test]
fn a_year_out_of_range_is_told_at_the_date_which_is_then_mended() {
    let mut desk = Desk::admin();
    desk.types("<f4>/");
    assert_eq!(desk.types("24nov1175<enter>"), []);
    assert_eq!(desk.error("date"), Some("date: 1175 is not 1900 to 2099"));
    desk.types("<backspace><backspace><backspace><backspace>26");
    assert_eq!(desk.field("date"), "24nov26");
    assert_eq!(desk.types("<enter>").len(), 1);
}
