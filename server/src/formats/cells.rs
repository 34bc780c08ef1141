//! Cells of CSV: those of a line, and what the formats read from them alike.

use std::borrow::Cow;

use airside_common::money::{Currency, Money};
use smallvec::SmallVec;

use super::HeaderError;
use crate::features::flights::decide::HIGHEST_FARE;

pub(super) type Cells<'a> = SmallVec<[Cow<'a, str>; 16]>;

/// The cells of one line.
pub(super) fn cells(line: &str) -> Result<Cells<'_>, &'static str> {
    if !line.contains('"') {
        return Ok(line.split(',').map(Cow::Borrowed).collect());
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => Ok(record
            .iter()
            .map(|cell| Cow::Owned(cell.to_owned()))
            .collect()),
        _ => Err("the line is not CSV"),
    }
}

/// The names of a header's columns in lower case.
pub(super) fn header_names(line: &[u8]) -> Result<Vec<String>, HeaderError> {
    let text = std::str::from_utf8(line).map_err(|_| HeaderError::Unreadable("not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let names = cells(text).map_err(|_| HeaderError::Unreadable("not CSV"))?;
    Ok(names
        .iter()
        .map(|name| name.trim().to_ascii_lowercase())
        .collect())
}

/// A number of digits alone: no sign, no spaces.
pub(super) fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A fare that may be asked for one seat.
pub(super) fn price_of(text: &str, currency: Currency) -> Option<Money> {
    if text.is_empty() || text.len() > 20 || text.starts_with('-') {
        return None;
    }
    Money::parse(text, currency)
        .ok()
        .filter(|fare| (0..=HIGHEST_FARE).contains(&fare.minor()))
}
