//! The flights that were found.

use airside_common::api::search::{ItineraryQuery, Sort};
use airside_common::flight::Cabin;
use rstest::rstest;

use crate::store::action::Event;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::screen::Loading;
use crate::store::screen::results::Results;
use crate::store::state::{Connection, Tone};
use crate::trial::desk::{Desk, page_of};
use crate::trial::specimens::{connection, direct, itinerary_of, offer, offline};

fn results(desk: &Desk) -> &Results {
    desk.state
        .layers
        .iter()
        .find_map(|layer| match layer {
            Layer::Results(results) => Some(results.as_ref()),
            _ => None,
        })
        .expect("there are results")
}

/// What is searched for by these effects.
fn query(effects: &[Effect]) -> ItineraryQuery {
    match effects {
        [Effect::Itineraries { query, .. }] => query.as_ref().clone(),
        other => panic!("{other:?}"),
    }
}

fn many(count: u16) -> Vec<airside_common::api::search::Itinerary> {
    (1..=count).map(direct).collect()
}

#[test]
fn sorting_goes_around_and_asks_anew() {
    let mut desk = Desk::agent().searched(many(3));
    desk.types("<down>");
    let sorts: Vec<Sort> = (0..4).map(|_| query(&desk.types("s")).sort).collect();
    assert_eq!(
        sorts,
        [Sort::Price, Sort::Duration, Sort::Arrival, Sort::Departure]
    );
    assert_eq!(
        (
            results(&desk).pages.items.len(),
            results(&desk).pages.list.at
        ),
        (0, 0)
    );
}

#[test]
fn arrows_go_to_the_days_around() {
    let mut desk = Desk::agent().searched(many(1));
    assert_eq!(query(&desk.types("<right>")).date.to_string(), "2026-11-26");
    assert_eq!(query(&desk.types("<left>")).date.to_string(), "2026-11-25");
    assert_eq!(query(&desk.types("h")).date.to_string(), "2026-11-24");
    assert_eq!(desk.types("<left>"), [], "yesterday is over");
    assert_eq!(
        desk.message(),
        Some((Tone::Info, "There is no going back before today"))
    );
}

#[test]
fn an_answer_that_comes_late_is_dropped() {
    let mut desk = Desk::agent().searched(Vec::new());
    desk.types("<right>");
    let first = desk.state.requests;
    desk.types("<right>");
    desk.happens(Event::Itineraries {
        request: first,
        result: Ok(page_of(many(3), None)),
    });
    assert_eq!(results(&desk).pages.items, []);
    assert!(matches!(results(&desk).pages.loading, Loading::Awaited(_)));
    desk.finds(many(2), None);
    assert_eq!(results(&desk).pages.items.len(), 2);
    assert_eq!(results(&desk).pages.loading, Loading::No);
}

#[test]
fn an_answer_to_results_that_were_left_hurts_nothing() {
    let mut desk = Desk::agent().searched(Vec::new());
    desk.types("<right><esc>");
    desk.finds(many(3), None);
    assert_eq!(desk.layers(), ["Search"]);
}

#[test]
fn the_next_page_is_asked_for_near_the_end_and_once() {
    let mut desk = Desk::agent().searched(Vec::new());
    desk.types("<f5>");
    desk.finds(many(50), Some("next"));
    assert_eq!(desk.types("<down>"), [], "the end is far");
    let effects = desk.types("<end><up>");
    assert_eq!(query(&effects).cursor.as_deref(), Some("next"));
    desk.finds(many(5), None);
    assert_eq!(results(&desk).pages.items.len(), 55);
    assert_eq!(results(&desk).pages.list.at, 48, "the cursor stays");
    assert_eq!(desk.types("<end>"), []);
}

#[test]
fn refreshing_keeps_what_is_there_and_the_cursor_on_its_itinerary() {
    let mut desk = Desk::agent().searched(vec![direct(1), direct(2), direct(3)]);
    desk.types("<down>");
    let asked = query(&desk.types("<f5>"));
    assert_eq!(asked.cursor, None);
    assert_eq!(
        results(&desk).pages.items.len(),
        3,
        "until the answer is there"
    );
    desk.finds(vec![direct(9), direct(1), direct(2)], None);
    assert_eq!(results(&desk).pages.items.len(), 3);
    assert_eq!(results(&desk).pages.selected(), Some(&direct(2)));
}

#[test]
fn a_page_that_failed_is_asked_for_again() {
    let mut desk = Desk::agent().searched(Vec::new());
    desk.types("<f5>");
    desk.finds(many(20), Some("next"));
    desk.types("<end>");
    desk.finds_nothing(offline());
    assert!(matches!(desk.state.connection, Connection::Offline(_)));
    assert_eq!(results(&desk).pages.items.len(), 20);
    let effects = desk.types("<up>");
    assert_eq!(query(&effects).cursor.as_deref(), Some("next"));
}

