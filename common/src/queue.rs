//! Words of an office's queues: which there are, and why a booking lies on one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;
use crate::parse::text_type;

/// The number of a queue. Every office has the same ones, by the numbers that agents know from other reservation systems:
/// 7 for changed schedules, 8 for time limits, 2 for cleared waitlists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueueNumber {
    /// 0: what somebody put there by hand.
    General,
    /// 1: flights that will not operate (UN).
    Cancelled,
    /// 2: waitlists that were cleared.
    Cleared,
    /// 7: flights that leave or arrive at another time (TK).
    Changed,
    /// 8: time limits that are near.
    TimeLimit,
}

impl QueueNumber {
    /// All queues, by their numbers.
    pub const ALL: [Self; 5] = [
        Self::General,
        Self::Cancelled,
        Self::Cleared,
        Self::Changed,
        Self::TimeLimit,
    ];

    /// The number.
    pub fn get(self) -> u8 {
        match self {
            Self::General => 0,
            Self::Cancelled => 1,
            Self::Cleared => 2,
            Self::Changed => 7,
            Self::TimeLimit => 8,
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Cancelled => "flights cancelled",
            Self::Cleared => "waitlists cleared",
            Self::Changed => "schedule changes",
            Self::TimeLimit => "time limits",
        }
    }
}

impl TryFrom<u8> for QueueNumber {
    type Error = ParseError;

    fn try_from(number: u8) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|queue| queue.get() == number)
            .ok_or_else(|| ParseError::new("the queues are 0, 1, 2, 7 and 8"))
    }
}

impl FromStr for QueueNumber {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let number: Result<u8, _> = text.trim().parse();
        number
            .map_err(|_| ParseError::new("a queue has a number"))?
            .try_into()
    }
}

impl fmt::Display for QueueNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl Serialize for QueueNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.get())
    }
}

impl<'de> Deserialize<'de> for QueueNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer)?
            .try_into()
            .map_err(serde::de::Error::custom)
    }
}

/// Why a booking lies on a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "snake_case")
)]
pub enum QueueReason {
    /// Somebody put it there.
    Placed,
    /// A flight of it will not operate: the segment is UN until somebody accepts that or takes another flight.
    FlightCancelled,
    /// It got its seats from the waitlist.
    WaitlistCleared,
    /// A flight of it has other times: the segment is TK until somebody accepts them or takes another flight.
    ScheduleChanged,
    /// It is held, and its time limit is near.
    TimeLimitNear,
    /// A reason that a newer server knows and this program does not.
    #[serde(other)]
    Other,
}

impl QueueReason {
    /// The word used in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::FlightCancelled => "flight_cancelled",
            Self::WaitlistCleared => "waitlist_cleared",
            Self::ScheduleChanged => "schedule_changed",
            Self::TimeLimitNear => "time_limit_near",
            Self::Other => "other",
        }
    }
}

impl FromStr for QueueReason {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [
            Self::Placed,
            Self::FlightCancelled,
            Self::WaitlistCleared,
            Self::ScheduleChanged,
            Self::TimeLimitNear,
        ]
        .into_iter()
        .find(|reason| reason.word() == text)
        .ok_or_else(|| ParseError::new("not a reason to be on a queue"))
    }
}

impl fmt::Display for QueueReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The identity of an entry of a queue; opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueItemId(i64);

impl QueueItemId {
    /// The identity of a stored number.
    pub fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// The number as it is stored.
    pub fn raw(self) -> i64 {
        self.0
    }
}

impl FromStr for QueueItemId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse()
            .map(Self)
            .map_err(|_| ParseError::new("not an entry of a queue"))
    }
}

impl fmt::Display for QueueItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_type!(QueueItemId, "queue-item-id", "4711");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_is_found_by_its_number() {
        for queue in QueueNumber::ALL {
            assert_eq!(QueueNumber::try_from(queue.get()), Ok(queue));
            assert_eq!(queue.to_string().parse(), Ok(queue));
            let json = serde_json::to_string(&queue).unwrap();
            assert_eq!(serde_json::from_str::<QueueNumber>(&json).unwrap(), queue);
        }
        for wrong in ["3", "9", "256", "-1", "seven", ""] {
            assert!(wrong.parse::<QueueNumber>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_reason_of_a_newer_server_is_another_one() {
        let newer: QueueReason = serde_json::from_str("\"ticket_void\"").unwrap();
        assert_eq!(newer, QueueReason::Other);
        let known: QueueReason = serde_json::from_str("\"schedule_changed\"").unwrap();
        assert_eq!("schedule_changed".parse(), Ok(known));
    }
}
