//! A moment in a server's history that a client has seen, so that nothing older is shown to it.

use std::fmt;
use std::str::FromStr;

use crate::ParseError;

/// The header that carries a [`ConsistencyToken`]: in answers to writes, and in requests that must see them.
pub const CONSISTENCY: &str = "airside-consistency";

/// The longest token.
const LONGEST: usize = 100;

/// The text that names such a moment: a history, `-`, and a position whose order as text is that in time. To clients it is
/// opaque, but for [`ConsistencyToken::or_later`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyToken(String);

impl ConsistencyToken {
    /// The moment of a position in a history.
    pub fn new(history: u64, position: u128) -> Self {
        Self(format!("{history:016x}-{position:024x}"))
    }

    /// A moment of which nothing is known but that it is later than what was seen before: no copy is known to have it.
    pub fn unknown() -> Self {
        Self("unknown".to_owned())
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its history and position; `None` where it is not of this form.
    pub fn parts(&self) -> Option<(u64, u128)> {
        let (history, position) = self.0.split_once('-')?;
        Some((
            u64::from_str_radix(history, 16).ok()?,
            u128::from_str_radix(position, 16).ok()?,
        ))
    }

    /// The later of two, of which the second was received later. Answers overtake each other, so that within a history the
    /// greater one counts.
    #[must_use]
    pub fn or_later(self, received: Self) -> Self {
        match (self.parts(), received.parts()) {
            (Some(kept), Some(new)) if kept.0 == new.0 && kept.1 > new.1 => self,
            _ => received,
        }
    }
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ConsistencyToken {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fit = (1..=LONGEST).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fit {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("not a token of this server"))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn token(history: u64, position: u128) -> ConsistencyToken {
        ConsistencyToken::new(history, position)
    }

    #[rstest]
    #[case::answers_overtook_each_other(token(1, 9), token(1, 8), token(1, 9))]
    #[case::the_later_one(token(1, 9), token(1, 0x10), token(1, 0x10))]
    #[case::another_history(token(1, 9), token(2, 1), token(2, 1))]
    #[case::nothing_is_known(token(1, 9), ConsistencyToken::unknown(), ConsistencyToken::unknown())]
    #[case::known_again(ConsistencyToken::unknown(), token(1, 9), token(1, 9))]
    fn the_later_one_is_kept(
        #[case] kept: ConsistencyToken,
        #[case] received: ConsistencyToken,
        #[case] expected: ConsistencyToken,
    ) {
        assert_eq!(kept.or_later(received), expected);
    }

    #[rstest]
    #[case("")]
    #[case("with space")]
    #[case("line\nbreak")]
    #[case("ü")]
    fn what_is_no_token_is_refused(#[case] text: &str) {
        assert!(text.parse::<ConsistencyToken>().is_err());
    }

    #[test]
    fn a_token_is_read_as_written() {
        let written = token(7, 1 << 70);
        let read: ConsistencyToken = written.to_string().parse().unwrap();
        assert_eq!(read.parts(), Some((7, 1 << 70)));
    }
}
