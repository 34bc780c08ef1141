//! File formats of schedules: each turns lines into flights, and says what it could not take and why.

use std::fmt;

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::flight::FlightNumber;
use clap::ValueEnum;
use jiff::civil::Date;
use rustc_hash::FxHashSet;

pub use self::defaults::{Defaults, FareError};
use self::lines::Line;
use crate::features::flights::store::{FlightPlan, PlannedRow, Unsaid};
use crate::reference::reference;

pub mod airside_csv;
mod cells;
mod defaults;
pub mod lines;
pub mod prototype_csv;
pub mod ssim;

/// A format of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Airside CSV, which has a column `carrier`
    Airside,
    /// The prototype's CSV, which has a column `flight_number`
    Prototype,
    /// IATA SSIM chapter 7, records of 200 bytes
    Ssim,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Airside => "airside",
            Self::Prototype => "prototype",
            Self::Ssim => "ssim",
        })
    }
}

impl Format {
    /// The format of a file that begins with a line; `None` where it is none of them.
    pub fn of_first_line(line: &[u8]) -> Option<Self> {
        if ssim::begins_with(line) {
            return Some(Self::Ssim);
        }
        let names = cells::header_names(line).ok()?;
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        if has("flight_number") {
            Some(Self::Prototype)
        } else if has("carrier") {
            Some(Self::Airside)
        } else {
            None
        }
    }
}

/// Why a file is not in a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A column is missing.
    #[error("the header has no column {0}")]
    Missing(String),
    /// A column is there twice.
    #[error("the header has column {0} twice")]
    Twice(String),
    /// A column that the format does not know.
    #[error("the header has an unknown column {0:?}")]
    Unknown(String),
    /// The first line cannot be read.
    #[error("the header cannot be read: {0}")]
    Unreadable(&'static str),
    /// Nothing in the first line tells the format.
    #[error("the file is none of airside, prototype, ssim by its first line: {0}")]
    NoFormat(Box<HeaderError>),
}

/// What is wrong with a row, or worth to be known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The column: its name, or first and last byte such as `15-21`; empty where it is the whole row.
    pub column: String,
    /// What is wrong, for a person.
    pub reason: String,
    /// The cell's text, or the flight.
    pub value: String,
}

impl RowError {
    pub(crate) fn row(reason: impl Into<String>) -> Self {
        Self {
            column: String::new(),
            reason: reason.into(),
            value: String::new(),
        }
    }

    fn cell(column: impl Into<String>, value: &str, reason: impl Into<String>) -> Self {
        Self {
            column: column.into(),
            reason: reason.into(),
            value: value.to_owned(),
        }
    }
}

/// Something about a line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its number, from 1.
    pub line: u64,
    /// What it is.
    pub error: RowError,
}

/// What names a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlightKey {
    /// Carrier.
    pub carrier: CarrierCode,
    /// Number.
    pub number: FlightNumber,
    /// From.
    pub origin: AirportCode,
    /// Local date of departure.
    pub date: Date,
}

impl FlightKey {
    /// That of a plan.
    pub fn of(plan: &FlightPlan) -> Self {
        Self {
            carrier: plan.carrier,
            number: plan.number,
            origin: plan.origin,
            date: plan.departure.date(),
        }
    }
}

impl fmt::Display for FlightKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            carrier,
            number,
            origin,
            date,
        } = self;
        write!(f, "{carrier}{number} {origin} {date}")
    }
}

/// All flights of a carrier in a period, as a file has them: what is not in it does not fly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Whose flights.
    pub carrier: CarrierCode,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Whose days these are.
    pub days: Days,
    /// Numbers of which not every leg could be read: of their flights the file tells nothing.
    pub unsure: FxHashSet<FlightNumber>,
}

/// What tells the day of a departure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// The airport's clocks.
    Local,
    /// UTC.
    Utc,
}

/// Where a format leaves what it has read.
pub trait Sink {
    /// A flight that the file plans.
    fn plan(&mut self, row: PlannedRow);
    /// What is not taken.
    fn reject(&mut self, finding: Finding);
    /// What is taken, or no flight at all, and should be looked at.
    fn note(&mut self, finding: Finding);
    /// Something that is no passenger flight under this number.
    fn skip(&mut self);
    /// A flight that the file has, even though it could not be taken.
    fn mention(&mut self, flight: FlightKey);
    /// The file, read to its end, has all flights of a carrier in a period.
    fn cover(&mut self, coverage: Coverage);
}

/// Reads a file line by line.
#[derive(Debug)]
pub enum Reader {
    /// Airside CSV.
    Airside(airside_csv::Header),
    /// The prototype's CSV.
    Prototype(prototype_csv::Header),
    /// SSIM.
    Ssim(Box<ssim::DataSet>),
}

impl Reader {
    /// A reader for a file that begins with a line; of the format that the line tells, where none is given.
    pub fn new(
        format: Option<Format>,
        first: &[u8],
        defaults: &Defaults,
    ) -> Result<Self, HeaderError> {
        Ok(match format.or_else(|| Format::of_first_line(first)) {
            Some(Format::Airside) => Self::Airside(airside_csv::Header::parse(first)?),
            Some(Format::Prototype) => {
                Self::Prototype(prototype_csv::Header::parse(first, defaults.currency)?)
            }
            Some(Format::Ssim) => Self::Ssim(Box::new(ssim::DataSet::new(*defaults))),
            None => match airside_csv::Header::parse(first) {
                Ok(header) => Self::Airside(header),
                Err(error) => return Err(HeaderError::NoFormat(Box::new(error))),
            },
        })
    }

    /// The format that is read.
    pub fn format(&self) -> Format {
        match self {
            Self::Airside(_) => Format::Airside,
            Self::Prototype(_) => Format::Prototype,
            Self::Ssim(_) => Format::Ssim,
        }
    }

    /// Whether the first line was no more than a header; else it is to be taken as all others are.
    pub fn has_header(&self) -> bool {
        !matches!(self, Self::Ssim(_))
    }

    /// Takes a line.
    pub fn line(&mut self, number: u64, line: Line<'_>, sink: &mut impl Sink) {
        let row = match (self, line) {
            (_, Line::TooLong) => Err(RowError::row("the line is longer than 64 KiB")),
            (Self::Airside(header), Line::Fit(line)) => {
                header.row(reference(), line).map(|plan| PlannedRow {
                    line: number,
                    plan,
                    unsaid: Unsaid::Nothing,
                })
            }
            (Self::Prototype(header), Line::Fit(line)) => {
                header.row(reference(), line).map(|plan| PlannedRow {
                    line: number,
                    plan,
                    unsaid: Unsaid::Aircraft,
                })
            }
            (Self::Ssim(set), Line::Fit(line)) => return set.line(number, line, sink),
        };
        match row {
            Ok(row) => sink.plan(row),
            Err(error) => sink.reject(Finding {
                line: number,
                error,
            }),
        }
    }

    /// The file has ended behind a line.
    pub fn end(&mut self, last: u64, sink: &mut impl Sink) {
        if let Self::Ssim(set) = self {
            set.end(last, sink);
        }
    }
}

#[cfg(test)]
mod tests;
