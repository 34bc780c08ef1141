//! Other keyboard layouts: for commands the keys count, in text fields the characters.

use airside_common::user::Role;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::keymap::Keymap;
use crate::store::effect::Effect;
use crate::trial::desk::Desk;
use crate::trial::specimens::{direct, settings};

#[test]
fn a_letter_of_another_layout_is_the_command_on_its_key() {
    let mut desk = Desk::agent().searched(vec![direct(1), direct(2)]);
    // The keys of s, d, f and j in Russian.
    assert!(matches!(
        desk.types("ы").as_slice(),
        [Effect::Itineraries { .. }]
    ));
    desk.finds(vec![direct(1), direct(2)], None);
    desk.types("о");
    desk.types("в");
    assert_eq!(desk.top().name(), "Itinerary");
    assert!(desk.screen(80, 24).contains("UA2 "));
    desk.types("<esc>а");
    assert_eq!(desk.top().name(), "Filter");
    let quit = KeyEvent::new(KeyCode::Char('й'), KeyModifiers::CONTROL);
    assert_eq!(desk.presses(quit), [Effect::Quit]);
}

#[test]
fn in_a_field_no_letter_is_a_command_whatever_is_bound_to_it() {
    let mut own = settings();
    let rule =
        "[[rule]]\non = ['q', 'shift-w', '?']\nwhen = ['any']\nrun = 'quit'\ndescribe = 'mine'";
    own.keymap = Keymap::with_user(rule).unwrap();
    let mut desk = Desk::with(own)
        .logged_in("demo", Role::Agent)
        .searched(vec![direct(1)]);
    assert_eq!(desk.types("й"), [Effect::Quit]);
    assert_eq!(desk.types("W"), [Effect::Quit]);
    desk.types("<enter><tab>");
    assert_eq!(desk.types("qйWЦ?"), []);
    assert_eq!(desk.field("passengers[0].surname"), "qйWЦ?");
}

#[test]
fn in_a_field_it_stays_what_it_is() {
    let mut desk = Desk::filled_in(vec![direct(1)]);
    desk.types("<backtab><backtab><backtab><ctrl-u>йцук qs?");
    assert_eq!(desk.field("passengers[0].surname"), "йцук qs?");
    assert_eq!(desk.top().name(), "New booking");
}

#[test]
fn a_choice_takes_letters_and_never_commands() {
    let mut desk = Desk::agent();
    desk.types("<tab><tab><tab>b");
    assert_eq!(desk.field("cabin"), "business");
    desk.types("й");
    assert_eq!(desk.layers(), ["Search"]);
}
