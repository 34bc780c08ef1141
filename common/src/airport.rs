//! IATA codes of airports and carriers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;
use crate::parse::text_type;

/// An IATA location identifier: three letters (IATA Resolution 763).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AirportCode([u8; 3]);

impl AirportCode {
    /// The three capital letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl FromStr for AirportCode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("an airport code has three letters, such as JFK");
        let bytes: [u8; 3] = text
            .trim()
            .to_ascii_uppercase()
            .into_bytes()
            .try_into()
            .map_err(|_| wrong())?;
        if bytes.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(bytes))
        } else {
            Err(wrong())
        }
    }
}

/// An IATA airline designator: two characters, letters or digits, not two digits (IATA Resolution 762).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CarrierCode([u8; 2]);

impl CarrierCode {
    /// The two characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl FromStr for CarrierCode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("a carrier code has two characters, such as UA or B6");
        let bytes: [u8; 2] = text
            .trim()
            .to_ascii_uppercase()
            .into_bytes()
            .try_into()
            .map_err(|_| wrong())?;
        let shaped =
            bytes.iter().all(u8::is_ascii_alphanumeric) && !bytes.iter().all(u8::is_ascii_digit);
        if shaped {
            Ok(Self(bytes))
        } else {
            Err(wrong())
        }
    }
}

macro_rules! code_text {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

code_text!(AirportCode);
code_text!(CarrierCode);
text_type!(AirportCode, "iata-airport", "JFK");
text_type!(CarrierCode, "iata-carrier", "UA");

/// An airport as reference data know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Airport {
    /// IATA code.
    pub code: AirportCode,
    /// The airport's own name.
    pub name: String,
    /// The city that it serves; empty where the source has none.
    pub city: String,
    /// ISO 3166-1 alpha-2 code of its country.
    pub country: String,
    /// IANA time zone, such as `America/New_York`.
    pub time_zone: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("jfk", Some("JFK"))]
    #[case(" LAX ", Some("LAX"))]
    #[case("J1K", None)]
    #[case("JFKX", None)]
    #[case("ÄÖÜ", None)]
    fn airports(#[case] text: &str, #[case] code: Option<&str>) {
        assert_eq!(
            text.parse::<AirportCode>()
                .ok()
                .map(|c| c.to_string())
                .as_deref(),
            code
        );
    }

    #[rstest]
    #[case("b6", Some("B6"))]
    #[case("9E", Some("9E"))]
    #[case("66", None)]
    #[case("UAL", None)]
    fn carriers(#[case] text: &str, #[case] code: Option<&str>) {
        assert_eq!(
            text.parse::<CarrierCode>()
                .ok()
                .map(|c| c.to_string())
                .as_deref(),
            code
        );
    }
}
