//! The search form.

use airside_common::flight::Cabin;
use rstest::rstest;

use crate::store::action::Event;
use crate::store::effect::Effect;
use crate::store::form::Value;
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{airports, offline};

/// The codes that complete the field in focus.
fn matches(desk: &Desk) -> Vec<String> {
    match &desk.form().focused().unwrap().value {
        Value::Airport { matches, .. } => matches.iter().map(|a| a.code.to_string()).collect(),
        _ => Vec::new(),
    }
}

fn asked(effects: &[Effect]) -> Vec<&str> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Airports { query } => Some(query.as_str()),
            _ => None,
        })
        .collect()
}

#[rstest]
#[case("jfk", "JFK · New York")]
#[case("new y", "JFK · New York")]
#[case("ohare", "ORD · Chicago")]
#[case("zurich", "ZRH · Zürich")]
#[case("東京", "HND · 東京")]
fn an_airport_is_found_by_code_city_or_name(#[case] typed: &str, #[case] written: &str) {
    let mut desk = Desk::agent();
    desk.types(typed);
    desk.types("<tab>");
    assert_eq!(desk.focus(), "destination");
    assert_eq!(desk.field("origin"), written);
}

#[test]
fn arrows_choose_among_the_completions() {
    let mut desk = Desk::agent();
    desk.types("international");
    let found = matches(&desk);
    assert!(found.len() > 1, "{found:?}");
    desk.types("<down><tab>");
    assert!(desk.field("origin").starts_with(&found[1]));
}

#[test]
fn the_server_is_asked_once_about_a_text() {
    let mut desk = Desk::agent();
    let effects = desk.types("or<backspace>r");
    assert_eq!(asked(&effects), ["o", "or"]);
    desk.happens(Event::Airports {
        query: "or".to_owned(),
        result: Err(offline()),
    });
    let effects = desk.types("<backspace>r");
    assert_eq!(
        asked(&effects),
        ["or"],
        "a question without an answer is asked again"
    );
}

#[test]
fn a_citys_own_code_stands_for_its_airports_and_is_none() {
    let mut desk = Desk::agent();
    desk.types("lax<tab>nyc");
    assert_eq!(matches(&desk), [""; 0]);
    desk.happens(Event::Airports {
        query: "nyc".to_owned(),
        result: Ok(airports().into_iter().take(1).collect()),
    });
    assert_eq!(matches(&desk), ["JFK"]);
    let effects = desk.types("<enter>");
    let Some(Effect::Itineraries { query, .. }) = effects.last() else {
        panic!("{effects:?}");
    };
    assert_eq!(query.destination.as_str(), "JFK");
}

#[test]
fn an_answer_completes_what_is_typed_meanwhile() {
    let mut desk = Desk::agent();
    desk.state.airports.clear();
    desk.types("chic");
    assert_eq!(matches(&desk), [""; 0]);
    desk.happens(Event::Airports {
        query: "chic".to_owned(),
        result: Ok(airports()),
    });
    assert_eq!(matches(&desk)[0], "ORD");
}

#[test]
fn escape_closes_the_completions_before_the_screen() {
    let mut desk = Desk::agent();
    desk.types("new<esc>");
    assert_eq!(matches(&desk), [""; 0]);
    assert_eq!(desk.field("origin"), "new");
    desk.types("<esc>");
    assert_eq!(desk.layers(), ["Search"]);
    assert_eq!(desk.message(), Some((Tone::Info, "^q leaves the console")));
}

#[rstest]
#[case("1dec", "2026-12-01")]
#[case("+3", "2026-11-27")]
#[case("fri", "2026-11-27")]
#[case("2026-12-24", "2026-12-24")]
#[case("1dec<down>", "2026-12-02")]
#[case("1dec<up>", "2026-11-30")]
#[case("1dec<pagedown>", "2026-12-08")]
#[case("today<up>", "2026-11-24")]
fn a_date_is_entered_in_many_ways(#[case] typed: &str, #[case] date: &str) {
    let mut desk = Desk::agent();
    desk.types("jfk<tab>lax<tab><ctrl-u>");
    desk.types(typed);
    let effects = desk.types("<enter>");
    let [Effect::Itineraries { query, .. }] = effects.as_slice() else {
        panic!("{effects:?} {:?}", desk.error("date"));
    };
    assert_eq!(query.date.to_string(), date);
}

#[test]
fn all_that_is_entered_is_asked_for() {
    let mut desk = Desk::agent();
    let effects = desk.types("jfk<tab>lax<tab><tab><right><right><right><tab>3<tab><left><enter>");
    let Some(Effect::Itineraries { query, request }) = effects.last() else {
        panic!("{effects:?}");
    };
    assert_eq!(
        (query.origin.as_str(), query.destination.as_str()),
        ("JFK", "LAX")
    );
    assert_eq!(query.date.to_string(), "2026-11-25");
    assert_eq!(query.cabin, Some(Cabin::Business));
    assert_eq!((query.passengers, query.max_stops), (3, 0));
    assert_eq!(*request, desk.state.requests);
    assert_eq!(desk.layers(), ["Search", "Flights found"]);
}

#[rstest]
#[case("<enter>", "origin", "which airport? A code, a city or a name")]
#[case("jfk<enter>", "destination", "which airport? A code, a city or a name")]
#[case("qqqq<tab>lax<enter>", "origin", "no airport fits \"qqqq\"")]
#[case("jfk<tab>jfk<enter>", "destination", "another airport than the origin")]
#[case(
    "jfk<tab>lax<tab><ctrl-u>23nov26<enter>",
    "date",
    "this day has passed"
)]
#[case(
    "jfk<tab>lax<tab><ctrl-u>32dec<enter>",
    "date",
    "not a date: write it as 1dec, +3, fri or 2026-12-01"
)]
fn what_is_wrong_stands_at_its_field(#[case] keys: &str, #[case] field: &str, #[case] error: &str) {
    let mut desk = Desk::agent();
    let effects = desk.types(keys);
    assert_eq!(asked(&effects).len(), effects.len(), "nothing is searched");
    assert_eq!((desk.focus(), desk.error(field)), (field, Some(error)));
    let screen = desk.screen(80, 24);
    assert!(screen.contains(&format!("✗ {error}")), "{screen}");
    desk.types("x");
    assert_eq!(desk.error(field), None, "typing takes the error away");
}

#[test]
fn a_pasted_text_goes_into_the_field_on_one_line() {
    let mut desk = Desk::agent();
    desk.happens(Event::Paste("new\nyo\u{1b}[31mrk".to_owned()));
    assert_eq!(desk.field("origin"), "new yo[31mrk");
}
