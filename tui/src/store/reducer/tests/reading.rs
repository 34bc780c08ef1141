//! Help, messages, inspector.

use airside_common::user::Role;
use rstest::rstest;

use crate::keymap::Keymap;
use crate::store::action::Event;
use crate::store::inspector;
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{direct, made, opened, settings};

#[test]
fn help_shows_the_keys_of_the_screen_below() {
    let mut desk = Desk::agent().searched(vec![direct(1)]);
    desk.types("?");
    let help = desk.screen(100, 60);
    assert!(help.contains("Keys in Flights found"), "{help}");
    assert!(help.contains("← h ["), "{help}");
    assert!(help.contains("The day before"));
    assert!(!help.contains("Add a passenger"));
    desk.types("?");
    assert_eq!(desk.top().name(), "Flights found");
}

#[test]
fn help_of_a_form_shows_no_letters() {
    let mut desk = Desk::agent();
    desk.types("<f1>");
    let help = desk.screen(100, 60);
    assert!(help.contains("Search with what is entered"), "{help}");
    assert!(!help.contains(" q "), "{help}");
}

#[test]
fn help_shows_the_keys_in_force_after_a_rebinding() {
    let mut own = settings();
    own.keymap = Keymap::with_user(
        "[[rule]]\non = ['ctrl-s', 's']\nwhen = ['results']\nrun = 'filter'\ndescribe = 'My filter'",
    )
    .unwrap();
    let mut desk = Desk::with(own)
        .logged_in("demo", Role::Agent)
        .searched(vec![direct(1)]);
    desk.types("?");
    let help = desk.screen(100, 60);
    assert!(help.contains("^s s                   My filter"), "{help}");
    assert!(
        !help.contains("Sort by departure"),
        "its key was taken: {help}"
    );
    desk.types("<esc>s");
    assert_eq!(desk.top().name(), "Filter");
}

#[test]
fn only_an_admin_is_told_of_the_keys_for_admins() {
    for (mut desk, told) in [(Desk::admin(), true), (Desk::agent(), false)] {
        desk.types("<f1>");
        assert_eq!(desk.screen(100, 60).contains("Flights (admins)"), told);
    }
}

#[rstest]
#[case("<f1>")]
#[case("<f9>")]
#[case("<f12>")]
fn a_screen_that_is_read_opens_and_closes_with_its_key(#[case] key: &str) {
    let mut desk = Desk::agent();
    desk.types(key);
    assert_eq!(desk.layers().len(), 2);
    desk.types(key);
    assert_eq!(desk.layers(), ["Search"]);
    desk.types(key);
    desk.types("<esc>");
    assert_eq!(desk.layers(), ["Search"]);
}

#[test]
fn help_scrolls_to_its_end() {
    let mut desk = Desk::admin();
    desk.types("<f1><end>");
    let help = desk.screen(80, 24);
    assert!(help.contains("Log out"), "{help}");
    desk.types("<home>");
    assert!(desk.screen(80, 24).contains("Leave the console"));
}

#[test]
fn messages_are_kept_the_newest_first() {
    let mut desk = Desk::agent();
    desk.types("<alt-t><alt-m><f9>");
    let screen = desk.screen(80, 24);
    assert!(screen.contains("2 messages"), "{screen}");
    let (mouse, theme) = (screen.find("Mouse off"), screen.find("Theme: light"));
    assert!(mouse < theme && mouse.is_some(), "{screen}");
}

#[test]
fn the_oldest_messages_go() {
    let mut desk = Desk::agent();
    for n in 0..250 {
        desk.state.tell(Tone::Info, format!("message {n}"));
    }
    assert_eq!(desk.state.messages.len(), 200);
    assert_eq!(desk.state.messages[0].text, "message 50");
}

#[test]
fn the_inspector_tells_every_action_with_its_effects_and_differences() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.confirmed(&operation.key, made(1, &operation.key));
    let entries: Vec<_> = desk.state.inspector.entries().collect();
    let [enter, journalled, answered] = &entries[entries.len() - 3..] else {
        panic!("three actions and more");
    };
    assert_eq!(enter.action, "Key(Enter)");
    assert_eq!(enter.effects, [format!("Append({})", operation.key)]);
    let change = |entry: &inspector::Entry, what: &str| {
        entry
            .changes
            .iter()
            .find(|change| change.what == what)
            .map(|change| (change.before.clone(), change.after.clone()))
    };
    let pair = |before: &str, after: &str| Some((before.to_owned(), after.to_owned()));
    let fact = format!("operation {}", operation.key);
    assert_eq!(change(enter, &fact), pair("—", "Queued"));
    assert_eq!(
        change(enter, "layers"),
        pair(
            "Search > Flights found > New booking",
            "Search > Flights found > Booking"
        )
    );
    assert_eq!(
        journalled.action,
        format!("Journalled({}, written)", operation.key)
    );
    assert_eq!(journalled.effects, [format!("Send({})", operation.key)]);
    assert_eq!(change(journalled, &fact), pair("Queued", "Sent"));
    assert_eq!(
        answered.action,
        format!("Answered({}, done TEST23 v1)", operation.key)
    );
    assert_eq!(change(answered, &fact), pair("Sent", "—"));
    desk.types("<f12>");
    let screen = desk.screen(120, 40);
    assert!(screen.contains(&format!("{fact}: Sent ⇒ —")), "{screen}");
}

#[test]
fn the_inspector_counts_on_and_keeps_the_last() {
    let mut desk = Desk::agent();
    for _ in 0..600 {
        desk.types("<tab>");
    }
    let mut entries = desk.state.inspector.entries();
    assert_eq!(entries.len(), inspector::MOST);
    let (first, last) = (entries.next().unwrap(), entries.next_back().unwrap());
    assert_eq!(last.number - first.number, 499);
}

#[test]
fn no_screen_tells_a_password() {
    let mut desk = Desk::starting();
    desk.happens(Event::Opened(Box::new(opened(None))));
    desk.types("demo<tab>Qw9!ÄßЖ");
    desk.happens(Event::Paste("PASTED-SECRET".to_owned()));
    desk.types("<enter>");
    let shown = |desk: &Desk| {
        let mut text = desk.screen(160, 200);
        for entry in desk.state.inspector.entries() {
            text.extend([format!("{entry:?}")]);
        }
        text
    };
    for way in ["", "<f12>", "<f9>"] {
        desk.types(way);
        let text = shown(&desk);
        for secret in [
            "Key(Q)", "Key(w)", "Key(9)", "Key(!)", "Key(Ä)", "Key(Ж)", "PASTED",
        ] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(text.contains("Key(•)"));
    }
}
