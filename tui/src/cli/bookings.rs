//! `airside bookings`

use airside_common::booking::BookingStatus;
use clap::Args;

use super::{CliError, Form, Workplace, json, print};
use crate::date_entry;
use crate::effects::http::calls::BookingFilter;

/// List bookings.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Bookings {
    /// Only with a passenger of this surname.
    #[arg(long)]
    surname: Option<String>,
    /// Only on this flight, such as UA123.
    #[arg(long)]
    flight: Option<String>,
    /// Only with a departure on this date: 1dec, +3, 2026-12-01.
    #[arg(long)]
    date: Option<String>,
    /// Only with this status: confirmed, held, waitlisted, cancelled.
    #[arg(long)]
    status: Option<BookingStatus>,
    /// The most bookings.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,
    /// Go on where the last list ended.
    #[arg(long)]
    cursor: Option<String>,
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Bookings {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let today = jiff::Zoned::now().date();
        let date = self
            .date
            .map(|text| {
                date_entry::parse(&text, today)
                    .map_err(|error| CliError::Usage(format!("{text}: {error}")))
            })
            .transpose()?;
        let filter = BookingFilter {
            surname: self.surname,
            flight: self.flight,
            date: date.map(airside_common::time::CalendarDate),
            status: self.status,
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let page = at.session()?.bookings(&filter).await?;
        if self.form.json {
            return json(&page);
        }
        Ok(print::bookings(&page))
    }
}
