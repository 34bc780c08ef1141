//! Text that people wrote: what is refused in names, and what is taken out of anything that is shown.

use std::fmt;
use std::str::FromStr;

use crate::ParseError;
use crate::parse::text_type;

/// Whether a character could drive a terminal or reorder what is read: C0, DEL, C1, line and paragraph separators,
/// and the bidirectional controls of Unicode Standard Annex 9.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The text without any character for which [`is_control`] holds; tabs and line ends become a space.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\t' => Some(' '),
            c if is_control(c) => None,
            c => Some(c),
        })
        .collect()
}

fn clean(text: &str, what: &str, longest: usize) -> Result<String, ParseError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ParseError::new(format!("{what} must not be empty")));
    }
    if text.chars().any(is_control) {
        return Err(ParseError::new(format!(
            "{what} must not contain control characters"
        )));
    }
    if text.chars().count() > longest {
        return Err(ParseError::new(format!(
            "{what} must have at most {longest} characters"
        )));
    }
    Ok(text.to_owned())
}

/// A given name or surname: 1 to 60 characters of any script, at least one of them a letter, no digits, no controls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonName(String);

impl PersonName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let name = clean(text, "a name", 60)?;
        if !name.chars().any(char::is_alphabetic) {
            return Err(ParseError::new("a name must contain a letter"));
        }
        if name
            .chars()
            .any(|c| c.is_numeric() || "<>{}[]|\\/;".contains(c))
        {
            return Err(ParseError::new(
                "a name must not contain digits, brackets or slashes",
            ));
        }
        Ok(Self(name))
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(PersonName, "name", "SMITH");

/// A form of address such as `MR` or `DR`: 1 to 10 letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Title(String);

impl FromStr for Title {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let title = clean(text, "a title", 10)?;
        if !title.chars().all(|c| c.is_alphabetic() || c == '.') {
            return Err(ParseError::new("a title has letters only"));
        }
        Ok(Self(title.to_uppercase()))
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Title, "title", "MR");

/// An electronic mail address, checked for its shape only: something, `@`, and a domain with a dot, no spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl FromStr for Email {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let address = clean(text, "an e-mail address", 254)?;
        let shaped = address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && local.len() <= 64
                && !domain.contains('@')
                && domain.split('.').count() >= 2
                && domain.split('.').all(|label| {
                    !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                })
        });
        if !shaped
            || address
                .chars()
                .any(|c| c.is_whitespace() || "<>,;\"()".contains(c))
        {
            return Err(ParseError::new(
                "not an e-mail address: write it as name@example.com",
            ));
        }
        Ok(Self(address))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Email, "email", "j.smith@example.com");

/// A telephone number: 4 to 15 digits (ITU-T E.164 allows 15), with an optional `+` first and spaces, dots, hyphens
/// or brackets between.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

impl FromStr for Phone {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let number = clean(text, "a telephone number", 30)?;
        let rest = number.strip_prefix('+').unwrap_or(&number);
        let digits = rest.chars().filter(char::is_ascii_digit).count();
        let shaped = rest
            .chars()
            .all(|c| c.is_ascii_digit() || " .-()".contains(c));
        if !shaped || !(4..=15).contains(&digits) {
            return Err(ParseError::new(
                "not a telephone number: 4 to 15 digits, `+` first if international",
            ));
        }
        Ok(Self(number))
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Phone, "phone", "+1 212-5550100");

/// What somebody wrote for colleagues: 1 to 200 characters of one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Remark(String);

impl Remark {
    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Remark {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        clean(text, "a remark", 200).map(Self)
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Remark, "remark", "CALL BACK AFTER 3 PM");

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn printable_takes_out_what_drives_a_terminal() {
        assert_eq!(
            printable("a\u{1b}[31mb\u{9b}c\u{7f}\u{202e}d\ne"),
            "a[31mbcd e"
        );
    }

    #[rstest]
    #[case("O'Brien-Łukasz", true)]
    #[case("李", true)]
    #[case("", false)]
    #[case("A\u{1b}B", false)]
    #[case("A\u{202e}B", false)]
    #[case("1234", false)]
    #[case("SMITH2", false)]
    fn names(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<PersonName>().is_ok(), valid);
    }

    #[rstest]
    #[case("j.smith@example.com", true)]
    #[case("j.smith@example", false)]
    #[case("@example.com", false)]
    #[case("a b@example.com", false)]
    #[case("a@b@example.com", false)]
    fn emails(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<Email>().is_ok(), valid);
    }

    #[rstest]
    #[case("212-5550100", true)]
    #[case("+49 (30) 123456", true)]
    #[case("12", false)]
    #[case("+1 555 CALL", false)]
    fn phones(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<Phone>().is_ok(), valid);
    }
}
