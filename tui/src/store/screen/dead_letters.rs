//! Messages that nobody could do anything with, as admins see them.

use std::fmt;
use std::str::FromStr;

use airside_common::ParseError;
use airside_common::api::dead_letters::{DeadLetter, DeadLetterDetail};
use airside_common::text::printable;

use crate::store::list::ListCursor;
use crate::store::paged::Paged;

/// The number of a letter, which the server counts: digits and nothing else, so that it is safe in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterId(String);

impl FromStr for LetterId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let shaped = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if shaped {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("a dead letter's number has digits only"))
        }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What can be done with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetterEnd {
    /// It goes to its consumer again.
    Retry,
    /// It is dropped for good.
    Drop,
}

/// The letters that were sent again or dropped from here.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnLetters {
    underway: Vec<LetterId>,
    /// Those that are gone by it, as far as is known.
    ended: Vec<LetterId>,
}

impl OwnLetters {
    /// Whether a letter can be asked for: not while an answer about it is awaited.
    pub(crate) fn begin(&mut self, id: &LetterId) -> bool {
        let is_new = !self.underway.contains(id);
        if is_new {
            self.underway.push(id.clone());
        }
        is_new
    }

    /// What was asked for is done, or may be.
    pub(crate) fn ended(&mut self, id: &LetterId) {
        self.not_ended(id);
        if !self.ended.contains(id) {
            self.ended.push(id.clone());
        }
    }

    /// What was asked for is not done.
    pub(crate) fn not_ended(&mut self, id: &LetterId) {
        self.underway.retain(|other| other != id);
    }

    /// Whether a letter that is gone was ended from here, or may have been.
    pub(crate) fn is_own(&self, id: &LetterId) -> bool {
        self.ended.contains(id) || self.underway.contains(id)
    }
}

/// The list.
pub(crate) type DeadLetters = Paged<DeadLetter>;

/// One letter with all that it says.
#[derive(Debug, Clone)]
pub(crate) struct LetterView {
    pub(crate) letter: DeadLetter,
    /// The message, a line each; `None` while it is read.
    pub(crate) message: Option<Vec<String>>,
    pub(crate) error: Option<String>,
    /// What of it is in view.
    pub(crate) list: ListCursor,
}

impl LetterView {
    pub(crate) fn new(letter: DeadLetter) -> Self {
        Self {
            letter,
            message: None,
            error: None,
            list: ListCursor::default(),
        }
    }

    /// Takes what the server says.
    pub(crate) fn take(&mut self, detail: DeadLetterDetail) {
        self.message = Some(laid_out(&detail.message));
        self.letter = detail.letter;
        self.error = None;
    }
}

/// Which letter, in words: its event and of what it speaks.
pub(crate) fn title_of(letter: &DeadLetter) -> String {
    let event = letter.r#type.as_deref().unwrap_or("what is no event");
    match &letter.subject {
        Some(subject) => format!("{event} {subject}"),
        None => event.to_owned(),
    }
}

/// What is lost where a consumer never gets its message.
pub(crate) fn lost_with(letter: &DeadLetter) -> &'static str {
    match letter.consumer.as_str() {
        "mail" => "The passengers get no mail about it.",
        "webhooks" => "Those who subscribed to it are not called.",
        "queues" => "The office's queues do not show it until the booking changes again.",
        "analytics" => "The figures lack it until they are rebuilt.",
        _ => "What it would have led to does not happen.",
    }
}

/// A message as people read it: JSON is indented, and no line has what drives a terminal.
pub(crate) fn laid_out(message: &str) -> Vec<String> {
    let indented = serde_json::from_str::<serde_json::Value>(message)
        .and_then(|value| serde_json::to_string_pretty(&value));
    let text = indented.unwrap_or_else(|_| message.to_owned());
    text.lines().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use airside_common::text::is_control;

    #[test]
    fn a_number_is_digits() {
        assert_eq!("12".parse::<LetterId>().unwrap().to_string(), "12");
        for text in ["", "-1", "1/retry", "1?a", "..", &"1".repeat(21)] {
            assert!(text.parse::<LetterId>().is_err(), "{text}");
        }
    }

    #[test]
    fn json_is_indented_and_else_kept() {
        assert_eq!(
            laid_out(r#"{"a":{"b":[1,"x"]}}"#),
            [
                "{",
                "  \"a\": {",
                "    \"b\": [",
                "      1,",
                "      \"x\"",
                "    ]",
                "  }",
                "}"
            ]
        );
        assert_eq!(laid_out("no {json"), ["no {json"]);
    }

    proptest::proptest! {
        #[test]
        fn no_message_drives_a_terminal(key: String, value: String) {
            let hostile = |text: &str| format!("{text}\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{2028}");
            let json = serde_json::json!({ hostile(&key): hostile(&value) }).to_string();
            for line in laid_out(&json).iter().chain(&laid_out(&hostile(&value))) {
                proptest::prop_assert!(!line.chars().any(is_control), "{line:?}");
            }
        }
    }
}
