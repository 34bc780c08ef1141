//! `airside search`

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::api::search::{ItineraryQuery, Sort};
use airside_common::flight::Cabin;
use airside_common::time::CalendarDate;
use clap::{Args, ValueEnum};

use super::{CliError, Form, Workplace, json, print};
use crate::date_entry;

/// Order of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// Earliest departure first.
    Departure,
    /// Cheapest first.
    Price,
    /// Shortest first.
    Duration,
    /// Earliest arrival first.
    Arrival,
}

impl From<Order> for Sort {
    fn from(order: Order) -> Self {
        match order {
            Order::Departure => Self::Departure,
            Order::Price => Self::Price,
            Order::Duration => Self::Duration,
            Order::Arrival => Self::Arrival,
        }
    }
}

/// Find flights.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct Search {
    /// Where from: an airport's code.
    origin: AirportCode,
    /// Where to: an airport's code.
    destination: AirportCode,
    /// When: 1dec, +3, fri, 2026-12-01.
    #[arg(allow_hyphen_values = true)]
    date: String,
    /// Only with seats in this cabin: first, business, premium, economy.
    #[arg(long)]
    cabin: Option<Cabin>,
    /// Seats that the party needs.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    passengers: u8,
    /// The most stops.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=2))]
    stops: u8,
    /// Also so many days before and after.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=3))]
    flexible: u8,
    /// Only flights of this carrier.
    #[arg(long)]
    carrier: Option<CarrierCode>,
    /// Departure not before, HH:MM.
    #[arg(long)]
    earliest: Option<String>,
    /// Departure not after, HH:MM.
    #[arg(long)]
    latest: Option<String>,
    /// Order of the results.
    #[arg(long, value_enum, default_value_t = Order::Departure)]
    sort: Order,
    /// The most results.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,
    /// Go on where the last results ended.
    #[arg(long)]
    cursor: Option<String>,
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl Search {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let today = jiff::Zoned::now().date();
        let date = date_entry::parse(&self.date, today)
            .map_err(|error| CliError::Usage(format!("{}: {error}", self.date)))?;
        let query = ItineraryQuery {
            origin: self.origin,
            destination: self.destination,
            date: CalendarDate(date),
            flexible_days: self.flexible,
            cabin: self.cabin,
            passengers: self.passengers,
            max_stops: self.stops,
            carrier: self.carrier,
            earliest: self.earliest,
            latest: self.latest,
            sort: self.sort.into(),
            limit: self.limit,
            cursor: self.cursor,
        };
        let page = at.session()?.itineraries(&query).await?;
        if self.form.json {
            return json(&page);
        }
        Ok(print::itineraries(&page, &query))
    }
}
