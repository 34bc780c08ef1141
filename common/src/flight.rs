//! Flights: identity, number, cabins, status.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;
use crate::parse::text_type;

/// The identity of one flight; opaque to clients.
///
/// The upper 32 bits hold the local departure day (days since 1970-01-01), so that a look-up knows the day from the
/// id alone; the lower 32 bits are a serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlightId(i64);

impl FlightId {
    /// The id of a flight that departs on a day (days since 1970-01-01) with a serial number.
    pub fn new(day: u32, serial: u32) -> Self {
        Self((i64::from(day & 0x7fff_ffff) << 32) | i64::from(serial))
    }

    /// The id as a database holds it.
    pub fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// The id as a database holds it.
    pub fn raw(self) -> i64 {
        self.0
    }
}

impl FromStr for FlightId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let shaped = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        shaped
            .then(|| text.parse().ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| ParseError::new("not a flight id; take it from a search"))
    }
}

impl fmt::Display for FlightId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

text_type!(FlightId, "flight-id", "89266301239297");

/// A flight number without its carrier: 1 to 9999 (IATA SSIM, chapter 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct FlightNumber(u16);

impl FlightNumber {
    /// The number, if it is one of 1 to 9999.
    pub fn new(number: u16) -> Result<Self, ParseError> {
        if (1..=9999).contains(&number) {
            Ok(Self(number))
        } else {
            Err(ParseError::new("a flight number is 1 to 9999"))
        }
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl FromStr for FlightNumber {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.trim()
            .parse()
            .map_err(|_| ParseError::new("a flight number is 1 to 9999"))
            .and_then(Self::new)
    }
}

impl fmt::Display for FlightNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Reads a number, or a text that holds one.
impl<'de> Deserialize<'de> for FlightNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a flight number is 1 to 9999")]
        enum Written {
            Number(u16),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Self::new(number),
            Written::Text(text) => text.parse(),
        }
        .map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
crate::parse::schema_glue!(FlightNumber, {
    let mut schema = poem_openapi::registry::MetaSchema::new("integer");
    schema.minimum = Some(1.0);
    schema.maximum = Some(9999.0);
    poem_openapi::registry::MetaSchemaRef::Inline(Box::new(schema))
});

/// A cabin of an aircraft, from front to back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum Cabin {
    /// First class, letter F.
    First,
    /// Business class, letter J.
    Business,
    /// Premium economy, letter W.
    Premium,
    /// Economy, letter Y.
    Economy,
}

impl Cabin {
    /// All cabins, from front to back.
    pub const ALL: [Self; 4] = [Self::First, Self::Business, Self::Premium, Self::Economy];

    /// The industry's letter: F, J, W or Y.
    pub fn letter(self) -> char {
        match self {
            Self::First => 'F',
            Self::Business => 'J',
            Self::Premium => 'W',
            Self::Economy => 'Y',
        }
    }

    /// The word used in the API and in files.
    pub fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Business => "business",
            Self::Premium => "premium",
            Self::Economy => "economy",
        }
    }

    /// Position in [`Cabin::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl FromStr for Cabin {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim().to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|cabin| {
                text == cabin.word() || text == cabin.letter().to_ascii_lowercase().to_string()
            })
            .ok_or_else(|| {
                ParseError::new("a cabin is first, business, premium or economy (F, J, W, Y)")
            })
    }
}

impl fmt::Display for Cabin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Whether a flight operates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum FlightStatus {
    /// It operates as planned.
    Scheduled,
    /// It does not operate; nothing on it can be booked.
    Cancelled,
}

impl fmt::Display for FlightStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Scheduled => "scheduled",
            Self::Cancelled => "cancelled",
        })
    }
}

impl FromStr for FlightStatus {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "scheduled" => Ok(Self::Scheduled),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(ParseError::new(
                "a flight's status is scheduled or cancelled",
            )),
        }
    }
}

/// An IATA aircraft type code: three letters or digits, such as `738` (SSIM, appendix A).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AircraftCode([u8; 3]);

impl AircraftCode {
    /// The three characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl FromStr for AircraftCode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("an aircraft type has three letters or digits, such as 738");
        let bytes: [u8; 3] = text
            .trim()
            .to_ascii_uppercase()
            .into_bytes()
            .try_into()
            .map_err(|_| wrong())?;
        if bytes.iter().all(u8::is_ascii_alphanumeric) {
            Ok(Self(bytes))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for AircraftCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AircraftCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(AircraftCode, "iata-aircraft", "738");

/// A seat such as `12A`: row 1 to 99 and a letter A to L without I.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeatNumber {
    row: u8,
    column: u8,
}

impl SeatNumber {
    /// The seat in a row, 1 to 99, with a letter A to L without I.
    pub fn new(row: u8, column: char) -> Result<Self, ParseError> {
        if (1..=99).contains(&row) && ('A'..='L').contains(&column) && column != 'I' {
            Ok(Self {
                row,
                column: column as u8,
            })
        } else {
            Err(ParseError::new("a seat is a row and a letter, such as 12A"))
        }
    }

    /// The row, counted from the front.
    pub fn row(self) -> u8 {
        self.row
    }

    /// The letter, A from the left.
    pub fn column(self) -> char {
        char::from(self.column)
    }
}

impl FromStr for SeatNumber {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("a seat is a row and a letter, such as 12A");
        let text = text.trim().to_ascii_uppercase();
        let column = *text.as_bytes().last().ok_or_else(wrong)?;
        let digits = text.get(..text.len() - 1).ok_or_else(wrong)?;
        let shaped = (b'A'..=b'L').contains(&column)
            && column != b'I'
            && (1..=2).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit());
        let row = digits.parse().map_err(|_| wrong())?;
        if shaped && row > 0 {
            Ok(Self { row, column })
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for SeatNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.row, self.column())
    }
}

impl fmt::Debug for SeatNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

text_type!(SeatNumber, "seat", "12A");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("12A", true)]
    #[case("1f", true)]
    #[case("012A", false)]
    #[case("0A", false)]
    #[case("12I", false)]
    #[case("A", false)]
    #[case("12Ä", false)]
    #[case("", false)]
    fn seats(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<SeatNumber>().is_ok(), valid);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parsers(text: String) {
            let _ = text.parse::<SeatNumber>();
            let _ = text.parse::<AircraftCode>();
            let _ = text.parse::<FlightId>();
            if let Ok(number) = text.parse::<FlightNumber>() {
                prop_assert!((1..=9999).contains(&number.get()));
            }
        }
    }
}
