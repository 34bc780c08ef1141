//! Live events, and who listens to them.

use airside_common::api::events::{BookingChanged, CabinSeats, INVENTORY_CHANGED, SeatsChanged};
use airside_common::booking::OperationKey;
use airside_common::flight::{Cabin, FlightId, FlightStatus};
use airside_common::time::Instant;
use airside_common::user::Role;
use jiff::SignedDuration;

use crate::store::action::{Event, Live, News};
use crate::store::effect::Effect;
use crate::store::ledger::LedgerEffect;
use crate::trial::desk::Desk;
use crate::trial::specimens::{
    booking, direct, locator, logged_out, made, noon, offline, passenger, session,
};

fn live(live: Live) -> Event {
    Event::Live(Box::new(live))
}

fn changed(n: usize, version: u64, operation: Option<&OperationKey>) -> Event {
    live(Live::News(News::Booking(BookingChanged {
        kind: "booking.cancelled".to_owned(),
        locator: locator(n),
        version,
        office: "NYC1A0001".parse().unwrap(),
        operation: operation.cloned(),
    })))
}

fn seats(flight: FlightId, available: u32, version: u64, seconds: i64) -> Event {
    live(Live::News(News::Seats(SeatsChanged {
        kind: INVENTORY_CHANGED.to_owned(),
        flight_id: flight,
        version,
        status: FlightStatus::Scheduled,
        cabins: vec![CabinSeats {
            cabin: Cabin::Economy,
            available,
        }],
        as_of: Instant(noon() + SignedDuration::from_secs(seconds)),
    })))
}

/// The locators that are read one by one, and how many lists.
fn read(effects: &[Effect]) -> (Vec<String>, usize) {
    let mut one_by_one = Vec::new();
    let mut lists = 0;
    for effect in effects {
        match effect {
            Effect::Ledger(effect) => {
                if let LedgerEffect::Fetch(locator) = effect.as_ref() {
                    one_by_one.push(locator.to_string());
                }
            }
            Effect::Bookings { .. } => lists += 1,
            _ => {}
        }
    }
    (one_by_one, lists)
}

fn named(effects: &[Effect]) -> Option<Vec<FlightId>> {
    effects.iter().find_map(|effect| match effect {
        Effect::Listen { flights } => Some(flights.clone()),
        _ => None,
    })
}

fn with_list() -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    desk.reads(vec![booking(1, passenger("smith", "john"), &direct(1))]);
    desk
}

#[test]
fn what_others_do_is_read_and_marked_until_the_next_key() {
    let mut desk = with_list();
    let there = locator(1).to_string();
    assert_eq!(read(&desk.happens(changed(1, 1, None))), (vec![], 0));
    assert!(!desk.screen(80, 24).contains('•'), "nothing new");
    assert_eq!(read(&desk.happens(changed(1, 2, None))), (vec![there], 0));
    assert!(desk.screen(80, 24).contains('•'));
    desk.types("<down>");
    assert!(!desk.screen(80, 24).contains('•'));
    let new = locator(2).to_string();
    assert_eq!(read(&desk.happens(changed(2, 1, None))), (vec![new], 0));
    assert!(desk.message().is_none(), "the list shows it");
}

#[test]
fn what_is_on_no_screen_is_not_read() {
    let mut desk = Desk::agent();
    assert_eq!(read(&desk.happens(changed(2, 1, None))), (vec![], 0));
}

#[test]
fn who_has_the_record_open_is_told() {
    let mut desk = with_list();
    desk.types("<home><enter>");
    let effects = desk.happens(changed(1, 2, None));
    assert_eq!(read(&effects).0.len(), 1);
    let words = format!("{} was cancelled by somebody else", locator(1));
    assert_eq!(desk.message().unwrap().1, words);
    let key: OperationKey = "of-another-console".parse().unwrap();
    let mut own = with_list();
    own.types("<home><enter>");
    assert_eq!(read(&own.happens(changed(1, 2, Some(&key)))).0.len(), 1);
    assert!(own.message().is_none(), "the agent did it");
}

#[test]
fn of_more_than_a_few_at_once_the_list_is_read_once() {
    let mut desk = with_list();
    let mut one_by_one = Vec::new();
    for n in 2..40 {
        let (read, lists) = read(&desk.happens(changed(n, 1, None)));
        assert_eq!(lists, 0);
        one_by_one.extend(read);
    }
    assert_eq!(one_by_one.len(), 8);
    let mut lists = 0;
    for n in 2..10 {
        let result = Ok(Box::new(booking(n, passenger("doe", "jane"), &direct(1))));
        let locator = locator(n);
        lists += read(&desk.happens(Event::Fetched { locator, result })).1;
    }
    assert_eq!(lists, 1);
    assert_eq!(read(&desk.reads(vec![])).1, 0, "that was all");
    // More again while the list is read: it is read once more.
    desk.types("<f5>");
    for n in 50..60 {
        desk.happens(changed(n, 1, None));
    }
    for n in 50..58 {
        let result = Err(offline());
        let locator = locator(n);
        desk.happens(Event::Fetched { locator, result });
    }
    assert_eq!(read(&desk.reads(vec![])).1, 1);
}

