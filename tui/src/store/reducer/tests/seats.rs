//! Choosing seats from the map.

use airside_common::flight::FlightId;
use rstest::rstest;

use crate::store::action::Event;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::operation::OperationKind;
use crate::store::screen::seats::SeatPicker;
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{connection, direct, offline, seat_map};

fn picker(desk: &Desk) -> &SeatPicker {
    match desk.top() {
        Layer::Seats(picker) => picker,
        other => panic!("{} is on top", other.name()),
    }
}

/// The seat under the cursor.
fn here(desk: &Desk) -> String {
    picker(desk)
        .under_cursor()
        .map_or_else(String::new, |seat| seat.number.to_string())
}

fn asked(effects: &[Effect]) -> Vec<FlightId> {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Seats { flight } => *flight,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// The map of a direct flight is open.
fn choosing() -> Desk {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let flights = asked(&desk.types("<f7>"));
    for flight in flights {
        desk.happens(Event::Seats {
            flight,
            result: Ok(seat_map(flight)),
        });
    }
    desk
}

/// The chosen seats of the booking that is sent.
fn seats_sent(desk: &mut Desk) -> Vec<(u8, u8, String)> {
    let OperationKind::Create { body, .. } = desk.books().kind else {
        panic!("a cancellation");
    };
    body.seats
        .into_iter()
        .flatten()
        .map(|s| (s.segment, s.passenger, s.seat.to_string()))
        .collect()
}

#[test]
fn the_cursor_starts_at_the_first_free_seat_of_the_cabin() {
    assert_eq!(here(&choosing()), "10A");
}

#[rstest]
#[case("<right>", "10B")]
#[case("<right><right><right>", "10D")]
#[case("<down>", "11A")]
#[case("<end><left>", "10A")]
#[case("<up>", "2A")]
#[case("<right><right><up>", "2E")]
#[case("<pagedown>", "14A")]
#[case("<pageup>", "1A")]
#[case("<right><right><right><right><right><right>", "10F")]
fn arrows_move_over_the_map(#[case] keys: &str, #[case] seat: &str) {
    let mut desk = choosing();
    desk.types(keys);
    assert_eq!(here(&desk), seat);
}

#[test]
fn a_chosen_seat_is_sent_with_the_booking() {
    let mut desk = choosing();
    desk.types("<right><enter>");
    assert_eq!(desk.top().name(), "New booking");
    assert!(desk.screen(80, 24).contains("UA101 smith john: 10B"));
    assert_eq!(seats_sent(&mut desk), [(1, 1, "10B".to_owned())]);
}

#[test]
fn a_taken_seat_and_one_of_another_cabin_are_refused_by_name() {
    let mut desk = choosing();
    desk.types("<down><enter>");
    assert_eq!(desk.message(), Some((Tone::Warning, "11A is taken")));
    desk.types("<pageup><enter>");
    assert_eq!(
        desk.message(),
        Some((
            Tone::Warning,
            "1A is in business, the booking is in economy"
        ))
    );
    assert!(picker(&desk).chosen.is_empty());
}

#[test]
fn a_party_chooses_one_after_another_on_one_flight_after_another() {
    let mut desk = Desk::filled_in(vec![connection()]);
    desk.types("<f6>mary<tab>jones<f7>");
    for serial in [201, 202] {
        let flight = FlightId::new(20_000, serial);
        desk.happens(Event::Seats {
            flight,
            result: Ok(seat_map(flight)),
        });
    }
    // Mary's line had the focus; she comes first, then the next flight with both.
    assert_eq!(picker(&desk).who(), Some(1));
    desk.types("<enter>");
    assert_eq!((picker(&desk).segment, picker(&desk).who()), (1, Some(0)));
    desk.types("<enter>");
    assert_eq!(here(&desk), "10B", "10A is John's");
    desk.types("<enter>");
    assert_eq!(
        seats_sent(&mut desk),
        [
            (1, 2, "10A".to_owned()),
            (2, 1, "10A".to_owned()),
            (2, 2, "10B".to_owned())
        ]
    );
}

#[test]
fn a_seat_is_given_up() {
    let mut desk = choosing();
    desk.types("<enter><f7><delete><esc>");
    assert!(desk.screen(80, 24).contains("no seats chosen"));
    assert_eq!(seats_sent(&mut desk), []);
}

#[test]
fn the_seats_of_a_passenger_go_with_the_line() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types("<f6>mary<tab>jones<f7>");
    let flight = FlightId::new(20_000, 101);
    desk.happens(Event::Seats {
        flight,
        result: Ok(seat_map(flight)),
    });
    desk.types("<right><right><enter>");
    desk.types("<up><f8>");
    assert_eq!(seats_sent(&mut desk), [(1, 1, "10C".to_owned())]);
}

#[test]
fn seats_of_another_cabin_go_when_the_cabin_changes() {
    let mut desk = choosing();
    desk.types("<enter>");
    desk.types("<down><down><left>");
    assert_eq!(desk.field("cabin"), "business");
    assert_eq!(seats_sent(&mut desk), []);
}

#[test]
fn a_map_that_cannot_be_read_says_why() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let flights = asked(&desk.types("<f7>"));
    assert!(desk.screen(80, 24).contains("Reading the seat map"));
    desk.happens(Event::Seats {
        flight: flights[0],
        result: Err(offline()),
    });
    assert!(desk.screen(80, 24).contains("connection refused"));
    desk.types("<down><enter>");
    assert_eq!(desk.top().name(), "New booking");
}

#[test]
fn a_map_that_comes_after_the_screen_was_left_hurts_nothing() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let flights = asked(&desk.types("<f7><esc>"));
    desk.happens(Event::Seats {
        flight: flights[0],
        result: Ok(seat_map(flights[0])),
    });
    assert_eq!(desk.top().name(), "New booking");
}
