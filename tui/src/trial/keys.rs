//! Keys as macros: `jfk<tab>lax<enter>`, with crokey's names between angle brackets.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The key events of a macro.
pub(crate) fn keys(text: &str) -> Vec<KeyEvent> {
    let mut events = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '<' {
            let end = rest.find('>').expect("a key's name ends with `>`");
            let name = &rest[1..end];
            let combination = crokey::parse(name).unwrap_or_else(|_| panic!("no key {name:?}"));
            events.push(combination.into());
            rest = &rest[end + 1..];
        } else {
            events.push(typed(first));
            rest = &rest[first.len_utf8()..];
        }
    }
    events
}

/// A character as terminals send it.
fn typed(c: char) -> KeyEvent {
    let modifiers = if c.is_uppercase() {
        KeyModifiers::SHIFT
    } else {
        KeyModifiers::NONE
    };
    KeyEvent::new(KeyCode::Char(c), modifiers)
}

#[test]
fn a_macro_is_read_key_by_key() {
    let events = keys("aÖ<enter><ctrl-q><f2>");
    let codes: Vec<KeyCode> = events.iter().map(|key| key.code).collect();
    assert_eq!(
        codes,
        [
            KeyCode::Char('a'),
            KeyCode::Char('Ö'),
            KeyCode::Enter,
            KeyCode::Char('q'),
            KeyCode::F(2)
        ]
    );
    assert_eq!(events[3].modifiers, KeyModifiers::CONTROL);
}
