//! Where files come from by themselves.

use std::fmt;
use std::str::FromStr;

use crate::ParseError;
use crate::parse::text_type;

/// The name of a source in the settings: 1 to 32 of `a-z 0-9 . _ -`, a letter or digit first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceName(String);

impl SourceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let shaped = (1..=32).contains(&text.len())
            && text.bytes().all(|b| is_plain(b) || b"._-".contains(&b))
            && is_plain(text.as_bytes()[0]);
        if shaped {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new(
                "a source's name has 1 to 32 of a-z 0-9 . _ - and starts with a letter or a digit",
            ))
        }
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_type!(SourceName, "source", "partner-ftp");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain() {
        for name in ["a", "0", "partner-ftp", "s27.winter_2"] {
            assert_eq!(name.parse::<SourceName>().unwrap().as_str(), name);
        }
        for name in ["", "A", "-a", "a b", "a/b", "a:b", "ä", &"a".repeat(33)] {
            assert!(name.parse::<SourceName>().is_err(), "{name}");
        }
    }
}
