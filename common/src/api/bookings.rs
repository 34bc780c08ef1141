//! Bookings: making, confirming, reading, listing, cancelling.

use serde::{Deserialize, Serialize};

use crate::airport::{AirportCode, CarrierCode};
use crate::booking::{BookingStatus, OperationKey, PassengerType, SegmentStatus};
use crate::flight::{AircraftCode, Cabin, FlightId, FlightNumber, SeatNumber};
use crate::locator::Locator;
use crate::money::Money;
use crate::text::{Email, PersonName, Phone, Title};
use crate::time::{CalendarDate, Instant, OffsetTime};
use crate::user::{Office, Username};

/// A flight to be booked, in a cabin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct NewSegment {
    /// The flight, from a search.
    pub flight_id: FlightId,
    /// The cabin.
    pub cabin: Cabin,
}

/// A passenger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct Passenger {
    /// Given name.
    pub given_name: PersonName,
    /// Surname.
    pub surname: PersonName,
    /// Form of address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub title: Option<Title>,
    /// How the passenger travels.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: PassengerType,
    /// Date of birth; needed for children and infants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub date_of_birth: Option<CalendarDate>,
}

/// How the party is reached: at least one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct Contact {
    /// Electronic mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub email: Option<Email>,
    /// Telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub phone: Option<Phone>,
}

/// A seat for one passenger on one segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct SeatChoice {
    /// Position of the segment, from 1.
    pub segment: u8,
    /// Position of the passenger, from 1.
    pub passenger: u8,
    /// The seat.
    pub seat: SeatNumber,
}

/// `POST /v1/bookings`
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct CreateBooking {
    /// One to three flights that connect, in order.
    pub segments: Vec<NewSegment>,
    /// One to nine passengers with seats, and at most one infant an adult.
    pub passengers: Vec<Passenger>,
    /// How the party is reached.
    pub contact: Contact,
    /// Keep the seats until a time limit instead of confirming: the booking is `held` until it is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub hold: Option<bool>,
    /// Until when the seats are kept, before the first departure; only with `hold`. Without it the server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub time_limit: Option<Instant>,
    /// Join the waitlist where seats are short: the booking is `waitlisted` on all its flights until there are seats for
    /// the whole party on all of them. Where there are, it is confirmed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub waitlist: Option<bool>,
    /// Chosen seats; all or none are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub seats: Option<Vec<SeatChoice>>,
    /// Refuse with `fare_changed` where the total is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub expected_total: Option<Money>,
}

/// `POST /v1/bookings/{locator}/rebook`
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct RebookBooking {
    /// What becomes of segments, each named once; those that are not named stay as they are.
    pub segments: Vec<RebookSegment>,
    /// Refuse with `fare_changed` where the total would be another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub expected_total: Option<Money>,
}

/// What becomes of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(deny_unknown_fields)
)]
pub struct RebookSegment {
    /// Position of the segment, from 1.
    pub segment: u8,
    /// What takes its place: the segment is XX then. Without it what happened to the flight is accepted: TK becomes HK, and UN
    /// becomes XX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub replacement: Option<NewSegment>,
}

/// A segment of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Segment {
    /// The flight.
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
    /// The cabin.
    pub cabin: Cabin,
    /// Its state.
    pub status: SegmentStatus,
    /// The departure that the party had agreed to, where the flight has another one now (TK, or UN after that).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub previous_departure: Option<OffsetTime>,
    /// The arrival that goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub previous_arrival: Option<OffsetTime>,
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Booking {
    /// The name by which it is known.
    pub locator: Locator,
    /// State of the whole.
    pub status: BookingStatus,
    /// Grows with every change; for `If-Match`, also the `ETag`.
    pub version: u64,
    /// The flights in order.
    pub segments: Vec<Segment>,
    /// The party.
    pub passengers: Vec<Passenger>,
    /// Seats that were chosen and still belong to the party.
    pub seats: Vec<SeatChoice>,
    /// How the party is reached.
    pub contact: Contact,
    /// Fares of all passengers on all segments.
    pub total: Money,
    /// Until when a held booking keeps its seats.
    pub time_limit: Option<Instant>,
    /// Whose booking it is.
    pub office: Office,
    /// Who made it.
    pub created_by: Username,
    /// When it was made.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
    /// The idempotency key of its making; only shown to the user who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub operation: Option<OperationKey>,
}

/// A page of bookings, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct BookingPage {
    /// The bookings.
    pub items: Vec<Booking>,
    /// Gets the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// One entry of a booking's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct HistoryEntry {
    /// The booking's version after it.
    pub version: u64,
    /// When.
    pub at: Instant,
    /// Who; `system` where nobody asked for it.
    pub by: Username,
    /// What, as an event's type: `booking.created`, `booking.confirmed`, `booking.changed`, `booking.cancelled`,
    /// `booking.expired`, `waitlist.cleared`.
    pub action: String,
    /// What changed, in words.
    pub detail: String,
}

/// `GET /v1/bookings/{locator}/history`, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct HistoryPage {
    /// The entries.
    pub items: Vec<HistoryEntry>,
    /// Always null: a history is one page.
    pub next_cursor: Option<String>,
}
