//! Keys that mean the same everywhere, and the themes.

use airside_common::user::Role;
use crossterm::event::{KeyEvent, KeyEventKind};
use rstest::rstest;

use crate::settings::Mouse;
use crate::store::effect::Effect;
use crate::theme::Theme;
use crate::trial::desk::Desk;
use crate::trial::keys::keys;
use crate::trial::specimens::{direct, settings};

#[rstest]
#[case("<ctrl-q>", Effect::Quit)]
#[case("<ctrl-c>", Effect::Quit)]
#[case("<ctrl-z>", Effect::Suspend)]
#[case("<ctrl-l>", Effect::Redraw)]
fn they_work_on_every_screen(#[case] key: &str, #[case] effect: Effect) {
    for way in ["", "<f3>", "<f2><enter>", "<f1>", "<f9>", "<f12>"] {
        let mut desk = Desk::agent();
        desk.types(way);
        assert_eq!(
            desk.types(key),
            std::slice::from_ref(&effect),
            "after {way}"
        );
    }
    assert_eq!(Desk::starting().types(key), [effect]);
}

#[test]
fn themes_go_around() {
    let mut desk = Desk::agent();
    let themes: Vec<Theme> = (0..4)
        .map(|_| {
            desk.types("<alt-t>");
            desk.state.theme
        })
        .collect();
    assert_eq!(
        themes,
        [Theme::Light, Theme::HighContrast, Theme::Plain, Theme::Dark]
    );
    assert_eq!(desk.message().unwrap().1, "Theme: dark");
}

#[test]
fn the_mouse_is_switched_off_and_on() {
    let mut desk = Desk::agent();
    assert_eq!(desk.types("<alt-m>"), [Effect::Mouse(Mouse::Off)]);
    assert_eq!(desk.types("<alt-m>"), [Effect::Mouse(Mouse::On)]);
}

#[test]
fn a_screen_that_is_open_comes_to_the_top_as_it_was() {
    let mut desk = Desk::agent().searched(vec![direct(1), direct(2)]);
    desk.types("<down><f3><f2>");
    assert_eq!(desk.layers(), ["Flights found", "Bookings", "Search"]);
    assert_eq!(desk.field("origin"), "JFK");
}

/// What is about a screen goes with it, also where the help is above it.
#[test]
fn a_filter_goes_with_the_results_that_a_new_search_replaces() {
    let mut desk = Desk::agent().searched(vec![direct(1)]);
    desk.types("/<f1><f3>");
    let around = ["Search", "Flights found", "Filter", "Help", "Bookings"];
    assert_eq!(desk.layers(), around, "the help is about the filter");
    desk.types("<f2><enter>");
    assert_eq!(desk.layers(), ["Bookings", "Search", "Flights found"]);
}

#[test]
fn a_key_that_is_let_go_does_nothing() {
    let mut desk = Desk::agent();
    let key = KeyEvent {
        kind: KeyEventKind::Release,
        ..keys("x")[0]
    };
    desk.presses(key);
    assert_eq!(desk.field("origin"), "");
}

#[test]
fn a_fault_of_the_settings_is_told_at_the_start() {
    let mut broken = settings();
    broken.faults = vec!["console.toml: no such theme".to_owned()];
    let desk = Desk::with(broken).logged_in("demo", Role::Agent);
    assert!(desk.screen(80, 24).contains("no such theme"));
}

#[test]
fn the_next_key_takes_a_message_away() {
    let mut desk = Desk::agent();
    desk.types("<alt-t>");
    assert!(desk.message().is_some());
    desk.types("<tab>");
    assert!(desk.message().is_none());
    assert!(!desk.screen(80, 24).contains("Theme: light"));
}
