//! Endpoints of single flights, their seat maps, airports, and an admin's work on flights.

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::api::flights::{
    AirportPage, CreateFlight, Flight, FlightPage, PatchFlight, SeatMap,
};
use airside_common::api::problem::{Code, FieldError, Problem};
use airside_common::flight::{FlightId, FlightNumber, FlightStatus};
use airside_common::time::CalendarDate;
use airside_common::user::Role;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::decide::Refusal;
use super::service::Flights;
use super::store::{FlightFilter, FlightPosition, FlightStoreError};
use crate::features::audit::entry::Author;
use crate::http::authentication::{AdminAuth, AgentAuth};
use crate::http::body::{Body, JsonBytes};
use crate::http::context::RequestId;
use crate::http::problem::ProblemAnswer;
use crate::reference::reference;

/// Endpoints of flights and airports.
#[derive(Clone)]
pub struct FlightsApi {
    flights: Flights,
}

/// Endpoints of an admin's work on flights.
#[derive(Clone)]
pub struct AdminFlightsApi {
    flights: Flights,
}

impl AdminFlightsApi {
    /// Endpoints over a service.
    pub fn new(flights: Flights) -> Self {
        Self { flights }
    }
}

impl FlightsApi {
    /// Endpoints over a service.
    pub fn new(flights: Flights) -> Self {
        Self { flights }
    }
}

impl From<FlightStoreError> for ProblemAnswer {
    fn from(error: FlightStoreError) -> Self {
        let text = error.to_string();
        match error {
            FlightStoreError::NotFound => Self::new(Code::NotFound, text),
            FlightStoreError::Stale { .. } => Self::new(Code::StaleVersion, text),
            FlightStoreError::AlreadyExists(_) => Self::new(Code::AlreadyExists, text),
            FlightStoreError::Refused(Refusal::Invalid { field, message }) => {
                Self::field(field, message)
            }
            FlightStoreError::Refused(Refusal::HasBookings { field, message }) => {
                let mut problem = Problem::new(Code::FlightHasBookings, text);
                problem.errors.push(FieldError { field, message });
                problem.into()
            }
            FlightStoreError::LeaseLost => Self::new(Code::Conflict, text),
            FlightStoreError::Store(error) => error.into(),
        }
    }
}

/// A flight with its version as `ETag`.
#[derive(ApiResponse)]
pub enum FlightAnswer {
    /// The flight.
    #[oai(status = 200)]
    Ok(JsonBytes<Flight>, #[oai(header = "ETag")] String),
}

/// A flight that was made.
#[derive(ApiResponse)]
pub enum FlightMade {
    /// The flight.
    #[oai(status = 201)]
    Created(
        JsonBytes<Flight>,
        /// The version, for `If-Match`.
        #[oai(header = "ETag")]
        String,
        /// Where it is.
        #[oai(header = "Location")]
        String,
    ),
}

fn etag(flight: &Flight) -> String {
    format!("\"{}\"", flight.version)
}

fn answer(flight: &Flight) -> Result<FlightAnswer, ProblemAnswer> {
    Ok(FlightAnswer::Ok(JsonBytes::of(flight)?, etag(flight)))
}

/// The version of an `If-Match` header: 428 without one; what is no version of ours cannot be current.
fn version(if_match: Option<&str>) -> Result<u64, ProblemAnswer> {
    let text = if_match.ok_or_else(|| {
        ProblemAnswer::new(
            Code::PreconditionRequired,
            "send the version that you saw as `If-Match: \"version\"`",
        )
    })?;
    text.trim()
        .trim_matches('"')
        .parse()
        .map_err(|_| ProblemAnswer::new(Code::StaleVersion, "If-Match is not a version"))
}

/// The size of a page: 1 to 100, 20 where it is not said.
pub(crate) fn page_size(limit: Option<u32>) -> Result<u8, ProblemAnswer> {
    match limit.unwrap_or(20) {
        limit @ 1..=100 => Ok(u8::try_from(limit).unwrap_or(100)),
        _ => Err(ProblemAnswer::field("limit", "is 1 to 100")),
    }
}

fn bad_cursor() -> ProblemAnswer {
    ProblemAnswer::field("cursor", "take it from the answer before, unchanged")
}

fn read_cursor<const N: usize>(cursor: &str) -> Result<[u8; N], ProblemAnswer> {
    BASE64_URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(bad_cursor)
}

#[OpenApi(prefix_path = "/v1")]
impl FlightsApi {
    /// One flight
    ///
    /// Its cabins are read in one consistent look; admins also see capacity and sold seats.
    #[oai(path = "/flights/:id", method = "get", operation_id = "readFlight")]
    async fn flight(
        &self,
        caller: AgentAuth,
        /// The flight, from a search.
        id: Path<FlightId>,
    ) -> Result<FlightAnswer, ProblemAnswer> {
        answer(&self.flights.flight(id.0, caller.0.role).await?)
    }

