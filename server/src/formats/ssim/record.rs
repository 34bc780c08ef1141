//! One record and its fields: texts, dates, times of day, differences from UTC.

use std::fmt;
use std::str::FromStr;

use airside_common::ParseError;
use jiff::civil::{Date, Time};

use crate::formats::RowError;

/// Bytes of a record.
pub(super) const RECORD: usize = 200;

/// First and last byte of a field, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns(pub(super) u8, pub(super) u8);

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(first, last) = self;
        if first == last {
            write!(f, "{first}")
        } else {
            write!(f, "{first}-{last}")
        }
    }
}

/// A record of the right length, all of it printable ASCII.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a>(&'a str);

/// A field with its blanks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    columns: Columns,
    text: &'a str,
}

impl<'a> Record<'a> {
    pub(super) fn new(line: &'a [u8]) -> Result<Self, RowError> {
        if line.len() != RECORD {
            return Err(RowError::row(format!(
                "the record has {} bytes, not {RECORD}",
                line.len()
            )));
        }
        if let Some(at) = line.iter().position(|byte| !(b' '..=b'~').contains(byte)) {
            return Err(RowError {
                column: (at + 1).to_string(),
                reason: format!("byte {:#04x} is no printable ASCII", line[at]),
                value: String::new(),
            });
        }
        std::str::from_utf8(line)
            .map(Self)
            .map_err(|_| RowError::row("the record is not ASCII"))
    }

    /// The type: the first byte.
    pub(super) fn kind(&self) -> u8 {
        self.0.as_bytes()[0]
    }

    pub(super) fn field(&self, columns: Columns) -> Field<'a> {
        let Columns(first, last) = columns;
        Field {
            columns,
            text: &self.0[usize::from(first) - 1..usize::from(last)],
        }
    }

    /// The bytes of a field that has so many.
    pub(super) fn bytes<const COUNT: usize>(&self, columns: Columns) -> [u8; COUNT] {
        self.field(columns)
            .text
            .as_bytes()
            .try_into()
            .unwrap_or([b' '; COUNT])
    }
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

impl<'a> Field<'a> {
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn wrong(&self, reason: impl Into<String>) -> RowError {
        RowError {
            column: self.columns.to_string(),
            reason: reason.into(),
            value: self.text.trim().to_owned(),
        }
    }

    pub(super) fn parse<T: FromStr<Err = ParseError>>(&self) -> Result<T, RowError> {
        self.text
            .parse()
            .map_err(|e: ParseError| self.wrong(e.to_string()))
    }

    /// A number of digits alone, blanks around it.
    pub(super) fn number(&self) -> Option<u32> {
        let text = self.text.trim();
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    }

    /// `07DEC26`.
    pub(super) fn date(&self) -> Result<Date, RowError> {
        self.date_or_open()?
            .ok_or_else(|| self.wrong("an open date cannot stand here"))
    }

    /// `07DEC26`, or `00XXX00` for an open end, which is `None`.
    pub(super) fn date_or_open(&self) -> Result<Option<Date>, RowError> {
        if self.text == "00XXX00" {
            return Ok(None);
        }
        let date = || {
            let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            let (day, rest) = self.text.split_at_checked(2)?;
            let (month, year) = rest.split_at_checked(3)?;
            if !digits(day) || !digits(year) {
                return None;
            }
            let month = MONTHS.iter().zip(1..).find(|(name, _)| **name == month)?.1;
            Date::new(2000 + year.parse::<i16>().ok()?, month, day.parse().ok()?).ok()
        };
        date()
            .map(Some)
            .ok_or_else(|| self.wrong("not a date: it is written as 07DEC26"))
    }

    /// A time of day, `2359`; as days and time, since `2400` is the midnight that ends the day.
    pub(super) fn time(&self) -> Result<(i8, Time), RowError> {
        let wrong = || self.wrong("not a time of day: it is written as 2359");
        if self.text.bytes().any(|byte| !byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let (hour, minute) = self.text.split_at_checked(2).ok_or_else(wrong)?;
        match (hour.parse(), minute.parse()) {
            (Ok(24), Ok(0)) => Ok((1, Time::midnight())),
            (Ok(hour), Ok(minute)) => Time::new(hour, minute, 0, 0)
                .map(|time| (0, time))
                .map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }

    /// A difference from UTC, `+0530`, in minutes; `None` where it is blank.
    pub(super) fn variation(&self) -> Result<Option<i32>, RowError> {
        if self.text.trim().is_empty() {
            return Ok(None);
        }
        let minutes = || {
            let (sign, rest) = self.text.split_at_checked(1)?;
            let sign = match sign {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let (hours, minutes) = rest.split_at_checked(2)?;
            if rest.bytes().any(|byte| !byte.is_ascii_digit()) {
                return None;
            }
            let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours <= 15 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
        };
        minutes()
            .map(Some)
            .ok_or_else(|| self.wrong("not a difference from UTC: it is written as +0530"))
    }

    /// Days that a time is after the date of the leg's period: `0` or blank, `1` to `7`, `A` or `J` for the day before.
    pub(super) fn days_after(&self) -> Result<i8, RowError> {
        match self.text {
            " " | "0" => Ok(0),
            "A" | "J" => Ok(-1),
            text => text
                .parse()
                .ok()
                .filter(|days| (1..=7).contains(days))
                .ok_or_else(|| {
                    self.wrong("a date variation is 0 to 7, or A or J for the day before")
                }),
        }
    }
}
