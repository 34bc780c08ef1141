//! Cells of CSV: those of a line, and what the formats read from them alike.

use std::borrow::Cow;

use airside_common::money::{Currency, Money};
use smallvec::SmallVec;

use super::{HeaderError, RowError};
use crate::features::flights::decide::HIGHEST_FARE;
use crate::features::flights::seat_layout::MOST_SEATS;

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

/// Where a column stands, if the header has it.
pub(super) fn position(names: &[String], column: &str) -> Result<Option<usize>, HeaderError> {
    let mut found = (0..names.len()).filter(|at| names[*at] == column);
    let position = found.next();
    match found.next() {
        Some(_) => Err(HeaderError::Twice(column.to_owned())),
        None => Ok(position),
    }
}

/// Where a column stands that has to be there.
pub(super) fn needed(names: &[String], column: &str) -> Result<usize, HeaderError> {
    position(names, column)?.ok_or_else(|| HeaderError::Missing(column.to_owned()))
}

/// The cells of a row, as many as the header has.
pub(super) fn row(line: &[u8], columns: usize) -> Result<Cells<'_>, RowError> {
    let text = std::str::from_utf8(line).map_err(|_| RowError::row("the line is not UTF-8"))?;
    let cells = cells(text).map_err(RowError::row)?;
    if cells.len() == columns {
        Ok(cells)
    } else {
        let found = cells.len();
        let reason = format!("the row has {found} cells, the header {columns}");
        Err(RowError::row(reason))
    }
}

/// A number of digits alone: no sign, no spaces.
pub(super) fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Seats of a cabin.
pub(super) fn capacity(text: &str) -> Result<u32, String> {
    digits(text)
        .filter(|count| (1..=MOST_SEATS).contains(count))
        .ok_or_else(|| format!("seats are a number from 1 to {MOST_SEATS}"))
}

/// A fare that may be asked for one seat.
pub(super) fn fare(text: &str, currency: Currency) -> Result<Money, String> {
    let is_plain = !text.is_empty() && text.len() <= 20 && !text.starts_with('-');
    is_plain
        .then(|| Money::parse(text, currency).ok())
        .flatten()
        .filter(|fare| (0..=HIGHEST_FARE).contains(&fare.minor()))
        .ok_or_else(|| {
            let currency = currency.code();
            format!("not an amount of {currency}: write it as 224.78")
        })
}
