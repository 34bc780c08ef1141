//! What comes in: read, and with every text in it freed of control characters.

use airside_common::text::{is_control, printable};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a body; an empty one reads as `null`. The error says what is wrong with it.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let words = |error: serde_json::Error| printable(&error.to_string());
    if body.is_empty() {
        return serde_json::from_str("null").map_err(words);
    }
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let suspect = text
        .chars()
        .any(|c| c == '\\' || (is_control(c) && !matches!(c, '\n' | '\r' | '\t')));
    if !suspect {
        return serde_json::from_str(text).map_err(words);
    }
    let mut value: Value = serde_json::from_str(text).map_err(words)?;
    clean(&mut value);
    serde_json::from_value(value).map_err(words)
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.chars().any(is_control) {
                *text = printable(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::fmt::Write;

    /// The same JSON with everything that is not ASCII written as `\u` escapes.
    fn escaped(json: &str) -> String {
        let mut text = String::new();
        for c in json.chars() {
            if c.is_ascii() {
                text.push(c);
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}").unwrap();
                }
            }
        }
        text
    }

    #[test]
    fn an_empty_body_is_nothing() {
        assert_eq!(read::<()>(b""), Ok(()));
        assert!(read::<String>(b"").is_err());
    }

    proptest! {
        #[test]
        fn no_control_character_comes_in(text: String, escape: bool) {
            let text = format!("{text}\u{9b}2J\u{202e}\u{1b}]0;");
            let mut json = serde_json::json!({ "detail": [text] }).to_string();
            if escape {
                json = escaped(&json);
            }
            let read: HashMap<String, Vec<String>> = read(json.as_bytes()).unwrap();
            for text in read.values().flatten() {
                prop_assert!(!text.chars().any(is_control), "{:?}", text);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read::<Value>(&bytes);
        }
    }
}
