//! The mouse.

use airside_common::api::uploads::UploadPage;
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::store::action::Event;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::trial::desk::Desk;
use crate::trial::specimens::{booking, direct, dry_run, flight, passenger, upload};

fn at(kind: MouseEventKind, column: u16, row: u16) -> Event {
    Event::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    })
}

/// Clicks on the first place of the screen where a text stands.
fn click(desk: &mut Desk, text: &str) -> Vec<Effect> {
    let (width, height) = desk.state.size;
    let screen = desk.screen(width, height);
    let (row, line) = screen
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains(text))
        .unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{screen}"));
    let before = &line[..line.find(text).unwrap()];
    let column = u16::try_from(before.chars().count()).unwrap();
    let row = u16::try_from(row).unwrap();
    desk.happens(at(MouseEventKind::Down(MouseButton::Left), column, row))
}

fn cursor(desk: &Desk) -> usize {
    match desk.top() {
        Layer::Results(results) => results.pages.list.at,
        Layer::Bookings(bookings) => bookings.list.at,
        Layer::Flights(flights) => flights.pages.list.at,
        Layer::Uploads(uploads) => uploads.pages.list.at,
        other => panic!("{} is no list", other.name()),
    }
}

#[test]
fn the_wheel_moves_through_a_list() {
    let mut desk = Desk::agent().searched((1..=30).map(direct).collect());
    desk.happens(at(MouseEventKind::ScrollDown, 5, 5));
    assert_eq!(cursor(&desk), 3);
    desk.happens(at(MouseEventKind::ScrollUp, 5, 5));
    desk.happens(at(MouseEventKind::ScrollUp, 5, 5));
    assert_eq!(cursor(&desk), 0);
}

#[test]
fn the_wheel_leaves_a_form_alone() {
    let mut desk = Desk::agent();
    desk.types("<tab><tab>");
    let date = desk.field("date").to_owned();
    desk.happens(at(MouseEventKind::ScrollDown, 5, 5));
    assert_eq!((desk.focus(), desk.field("date")), ("date", date.as_str()));
}

#[test]
fn a_click_chooses_and_another_opens() {
    let mut desk = Desk::agent().searched((1..=30).map(direct).collect());
    click(&mut desk, "UA4 ");
    assert_eq!(cursor(&desk), 3);
    click(&mut desk, "UA4 ");
    assert_eq!(desk.top().name(), "New booking");
}

#[test]
fn uploads_are_clicked_as_other_lists_are() {
    let mut desk = Desk::admin();
    desk.types("<alt-u>");
    desk.happens(Event::Uploads {
        request: desk.state.requests,
        result: Ok(UploadPage {
            items: vec![upload(2), dry_run(1)],
            next_cursor: None,
        }),
    });
    let second = dry_run(1).status.word();
    click(&mut desk, second);
    assert_eq!(cursor(&desk), 1);
    click(&mut desk, second);
    assert_eq!(desk.top().name(), "Upload");
}

#[test]
fn a_click_finds_the_line_of_a_list_that_was_scrolled() {
    let mut desk = Desk::agent().searched((1..=30).map(direct).collect());
    desk.types("<end>");
    click(&mut desk, "UA25 ");
    assert_eq!(cursor(&desk), 24);
}

#[test]
fn a_click_opens_a_booking() {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    let of = |n, name| booking(n, passenger(name, "ANN"), &direct(1));
    desk.reads(vec![of(2, "BAKER"), of(1, "SMITH")]);
    click(&mut desk, "SMITH");
    assert_eq!(cursor(&desk), 1);
    click(&mut desk, "SMITH");
    assert_eq!(desk.top().name(), "Booking");
    assert!(desk.screen(80, 24).contains("SMITH/ANN"));
}

#[test]
fn a_click_chooses_a_flight_and_does_nothing_to_it() {
    let mut desk = Desk::admin();
    desk.types("<f4>");
    desk.reads_flights(vec![flight(1), flight(2)]);
    click(&mut desk, "UA2 ");
    click(&mut desk, "UA2 ");
    assert_eq!(cursor(&desk), 1);
}

#[test]
fn a_click_goes_to_a_field() {
    let mut desk = Desk::agent();
    desk.types("new y");
    click(&mut desk, "25NOV");
    assert_eq!(desk.focus(), "date");
    assert_eq!(desk.field("origin"), "JFK · New York");
    let mut desk = Desk::filled_in(vec![direct(1)]);
    click(&mut desk, "smith");
    assert_eq!(desk.focus(), "passengers[0].surname");
}

#[test]
fn a_click_beside_the_list_does_nothing() {
    let mut desk = Desk::agent().searched(vec![direct(1)]);
    for row in [0, 1, 2, 10, 22, 23, 200] {
        desk.happens(at(MouseEventKind::Down(MouseButton::Left), 3, row));
    }
    assert_eq!(desk.layers(), ["Search", "Flights found"]);
}

#[test]
fn a_click_goes_through_no_question() {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    desk.reads(vec![booking(1, passenger("SMITH", "ANN"), &direct(1))]);
    desk.types("x");
    desk.happens(at(MouseEventKind::Down(MouseButton::Left), 3, 3));
    desk.happens(at(MouseEventKind::Down(MouseButton::Left), 3, 3));
    assert_eq!(desk.layers(), ["Search", "Bookings", "Question"]);
}

#[test]
fn a_mouse_that_is_off_does_nothing() {
    let mut desk = Desk::agent().searched((1..=30).map(direct).collect());
    desk.types("<alt-m>");
    desk.happens(at(MouseEventKind::ScrollDown, 5, 5));
    click(&mut desk, "UA4 ");
    assert_eq!(cursor(&desk), 0);
}
