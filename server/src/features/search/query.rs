//! From the parameters of a search to what the timetable is asked; every one is checked.

use airside_common::api::search::ItineraryQuery;
use jiff::Timestamp;

use super::itineraries::{self, Route};
use super::timetable::minute;
use crate::reference::reference;

/// A parameter that cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidParameter {
    /// Which.
    pub field: &'static str,
    /// What is wrong, for a person.
    pub message: String,
}

/// Says of a parameter what is wrong.
pub(super) fn invalid(field: &'static str, message: impl Into<String>) -> InvalidParameter {
    InvalidParameter {
        field,
        message: message.into(),
    }
}

fn time_of_day(field: &'static str, text: Option<&str>) -> Result<Option<u32>, InvalidParameter> {
    let Some(text) = text else { return Ok(None) };
    let two = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse::<u32>().ok())
            .flatten()
    };
    text.split_once(':')
        .and_then(|(hours, minutes)| Some((two(hours)?, two(minutes)?)))
        .filter(|(hours, minutes)| *hours < 24 && *minutes < 60)
        .map(|(hours, minutes)| Some(hours * 60 + minutes))
        .ok_or_else(|| invalid(field, "not a time of day: write it as 08:30"))
}

/// The query as the timetable takes it.
pub(super) fn route(query: &ItineraryQuery, now: Timestamp) -> Result<Route, InvalidParameter> {
    let reference = reference();
    let airport = |field, code| {
        reference
            .find(code)
            .ok_or_else(|| invalid(field, format!("there is no airport {code}")))
    };
    let origin = airport("origin", query.origin)?;
    let destination = airport("destination", query.destination)?;
    if origin == destination {
        return Err(invalid("destination", "is the origin too"));
    }
    if query.flexible_days > 3 {
        return Err(invalid("flexible_days", "is 0 to 3"));
    }
    if !(1..=9).contains(&query.passengers) {
        return Err(invalid("passengers", "is 1 to 9"));
    }
    if query.max_stops > 2 {
        return Err(invalid("max_stops", "is 0 to 2"));
    }
    if !(1..=100).contains(&query.limit) {
        return Err(invalid("limit", "is 1 to 100"));
    }
    let earliest = time_of_day("earliest", query.earliest.as_deref())?.unwrap_or(0);
    let latest = time_of_day("latest", query.latest.as_deref())?.unwrap_or(24 * 60 - 1);
    if earliest > latest {
        return Err(invalid("latest", "is before `earliest`"));
    }
    let around = jiff::Span::new().days(query.flexible_days);
    let out_of_range = || invalid("date", "is out of range");
    let first = query
        .date
        .0
        .checked_sub(around)
        .map_err(|_| out_of_range())?;
    let last = query
        .date
        .0
        .checked_add(around)
        .map_err(|_| out_of_range())?;
    if !(1970..=2200).contains(&query.date.0.year()) {
        return Err(out_of_range());
    }
    let (from, until) =
        itineraries::days(reference, origin, first, last).ok_or_else(out_of_range)?;
    // What departs in this minute has departed.
    let now = minute(now).map_or(0, |now| now + 1);
    Ok(Route {
        origin,
        destination,
        from: from.max(now),
        until,
        earliest,
        latest,
        max_stops: query.max_stops,
        carrier: query.carrier,
    })
}
