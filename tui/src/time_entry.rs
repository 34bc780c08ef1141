//! Times as agents type them: `0815`, `08:15`, `27nov 1800`.

use airside_common::ParseError;
use airside_common::time::Instant;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::dates;

/// `08:15`, `0815` or `815`.
pub(crate) fn clock(text: &str) -> Result<Time, ParseError> {
    let wrong = || ParseError::new("not a time: write 08:15");
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    if !(3..=4).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let (hour, minute) = digits.split_at(digits.len() - 2);
    let hour = hour.parse().map_err(|_| wrong())?;
    let minute = minute.parse().map_err(|_| wrong())?;
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}

/// A time limit in the agent's time: `27nov 1800`, or `27nov` for the end of that day.
pub(crate) fn limit(text: &str, today: Date, zone: &TimeZone) -> Result<Instant, ParseError> {
    let wrong = || ParseError::new("not a time: write 27nov 1800");
    let (day, time) = match text.rsplit_once(char::is_whitespace) {
        Some((day, time)) => (day, clock(time).map_err(|_| wrong())?),
        None => (text, Time::constant(23, 59, 0, 0)),
    };
    let day = dates::parse(day.trim(), today).map_err(|_| wrong())?;
    let limit = day.to_datetime(time).to_zoned(zone.clone());
    limit
        .map(|limit| Instant(limit.timestamp()))
        .map_err(|_| wrong())
}
