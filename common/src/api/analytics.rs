//! Figures for admins.

use serde::{Deserialize, Serialize};

use crate::airport::{AirportCode, CarrierCode};
use crate::flight::{Cabin, FlightId, FlightNumber};
use crate::money::Money;
use crate::time::{CalendarDate, OffsetTime};

/// By what sales are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum GroupBy {
    /// Days: of the booking for what was booked, of the cancellation for what was cancelled.
    #[default]
    Day,
    /// Pairs of airports, such as `JFK-LAX`.
    Route,
    /// Carriers.
    Carrier,
    /// Cabins.
    Cabin,
}

impl GroupBy {
    /// Its word in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Route => "route",
            Self::Carrier => "carrier",
            Self::Cabin => "cabin",
        }
    }
}

/// What was sold of one group, in one currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Sales {
    /// Which group: a day, `JFK-LAX`, a carrier's code, or a cabin.
    pub key: String,
    /// Seats that were booked, a seat on each flight of an itinerary.
    pub booked: u64,
    /// What they cost. A booking's total is spread evenly over its flights.
    pub revenue: Money,
    /// Seats that were given back.
    pub cancelled: u64,
    /// What they had cost.
    pub refunded: Money,
    /// Days from booking to departure, on average over the booked seats; null where none was booked.
    pub lead_days: Option<f64>,
}

/// `GET /v1/admin/analytics/sales`, by key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SalesPage {
    /// The groups.
    pub items: Vec<Sales>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// How full a flight is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct LoadFactor {
    /// Which flight.
    pub flight_id: FlightId,
    /// Carrier.
    pub carrier: CarrierCode,
    /// Number.
    pub number: FlightNumber,
    /// From.
    pub origin: AirportCode,
    /// To.
    pub destination: AirportCode,
    /// Departure with the origin's offset.
    pub departure: OffsetTime,
    /// Seats there are.
    pub capacity: u32,
    /// Seats that are booked, held ones included.
    pub booked: u32,
    /// Booked seats of all seats: 0 to 1.
    pub load_factor: f64,
}

/// `GET /v1/admin/analytics/load-factors`, by departure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct LoadFactorPage {
    /// The flights.
    pub items: Vec<LoadFactor>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// Searches between two airports that found no seats for the party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct UnservedSearches {
    /// The day of the searches (UTC).
    pub day: CalendarDate,
    /// From.
    pub origin: AirportCode,
    /// To.
    pub destination: AirportCode,
    /// The cabin that was asked for; null: any.
    pub cabin: Option<Cabin>,
    /// How many.
    pub searches: u64,
}

/// `GET /v1/admin/analytics/unserved-searches`: the most on top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct UnservedSearchesList {
    /// At most a hundred.
    pub items: Vec<UnservedSearches>,
}
