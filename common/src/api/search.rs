//! Itineraries: what can be flown, and what it costs.

use serde::{Deserialize, Serialize};

use crate::airport::{AirportCode, CarrierCode};
use crate::flight::{AircraftCode, Cabin, FlightId, FlightNumber, FlightStatus};
use crate::money::Money;
use crate::time::{CalendarDate, Instant, OffsetTime};

/// Order of itineraries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum Sort {
    /// Earliest departure first.
    #[default]
    Departure,
    /// Cheapest first; those without a seat last.
    Price,
    /// Shortest first.
    Duration,
    /// Earliest arrival first.
    Arrival,
}

/// The parameters of `GET /v1/itineraries`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ItineraryQuery {
    /// Where from: an airport.
    pub origin: AirportCode,
    /// Where to: an airport.
    pub destination: AirportCode,
    /// Local date of departure.
    pub date: CalendarDate,
    /// Also so many days before and after the date: 0 to 3.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flexible_days: u8,
    /// Only itineraries with seats in this cabin; the total is this cabin's. Without it, the cheapest cabin with seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cabin: Option<Cabin>,
    /// How many seats the party needs: 1 to 9.
    #[serde(default = "one")]
    pub passengers: u8,
    /// The most stops: 0 to 2.
    #[serde(default = "two")]
    pub max_stops: u8,
    /// Only flights of this carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<CarrierCode>,
    /// Local departure not before, `HH:MM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest: Option<String>,
    /// Local departure not after, `HH:MM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
    /// Order.
    #[serde(default)]
    pub sort: Sort,
    /// The most items of one answer: 1 to 100.
    #[serde(default = "twenty")]
    pub limit: u8,
    /// Where the last answer ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_zero(n: &u8) -> bool {
    *n == 0
}

fn one() -> u8 {
    1
}

fn two() -> u8 {
    2
}

fn twenty() -> u8 {
    20
}

/// Seats and fare of one cabin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct CabinOffer {
    /// Which cabin.
    pub cabin: Cabin,
    /// Seats left.
    pub available: u32,
    /// Fare of one seat.
    pub fare: Money,
}

/// One flight of an itinerary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct FlightOffer {
    /// The flight, for booking.
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
    /// Arrival with the destination's offset.
    pub arrival: OffsetTime,
    /// Type of aircraft.
    pub aircraft: AircraftCode,
    /// Whether it operates.
    pub status: FlightStatus,
    /// Its cabins, from front to back.
    pub cabins: Vec<CabinOffer>,
}

/// One to three flights that connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Itinerary {
    /// The flights in order.
    pub segments: Vec<FlightOffer>,
    /// Flights less one.
    pub stops: u8,
    /// From departure to arrival, connections included.
    pub duration_minutes: u32,
    /// What the party pays in the asked cabin (without one: in the cheapest with seats for all); absent where no cabin
    /// has seats on every flight, or where the flights' currencies differ.
    pub total: Option<Money>,
}

/// `GET /v1/itineraries`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct ItineraryPage {
    /// The itineraries in the asked order.
    pub items: Vec<Itinerary>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
    /// When the oldest availability in this answer was read; the answer's `Age` header says it in seconds.
    pub availability_as_of: Instant,
}
