//! Moments at an airport: an instant together with the offset that the airport's clocks had then.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::{Offset, TimeZone};

use crate::ParseError;
use crate::parse::text_type;

/// An instant with the airport's own offset from UTC: `2026-12-01T05:15:00-05:00` (RFC 3339).
///
/// Ordered by the instant. The local date and time are those on the airport's clocks.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OffsetTime {
    instant: Timestamp,
    offset: Offset,
}

impl OffsetTime {
    /// The instant as seen at an offset.
    pub fn new(instant: Timestamp, offset: Offset) -> Self {
        Self { instant, offset }
    }

    /// The instant as seen in a time zone.
    pub fn in_zone(instant: Timestamp, zone: &TimeZone) -> Self {
        Self {
            instant,
            offset: zone.to_offset(instant),
        }
    }

    /// A local time in a zone; refused where a clock change skips it or lets it happen twice.
    pub fn from_local(local: DateTime, zone: &TimeZone) -> Result<Self, ParseError> {
        let zoned = zone.to_ambiguous_zoned(local).unambiguous().map_err(|_| {
            ParseError::new(format!(
                "the clocks change at {local}: that local time is skipped or happens twice"
            ))
        })?;
        Ok(Self {
            instant: zoned.timestamp(),
            offset: zoned.offset(),
        })
    }

    /// The instant.
    pub fn instant(&self) -> Timestamp {
        self.instant
    }

    /// The offset of the airport's clocks.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Date and time on the airport's clocks.
    pub fn local(&self) -> DateTime {
        self.offset.to_datetime(self.instant)
    }

    /// Date on the airport's clocks.
    pub fn date(&self) -> Date {
        self.local().date()
    }
}

impl PartialOrd for OffsetTime {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OffsetTime {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.instant, self.offset).cmp(&(other.instant, other.offset))
    }
}

impl FromStr for OffsetTime {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        static PARSER: DateTimeParser = DateTimeParser::new();
        let wrong = || ParseError::new("not a time with offset, such as 2026-12-01T05:15:00-05:00");
        let pieces = PARSER.parse_pieces(text).map_err(|_| wrong())?;
        let offset = pieces.to_numeric_offset().ok_or_else(wrong)?;
        let time = pieces.time().ok_or_else(wrong)?;
        let instant = offset
            .to_timestamp(pieces.date().to_datetime(time))
            .map_err(|_| wrong())?;
        Ok(Self { instant, offset })
    }
}

impl fmt::Display for OffsetTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.instant.display_with_offset(self.offset))
    }
}

impl fmt::Debug for OffsetTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

text_type!(OffsetTime, "date-time", "2026-12-01T05:15:00-05:00");

/// A calendar date, `2026-12-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CalendarDate(pub Date);

impl FromStr for CalendarDate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        // jiff would also take a date with a time behind it.
        (text.len() == 10)
            .then(|| text.parse().ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| ParseError::new("not a date: write it as 2026-12-01"))
    }
}

impl fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

text_type!(CalendarDate, "date", "2026-12-01");

/// An airport's local time without offset, `2026-12-01T05:15` (seconds optional).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalTime(pub DateTime);

impl FromStr for LocalTime {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong =
            || ParseError::new("not a local time without offset: write it as 2026-12-01T05:15");
        let shaped = matches!(text.len(), 16 | 19) && matches!(text.as_bytes()[10], b'T' | b' ');
        if !shaped {
            return Err(wrong());
        }
        text.parse().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

text_type!(LocalTime, "local-date-time", "2026-12-01T05:15");

/// An instant in UTC, `2026-12-01T10:15:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(pub Timestamp);

impl FromStr for Instant {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse()
            .map(Self)
            .map_err(|_| ParseError::new("not a time, such as 2026-12-01T10:15:00Z"))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

text_type!(Instant, "date-time", "2026-12-01T10:15:00Z");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_keeps_its_offset() {
        let time: OffsetTime = "2026-12-01T05:15:00-05:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-12-01T05:15:00-05:00");
        assert_eq!(time.local().to_string(), "2026-12-01T05:15:00");
        assert_eq!(time.instant().to_string(), "2026-12-01T10:15:00Z");
        assert!("2026-12-01T05:15:00".parse::<OffsetTime>().is_err());
    }

    #[test]
    fn a_local_time_that_does_not_happen_once_is_refused() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let at = |text: &str| OffsetTime::from_local(text.parse().unwrap(), &zone);
        assert!(at("2026-03-08T02:30").is_err(), "skipped in spring");
        assert!(at("2026-11-01T01:30").is_err(), "twice in autumn");
        assert_eq!(
            at("2026-07-01T12:00").unwrap().to_string(),
            "2026-07-01T12:00:00-04:00"
        );
    }

    proptest! {
        #[test]
        fn times_read_back(seconds in 0_i64..4_000_000_000, quarters in -48_i32..56) {
            let offset = Offset::from_seconds(quarters * 900).unwrap();
            let time = OffsetTime::new(Timestamp::from_second(seconds).unwrap(), offset);
            prop_assert_eq!(time.to_string().parse::<OffsetTime>().unwrap(), time);
        }
    }
}