    /// A flight's seat map
    #[oai(
        path = "/flights/:id/seats",
        method = "get",
        operation_id = "readSeatMap"
    )]
    async fn seats(
        &self,
        _caller: AgentAuth,
        /// The flight, from a search.
        id: Path<FlightId>,
    ) -> Result<JsonBytes<SeatMap>, ProblemAnswer> {
        JsonBytes::of(&self.flights.seats(id.0).await?)
    }

    /// Airports by code, city or name
    ///
    /// The code of a city that has several airports, such as `NYC`, finds them all.
    #[expect(clippy::unused_async, reason = "endpoints are asynchronous")]
    #[oai(path = "/airports", method = "get", operation_id = "listAirports")]
    async fn airports(
        &self,
        _caller: AgentAuth,
        /// What was typed; all airports where it is absent.
        query: Query<Option<String>>,
        /// The most items: 1 to 100.
        limit: Query<Option<u32>>,
        /// Where the last answer ended.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<AirportPage>, ProblemAnswer> {
        let limit = usize::from(page_size(limit.0)?);
        let from = match &cursor.0 {
            Some(cursor) => u32::from_be_bytes(read_cursor(cursor)?),
            None => 0,
        };
        let query = query.0.unwrap_or_default();
        if query.chars().count() > 100 {
            return Err(ProblemAnswer::field("query", "has at most 100 characters"));
        }
        let found = reference().search(&query);
        let start = usize::try_from(from).unwrap_or(usize::MAX);
        let items = found.iter().skip(start).take(limit);
        let items: Vec<_> = items.map(|airport| (*airport).clone()).collect();
        let end = start.saturating_add(items.len());
        let next_cursor = (end < found.len())
            .then(|| u32::try_from(end).ok())
            .flatten()
            .map(|end| BASE64_URL_SAFE_NO_PAD.encode(end.to_be_bytes()));
        JsonBytes::of(&AirportPage { items, next_cursor })
    }
}

#[OpenApi(prefix_path = "/v1/admin")]
impl AdminFlightsApi {
    /// Flights by departure
    #[expect(clippy::too_many_arguments, reason = "one a parameter of the endpoint")]
    #[oai(path = "/flights", method = "get", operation_id = "listFlights")]
    async fn list(
        &self,
        _caller: AdminAuth,
        /// From.
        origin: Query<Option<AirportCode>>,
        /// To.
        destination: Query<Option<AirportCode>>,
        /// Local date of departure.
        date: Query<Option<CalendarDate>>,
        /// Carrier.
        carrier: Query<Option<CarrierCode>>,
        /// Number.
        number: Query<Option<u16>>,
        /// Whether it operates.
        status: Query<Option<FlightStatus>>,
        /// The most items: 1 to 100.
        limit: Query<Option<u32>>,
        /// Where the last answer ended.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<FlightPage>, ProblemAnswer> {
        let after = match &cursor.0 {
            None => None,
            Some(cursor) => {
                let bytes = read_cursor::<16>(cursor)?;
                let ([departure, id], _) = bytes.as_chunks::<8>() else {
                    return Err(bad_cursor());
                };
                Some(FlightPosition {
                    departure: i64::from_be_bytes(*departure),
                    id: FlightId::from_raw(i64::from_be_bytes(*id)),
                })
            }
        };
        let number = number
            .0
            .map(FlightNumber::new)
            .transpose()
            .map_err(|e| ProblemAnswer::field("number", e.to_string()))?;
        let filter = FlightFilter {
            origin: origin.0,
            destination: destination.0,
            date: date.0,
            carrier: carrier.0,
            number,
            status: status.0,
        };
        let limit = page_size(limit.0)?;
        let (mut page, next) = self.flights.list(&filter, after, limit).await?;
        page.next_cursor = next.map(|next| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&next.departure.to_be_bytes());
            bytes[8..].copy_from_slice(&next.id.raw().to_be_bytes());
            BASE64_URL_SAFE_NO_PAD.encode(bytes)
        });
        JsonBytes::of(&page)
    }

    /// Make a flight
    #[oai(path = "/flights", method = "post", operation_id = "createFlight")]
    async fn create(
        &self,
        caller: AdminAuth,
        request_id: RequestId,
        body: Body<CreateFlight>,
    ) -> Result<FlightMade, ProblemAnswer> {
        let author = Author::of(&caller.0, &request_id);
        let made = self.flights.create(&body.0, &author).await?;
        let location = format!("/v1/admin/flights/{}", made.id);
        Ok(FlightMade::Created(
            JsonBytes::of(&made)?,
            etag(&made),
            location,
        ))
    }

    /// One flight, as an admin sees it
    #[oai(
        path = "/flights/:id",
        method = "get",
        operation_id = "readFlightAsAdmin"
    )]
    async fn admin_flight(
        &self,
        _caller: AdminAuth,
        /// The flight.
        id: Path<FlightId>,
    ) -> Result<FlightAnswer, ProblemAnswer> {
        answer(&self.flights.flight(id.0, Role::Admin).await?)
    }

    /// Change a flight
    ///
    /// Bookings on it keep its aircraft and their seats from changing. They are told of new times, whose date of departure
    /// stays; fares may change always.
    #[oai(path = "/flights/:id", method = "patch", operation_id = "changeFlight")]
    async fn change(
        &self,
        caller: AdminAuth,
        request_id: RequestId,
        /// The flight.
        id: Path<FlightId>,
        /// The version that was seen, in quotes.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<PatchFlight>,
    ) -> Result<FlightAnswer, ProblemAnswer> {
        let version = version(if_match.0.as_deref())?;
        let author = Author::of(&caller.0, &request_id);
        answer(&self.flights.change(id.0, version, body.0, &author).await?)
    }

    /// Cancel a flight
    ///
    /// Its bookings are told: their segments become `UN`, and those that only wait for seats end.
    #[oai(
        path = "/flights/:id/cancel",
        method = "post",
        operation_id = "cancelFlight"
    )]
    async fn cancel(
        &self,
        caller: AdminAuth,
        request_id: RequestId,
        /// The flight.
        id: Path<FlightId>,
        /// The version that was seen, in quotes.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<FlightAnswer, ProblemAnswer> {
        let version = version(if_match.0.as_deref())?;
        let author = Author::of(&caller.0, &request_id);
        answer(&self.flights.cancel(id.0, version, &author).await?)
    }
}
