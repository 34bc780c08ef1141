//! Flights by month of departure, where a database keeps them so.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::Date;

use super::StoreError;

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month(Date);

impl Month {
    /// The month of a day.
    pub fn of(day: Date) -> Self {
        Self(day.first_of_month())
    }

    /// Its first day.
    pub fn first(self) -> Date {
        self.0
    }

    /// The first day on which all its flights have departed, wherever they began: the clock that is the latest is half a day
    /// behind UTC, and a day is left for flights that are on their way.
    pub fn past_from(self) -> Date {
        self.0.last_of_month().saturating_add(3.days())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

/// The text is no month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a month; write it as 2025-03")]
pub struct NoMonth;

impl FromStr for Month {
    type Err = NoMonth;

    fn from_str(text: &str) -> Result<Self, NoMonth> {
        let month = format!("{text}-01").parse().map(Self::of);
        // Dates are read in other forms, too.
        month
            .ok()
            .filter(|month| month.to_string() == text)
            .ok_or(NoMonth)
    }
}

/// A month whose flights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Which one.
    pub month: Month,
    /// What its flights and their inventory take with their indexes.
    pub bytes: u64,
}

/// A month that was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detached {
    /// The tables that have all of it, and that nobody reads or writes any more.
    pub tables: [String; 2],
    /// Flights that were taken out.
    pub gone: u64,
    /// Flights that stay, since bookings name them.
    pub stay: u64,
}

/// Why a month was not taken out.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// The database does not keep flights by month.
    #[error("SQLite keeps the flights of all months together: there is nothing to detach")]
    Together,
    /// It has flights that have not departed, or may not have.
    #[error("{month} is not past: it can be detached from {} on", .month.past_from())]
    NotPast {
        /// Which one.
        month: Month,
    },
    /// There is no such month.
    #[error("{month} has no flights")]
    Absent {
        /// Which one.
        month: Month,
    },
    /// Nothing would go.
    #[error("bookings name all flights of {month}: all of them stay, and nothing was detached")]
    AllNamed {
        /// Which one.
        month: Month,
    },
    /// What was taken out before is still there.
    #[error("{table} is there from the time before: dump it and drop it first")]
    StillThere {
        /// Its table.
        table: String,
    },
    /// The database said no.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for DetachError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_read_as_it_is_written() {
        for text in ["2025-03", "1970-01", "9999-12"] {
            assert_eq!(text.parse::<Month>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "2025",
            "2025-13",
            "2025-3",
            "25-03",
            "2025-03-01",
            " 2025-03",
        ] {
            assert_eq!(text.parse::<Month>(), Err(NoMonth), "{text:?}");
        }
    }

    #[test]
    fn a_month_is_past_when_its_last_flight_has_arrived_everywhere() {
        let february: Month = "2024-02".parse().unwrap();
        assert_eq!(february.past_from().to_string(), "2024-03-03");
    }
}