#[test]
fn after_a_reset_what_is_on_the_screens_is_read_anew() {
    let mut desk = Desk::agent();
    assert_eq!(
        read(&desk.happens(live(Live::News(News::Reset)))),
        (vec![], 0)
    );
    let mut desk = with_list();
    desk.types("<home><enter>");
    let effects = desk.happens(live(Live::News(News::Reset)));
    assert_eq!(read(&effects), (vec![locator(1).to_string()], 1));
}

#[test]
fn seats_follow_what_is_told() {
    let item = direct(1);
    let flight = item.segments[0].flight_id;
    let mut desk = Desk::agent().searched(vec![item.clone(), direct(2)]);
    desk.happens(seats(flight, 3, 1, 10));
    assert!(
        desk.screen(100, 24).contains("Y3 "),
        "{}",
        desk.screen(100, 24)
    );
    // A search whose seats are older, from a cache, does not take that back; a newer one does.
    desk.types("<f5>");
    desk.finds(vec![item.clone(), direct(2)], None);
    assert!(desk.screen(100, 24).contains("Y3 "));
    assert!(desk.message().is_none());
    desk.happens(seats(flight, 2, 2, 11));
    assert!(desk.message().unwrap().1.contains("has changed"));
}

#[test]
fn an_own_booking_is_taken_off_once_whichever_comes_first() {
    for told_first in [true, false] {
        let item = direct(1);
        let flight = item.segments[0].flight_id;
        let mut desk = Desk::filled_in(vec![item.clone()]);
        let operation = desk.books();
        let before = item.segments[0].cabins.iter();
        let before = before.clone().find(|c| c.cabin == Cabin::Economy).unwrap();
        let left = before.available - 1;
        let mut booked = made(1, &operation.key);
        booked.created_at = Instant(noon() + SignedDuration::from_secs(5));
        let told = seats(flight, left, 1, 6);
        if told_first {
            desk.happens(told);
            desk.confirmed(&operation.key, booked);
        } else {
            desk.confirmed(&operation.key, booked);
            desk.happens(told);
        }
        desk.types("<esc>");
        let screen = desk.screen(100, 24);
        assert!(
            screen.contains(&format!("Y{left} ")),
            "{told_first}: {screen}"
        );
    }
}

#[test]
fn the_flights_in_view_are_named_and_not_for_every_line() {
    let mut desk = Desk::agent();
    let items: Vec<_> = (1..=300).map(direct).collect();
    desk.types("<f2>");
    let form = desk.state.layers.last_mut().unwrap().form_mut().unwrap();
    form.set("origin", "JFK");
    form.set("destination", "LAX");
    desk.types("<enter>");
    let flights = named(&desk.finds(items.clone(), None)).unwrap();
    let first: Vec<FlightId> = items[..100]
        .iter()
        .map(|i| i.segments[0].flight_id)
        .collect();
    assert_eq!(flights, first);
    assert_eq!(named(&desk.types(&"<down>".repeat(60))), None);
    let further = named(&desk.types("<end>")).unwrap();
    assert_eq!(further.len(), 100);
    assert!(further.contains(&items[299].segments[0].flight_id));
    desk.types("<f3>");
    assert_eq!(
        named(&desk.types("<f2><f2>")),
        None,
        "the results are below"
    );
    desk.state
        .layers
        .retain(|layer| layer.name() != "Flights found");
    assert_eq!(named(&desk.types("<f3>")), Some(vec![]));
}

#[test]
fn who_logs_out_listens_no_more_and_who_comes_back_does() {
    let mut desk = Desk::agent();
    let effects = desk.types("<ctrl-o>");
    assert!(effects.contains(&Effect::StopListening), "{effects:?}");
    let effects = desk.happens(Event::LoggedIn(Ok(session("demo", Role::Agent))));
    assert_eq!(named(&effects), Some(vec![]));
    let effects = desk.happens(live(Live::Lost(logged_out())));
    assert_eq!(desk.layers().last(), Some(&"Log in"));
    assert!(effects.contains(&Effect::StopListening));
}

#[test]
fn the_footer_says_that_nothing_is_heard() {
    let mut desk = Desk::agent();
    desk.happens(live(Live::Lost(offline())));
    assert!(desk.screen(80, 24).contains("not live"));
    desk.happens(live(Live::Connected));
    assert!(!desk.screen(80, 24).contains("not live"));
}
