//! Words of a booking: passenger types, statuses, idempotency keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;
use crate::parse::text_type;

/// The most passengers that one booking takes; infants are counted apart.
pub const MOST_PASSENGERS: usize = 9;

/// The most segments of one itinerary.
pub const MOST_SEGMENTS: usize = 3;

/// How a passenger travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum PassengerType {
    /// Twelve years or older; may hold one infant.
    Adult,
    /// Two to eleven years; has a seat and pays the fare.
    Child,
    /// Under two years, on an adult's lap: no seat, no fare.
    Infant,
}

impl PassengerType {
    /// The word used in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Adult => "adult",
            Self::Child => "child",
            Self::Infant => "infant",
        }
    }

    /// Whether the passenger takes a seat and pays a fare.
    pub fn takes_seat(self) -> bool {
        self != Self::Infant
    }
}

impl FromStr for PassengerType {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "adult" => Ok(Self::Adult),
            "child" => Ok(Self::Child),
            "infant" => Ok(Self::Infant),
            _ => Err(ParseError::new(
                "a passenger is an adult, a child or an infant",
            )),
        }
    }
}

/// The state of a whole booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum BookingStatus {
    /// All segments are confirmed.
    Confirmed,
    /// The seats are kept until a time limit.
    Held,
    /// The party waits for seats on all its segments, and holds none.
    Waitlisted,
    /// Given back; nothing lives in it any more.
    Cancelled,
}

impl BookingStatus {
    /// The word used in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Held => "held",
            Self::Waitlisted => "waitlisted",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for BookingStatus {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "confirmed" => Ok(Self::Confirmed),
            "held" => Ok(Self::Held),
            "waitlisted" => Ok(Self::Waitlisted),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(ParseError::new(
                "a booking's status is confirmed, held, waitlisted or cancelled",
            )),
        }
    }
}

impl fmt::Display for BookingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The state of one segment, in the industry's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "UPPERCASE")
)]
pub enum SegmentStatus {
    /// Holds confirmed.
    Hk,
    /// Have listed: on the waitlist.
    Hl,
    /// Unable: the flight does not operate.
    Un,
    /// Time changed; the new times wait for acceptance.
    Tk,
    /// Cancelled.
    Xx,
}

impl SegmentStatus {
    /// The two letters.
    pub fn code(self) -> &'static str {
        match self {
            Self::Hk => "HK",
            Self::Hl => "HL",
            Self::Un => "UN",
            Self::Tk => "TK",
            Self::Xx => "XX",
        }
    }
}

impl FromStr for SegmentStatus {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "HK" => Ok(Self::Hk),
            "HL" => Ok(Self::Hl),
            "UN" => Ok(Self::Un),
            "TK" => Ok(Self::Tk),
            "XX" => Ok(Self::Xx),
            _ => Err(ParseError::new(
                "a segment's status is HK, HL, UN, TK or XX",
            )),
        }
    }
}

impl fmt::Display for SegmentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// The name of one intended write, chosen by the client: 1 to 255 printable ASCII characters
/// (draft-ietf-httpapi-idempotency-key-header). The console's operations carry it as their identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationKey(String);

impl OperationKey {
    /// A new key that nobody else has.
    pub fn random() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// The key as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OperationKey {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        // The draft's form is a structured-field string in quotes; most clients send it bare. Both name the same key.
        let text = text.trim();
        let bare = text
            .strip_prefix('"')
            .and_then(|t| t.strip_suffix('"'))
            .unwrap_or(text);
        if (1..=255).contains(&bare.len()) && bare.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            Ok(Self(bare.to_owned()))
        } else {
            Err(ParseError::new(
                "an idempotency key has 1 to 255 printable ASCII characters",
            ))
        }
    }
}

impl fmt::Display for OperationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_type!(
    OperationKey,
    "idempotency-key",
    "0193c2a0-7b1e-7c3a-9d55-1f2e3d4c5b6a"
);
