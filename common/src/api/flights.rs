//! One flight: its cabins, its seat map, and what admins do with it.

use serde::{Deserialize, Serialize};

use crate::airport::{Airport, AirportCode, CarrierCode};
use crate::flight::{AircraftCode, Cabin, FlightId, FlightNumber, FlightStatus, SeatNumber};
use crate::money::Money;
use crate::time::{LocalTime, OffsetTime};

/// One cabin of a flight, read in one consistent look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct CabinState {
    /// Which cabin.
    pub cabin: Cabin,
    /// Seats left: capacity less sold.
    pub available: u32,
    /// Fare of one seat.
    pub fare: Money,
    /// Seats there are; for admins only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub capacity: Option<u32>,
    /// Seats sold, held ones included; for admins only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub sold: Option<u32>,
}

/// `GET /v1/flights/{id}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Flight {
    /// The flight's identity.
    pub id: FlightId,
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
    /// Grows with every change of the flight; for `If-Match`.
    pub version: u64,
    /// Its cabins, from front to back.
    pub cabins: Vec<CabinState>,
}

/// A page of flights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct FlightPage {
    /// The flights by departure.
    pub items: Vec<Flight>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// A page of airports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct AirportPage {
    /// The airports, best match first.
    pub items: Vec<Airport>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// Whether a seat can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Enum),
    oai(rename_all = "lowercase")
)]
pub enum SeatState {
    /// It can be chosen.
    Free,
    /// Somebody has it.
    Taken,
}

/// One seat of a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Seat {
    /// Row and letter.
    pub number: SeatNumber,
    /// The cabin that it is in.
    pub cabin: Cabin,
    /// Whether it can be chosen.
    pub state: SeatState,
    /// At a window.
    pub window: bool,
    /// At an aisle.
    pub aisle: bool,
}

/// One row of a seat map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SeatRow {
    /// The row's number.
    pub row: u8,
    /// The cabin that it is in.
    pub cabin: Cabin,
    /// The letters from left to right, `-` for an aisle, such as `ABC-DEF`.
    pub layout: String,
    /// The seats that exist in the row, from left to right.
    pub seats: Vec<Seat>,
}

/// `GET /v1/flights/{id}/seats`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SeatMap {
    /// Which flight.
    pub flight_id: FlightId,
    /// Type of aircraft.
    pub aircraft: AircraftCode,
    /// The rows from front to back.
    pub rows: Vec<SeatRow>,
}

/// One cabin of a flight to be made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct CabinPlan {
    /// Which cabin.
    pub cabin: Cabin,
    /// Seats: 1 to 900.
    pub capacity: u32,
    /// Fare of one seat; not negative.
    pub fare: Money,
}

/// `POST /v1/admin/flights`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct CreateFlight {
    /// Carrier.
    pub carrier: CarrierCode,
    /// Number.
    pub number: FlightNumber,
    /// From.
    pub origin: AirportCode,
    /// To; another airport than the origin.
    pub destination: AirportCode,
    /// Departure on the origin's clocks.
    pub departure: LocalTime,
    /// Arrival on the destination's clocks; after the departure, within 24 hours.
    pub arrival: LocalTime,
    /// Type of aircraft.
    pub aircraft: AircraftCode,
    /// One to four cabins, each once.
    pub cabins: Vec<CabinPlan>,
}

/// `PATCH /v1/admin/flights/{id}`: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct PatchFlight {
    /// New departure on the origin's clocks; the date stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub departure: Option<LocalTime>,
    /// New arrival on the destination's clocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrival: Option<LocalTime>,
    /// New type of aircraft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aircraft: Option<AircraftCode>,
    /// New capacity and fare of the named cabins; cabins that are not named stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cabins: Option<Vec<CabinPlan>>,
}