#[test]
fn a_search_that_fails_says_why_and_can_be_repeated() {
    let mut desk = Desk::agent().searched(Vec::new());
    desk.types("<f5>");
    desk.finds_nothing(offline());
    assert!(desk.screen(80, 24).contains("connection refused"));
    query(&desk.types("<f5>"));
    desk.finds(many(1), None);
    assert_eq!(desk.state.connection, Connection::Online);
    assert!(!desk.screen(80, 24).contains("connection refused"));
}

#[test]
fn the_filter_narrows_what_is_asked_for() {
    let mut desk = Desk::agent().searched(many(3));
    desk.types("f");
    assert_eq!(desk.layers(), ["Search", "Flights found", "Filter"]);
    let query = query(&desk.types("ua<tab>0600<tab>22:00<tab><left><tab><right><enter>"));
    assert_eq!(query.carrier.map(|c| c.to_string()).as_deref(), Some("UA"));
    assert_eq!(query.earliest.as_deref(), Some("06:00"));
    assert_eq!(query.latest.as_deref(), Some("22:00"));
    assert_eq!((query.max_stops, query.flexible_days), (0, 1));
    assert_eq!(desk.layers(), ["Search", "Flights found"]);
}

#[rstest]
#[case("united<enter>", "carrier")]
#[case("<tab>25:00<enter>", "earliest")]
#[case("<tab><tab>noon<enter>", "latest")]
fn a_wrong_filter_is_named_and_stays(#[case] keys: &str, #[case] field: &str) {
    let mut desk = Desk::agent().searched(many(1));
    desk.types("f");
    assert_eq!(desk.types(keys), []);
    assert_eq!(desk.focus(), field);
    assert!(desk.error(field).is_some());
    desk.types("<esc>");
    assert_eq!(desk.layers(), ["Search", "Flights found"]);
}

#[test]
fn details_show_connections_and_book() {
    let mut desk = Desk::agent().searched(vec![connection()]);
    desk.types("d");
    let screen = desk.screen(80, 24);
    assert!(screen.contains("connection in ORD  1h30"), "{screen}");
    desk.types("<esc>");
    assert_eq!(desk.layers(), ["Search", "Flights found"]);
    desk.types("<space><enter>");
    assert_eq!(desk.layers(), ["Search", "Flights found", "New booking"]);
}

#[test]
fn an_itinerary_with_too_few_seats_is_told_of() {
    let few = itinerary_of(vec![offer(7, &[(Cabin::Economy, 0, 100)])]);
    let mut desk = Desk::agent().searched(vec![few]);
    desk.types("<enter>");
    assert_eq!(desk.message().map(|m| m.0), Some(Tone::Warning));
    assert_eq!(desk.top().name(), "New booking");
}

#[test]
fn pending_bookings_take_their_seats_off_the_count() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.types("<esc>");
    assert!(
        desk.screen(80, 24).contains("Y19"),
        "20 less the pending one"
    );
    let no =
        crate::trial::specimens::problem(airside_common::api::problem::Code::SoldOut, "sold out");
    desk.refused(&operation.key, no);
    assert!(desk.screen(80, 24).contains("Y20"));
}

#[test]
fn a_new_search_takes_the_place_of_the_results() {
    let mut desk = Desk::agent().searched(many(1));
    desk.types("<f2><enter>");
    assert_eq!(desk.layers(), ["Search", "Flights found"]);
    assert_eq!(results(&desk).pages.items, []);
}

#[test]
fn nothing_happens_on_an_empty_list() {
    let mut desk = Desk::agent().searched(Vec::new());
    assert_eq!(desk.types("<enter>d<down><end><pageup>"), []);
    assert_eq!(desk.layers(), ["Search", "Flights found"]);
}

#[test]
fn a_full_flight_is_waitlisted_by_a_key() {
    let full = itinerary_of(vec![offer(9, &[(Cabin::Economy, 0, 100)])]);
    for keys in ["w", "dw"] {
        let mut desk = Desk::agent().searched(vec![full.clone()]);
        desk.types(keys);
        assert_eq!(desk.layers().last(), Some(&"New booking"));
        assert_eq!(desk.field("waitlist"), "waitlist");
        assert_eq!(
            desk.message(),
            Some((
                Tone::Warning,
                "The party waits until there are seats for all"
            ))
        );
    }
    let mut desk = Desk::agent().searched(vec![full]);
    desk.types("<enter>");
    assert_eq!(
        desk.field("waitlist"),
        "book",
        "nobody waits without a wish"
    );
}
