//! Endpoints of bookings.

use airside_common::airport::CarrierCode;
use airside_common::api::bookings::{
    Booking, BookingPage, CreateBooking, HistoryPage, RebookBooking,
};
use airside_common::api::problem::Code;
use airside_common::booking::{BookingStatus, OperationKey};
use airside_common::flight::{FlightId, FlightNumber};
use airside_common::locator::Locator;
use airside_common::time::CalendarDate;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::command::{Answer, IfMatch, Outcome};
use super::reading::{ListQuery, Reading};
use super::service::{BookingError, Bookings};
use super::store::StoreError;
use super::writer::WriteError;
use crate::features::flights::api::page_size;
use crate::http::authentication::{AdminAuth, AgentAuth};
use crate::http::body::{Body, JsonBytes};
use crate::http::context::RequestId;
use crate::http::problem::ProblemAnswer;

/// Endpoints of bookings.
#[derive(Debug, Clone)]
pub struct BookingsApi {
    bookings: Bookings,
    reading: Reading,
}

impl BookingsApi {
    /// Endpoints over a service.
    pub fn new(bookings: Bookings) -> Self {
        let reading = bookings.read();
        Self { bookings, reading }
    }
}

/// Endpoints of an admin's look at bookings.
#[derive(Debug, Clone)]
pub struct AdminBookingsApi {
    reading: Reading,
}

impl AdminBookingsApi {
    /// Endpoints over what is stored.
    pub fn new(reading: Reading) -> Self {
        Self { reading }
    }
}

impl From<BookingError> for ProblemAnswer {
    fn from(error: BookingError) -> Self {
        let text = error.to_string();
        match error {
            BookingError::Refused(problem) => (*problem).into(),
            BookingError::NotFound(_) => Self::new(Code::NotFound, text),
            BookingError::Write(error) => Self::new(
                match error {
                    WriteError::Busy | WriteError::Unavailable | WriteError::Unknown => {
                        Code::Unavailable
                    }
                    WriteError::Full => Code::StorageFull,
                    WriteError::InProgress => Code::IdempotencyInProgress,
                    WriteError::Internal => Code::Internal,
                },
                text,
            ),
            BookingError::Read(StoreError::Data(cause)) => {
                Self::new(Code::Internal, "the bookings cannot be read").because(cause.to_string())
            }
            BookingError::Read(error) => {
                Self::new(Code::Unavailable, "the database is not available")
                    .because(error.to_string())
            }
            BookingError::Fingerprint(_) => Self::new(Code::Internal, text),
        }
    }
}

/// A booking that was made.
#[derive(ApiResponse)]
pub enum BookingMade {
    /// The booking.
    #[oai(status = 201)]
    Created(
        JsonBytes<Booking>,
        /// The version, for `If-Match`.
        #[oai(header = "ETag")]
        String,
        /// Where it is.
        #[oai(header = "Location")]
        String,
    ),
}

/// A booking.
#[derive(ApiResponse)]
pub enum BookingAnswer {
    /// The booking.
    #[oai(status = 200)]
    Ok(
        JsonBytes<Booking>,
        /// The version, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The success of an outcome with its subject; a kept refusal becomes the problem that it was.
fn success(outcome: Outcome) -> Result<(JsonBytes<Booking>, Locator, u64), ProblemAnswer> {
    match outcome {
        Outcome::Refused(problem) => Err((*problem).into()),
        Outcome::Settled(_) => Err(ProblemAnswer::new(
            Code::Internal,
            "the writer did what nobody asked for",
        )),
        Outcome::Answered(Answer {
            body,
            subject: Some((locator, version)),
            ..
        }) => Ok((JsonBytes::new(body), locator, version)),
        Outcome::Answered(Answer {
            body,
            subject: None,
            ..
        }) => Err(ProblemAnswer::kept(body)),
    }
}

/// The precondition that every change of a booking needs.
fn precondition(if_match: Option<String>) -> Result<IfMatch, ProblemAnswer> {
    let text = if_match.ok_or_else(|| {
        ProblemAnswer::new(
            Code::PreconditionRequired,
            "send the version that you saw as `If-Match: \"version\"`",
        )
    })?;
    // What is no version is none that the booking has.
    Ok(text.parse().unwrap_or(IfMatch::Version(0)))
}

/// A flight such as `UA1545`.
fn flight_name(text: &str) -> Result<(CarrierCode, FlightNumber), ProblemAnswer> {
    let wrong = || ProblemAnswer::field("flight", "write it as carrier and number, such as UA1545");
    let text = text.trim();
    let (carrier, number) = text.split_at_checked(2).ok_or_else(wrong)?;
    Ok((
        carrier.parse().map_err(|_| wrong())?,
        number.parse().map_err(|_| wrong())?,
    ))
}

/// The number that a cursor holds.
fn position(cursor: Option<&str>) -> Result<Option<i64>, ProblemAnswer> {
    cursor
        .map(|text| {
            text.parse()
                .map_err(|_| ProblemAnswer::field("cursor", "take it from the page before"))
        })
        .transpose()
}

#[OpenApi(prefix_path = "/v1")]
impl BookingsApi {
    /// Make a booking
    ///
    /// A party gets all its segments and seats, or none. With `hold` it is `held` until a time limit, and confirmed by
    /// `confirmBooking`; with `waitlist` a party that finds too few seats is `waitlisted`, and confirmed when there are. The same `Idempotency-Key` gives the same answer, however
    /// often it is sent; with another body it is refused.
    #[oai(path = "/bookings", method = "post", operation_id = "createBooking")]
    async fn create(
        &self,
        caller: AgentAuth,
        request_id: RequestId,
        /// The name of this write, chosen by the client: 1 to 255 printable characters, kept 30 days.
        #[oai(name = "Idempotency-Key")]
        key: Header<OperationKey>,
        body: Body<CreateBooking>,
    ) -> Result<BookingMade, ProblemAnswer> {
        let outcome = self
            .bookings
            .create(caller.0, request_id.as_str(), key.0, body.0)
            .await?;
        let (booking, locator, version) = success(outcome)?;
        Ok(BookingMade::Created(
            booking,
            etag(version),
            format!("/v1/bookings/{locator}"),
        ))
    }

    /// List bookings
    ///
    /// The own office's, all offices' for admins; the newest first. All filters that are given must hold.
    #[oai(path = "/bookings", method = "get", operation_id = "listBookings")]
    #[expect(
        clippy::too_many_arguments,
        reason = "one for each parameter of the query"
    )]
    async fn list(
        &self,
        caller: AgentAuth,
        /// A passenger's surname, in any case.
        surname: Query<Option<String>>,
        /// A flight by carrier and number, such as `UA1545`.
        flight: Query<Option<String>>,
        /// Local departure date of a segment; with `flight`, of that flight.
        date: Query<Option<CalendarDate>>,
        /// State of the booking.
        status: Query<Option<BookingStatus>>,
        /// The idempotency key with which the caller made it.
        operation: Query<Option<OperationKey>>,
        /// Bookings of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<BookingPage>, ProblemAnswer> {
        let query = ListQuery {
            surname: surname.0,
            flight: flight.0.as_deref().map(flight_name).transpose()?,
            date: date.0,
            status: status.0,
            operation: operation.0,
            flight_id: None,
            before: position(cursor.0.as_deref())?,
            limit: page_size(limit.0)?,
        };
        JsonBytes::of(&self.reading.list(&caller.0, query).await?)
    }

    /// One booking
    #[oai(
        path = "/bookings/:locator",
        method = "get",
        operation_id = "readBooking"
    )]
    async fn read(
        &self,
        caller: AgentAuth,
        /// Its record locator.
        locator: Path<Locator>,
    ) -> Result<BookingAnswer, ProblemAnswer> {
        let booking = self.reading.booking(&caller.0, locator.0).await?;
        Ok(BookingAnswer::Ok(
            JsonBytes::of(&booking)?,
            etag(booking.version),
        ))
    }

    /// A booking's history
    #[oai(
        path = "/bookings/:locator/history",
        method = "get",
        operation_id = "readBookingHistory"
    )]
    async fn history(
        &self,
        caller: AgentAuth,
        /// Its record locator.
        locator: Path<Locator>,
    ) -> Result<JsonBytes<HistoryPage>, ProblemAnswer> {
        JsonBytes::of(&self.reading.history(&caller.0, locator.0).await?)
    }

    /// Confirm a held booking
    ///
    /// Only before its time limit: afterwards it is 409 `time_limit_passed`, until the booking is cancelled by itself. The key
    /// is looked up before `If-Match`.
    #[oai(
        path = "/bookings/:locator/confirm",
        method = "post",
        operation_id = "confirmBooking"
    )]
    async fn confirm(
        &self,
        caller: AgentAuth,
        request_id: RequestId,
        /// Its record locator.
        locator: Path<Locator>,
        /// The name of this write, chosen by the client.
        #[oai(name = "Idempotency-Key")]
        key: Header<OperationKey>,
        /// The version that was seen, as in `ETag`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<BookingAnswer, ProblemAnswer> {
        let expected = precondition(if_match.0)?;
        let outcome = self
            .bookings
            .confirm(caller.0, request_id.as_str(), key.0, locator.0, expected)
            .await?;
        let (booking, _, version) = success(outcome)?;
        Ok(BookingAnswer::Ok(booking, etag(version)))
    }

    /// Accept changes of flights, or take other flights
    ///
    /// A named segment that is TK becomes HK with the flight's new times, one that is UN is dropped (XX); with a `replacement` the
    /// segment is given up (XX) and another flight or cabin taken, for the whole party or not at all. What is left must connect.
    /// What stays costs what it cost. The key is looked up before `If-Match`.
    #[oai(
        path = "/bookings/:locator/rebook",
        method = "post",
        operation_id = "rebookBooking"
    )]
    async fn rebook(
        &self,
        caller: AgentAuth,
        request_id: RequestId,
        /// Its record locator.
        locator: Path<Locator>,
        /// The name of this write, chosen by the client.
        #[oai(name = "Idempotency-Key")]
        key: Header<OperationKey>,
        /// The version that was seen, as in `ETag`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<RebookBooking>,
    ) -> Result<BookingAnswer, ProblemAnswer> {
        let seen = (locator.0, precondition(if_match.0)?);
        let outcome = self
            .bookings
            .rebook(caller.0, request_id.as_str(), key.0, seen, body.0)
            .await?;
        let (booking, _, version) = success(outcome)?;
        Ok(BookingAnswer::Ok(booking, etag(version)))
    }

    /// Cancel a booking
    ///
    /// Its seats are given back. The key is looked up before `If-Match`: the retry of a cancellation whose answer was
    /// lost gets that answer.
    #[oai(
        path = "/bookings/:locator/cancel",
        method = "post",
        operation_id = "cancelBooking"
    )]
    async fn cancel(
        &self,
        caller: AgentAuth,
        request_id: RequestId,
        /// Its record locator.
        locator: Path<Locator>,
        /// The name of this write, chosen by the client.
        #[oai(name = "Idempotency-Key")]
        key: Header<OperationKey>,
        /// The version that was seen, as in `ETag`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<BookingAnswer, ProblemAnswer> {
        let expected = precondition(if_match.0)?;
        let outcome = self
            .bookings
            .cancel(caller.0, request_id.as_str(), key.0, locator.0, expected)
            .await?;
        let (booking, _, version) = success(outcome)?;
        Ok(BookingAnswer::Ok(booking, etag(version)))
    }
}

#[OpenApi(prefix_path = "/v1/admin")]
impl AdminBookingsApi {
    /// A flight's bookings
    #[oai(
        path = "/flights/:id/bookings",
        method = "get",
        operation_id = "listBookingsOfFlight"
    )]
    async fn of_flight(
        &self,
        caller: AdminAuth,
        /// The flight.
        id: Path<FlightId>,
        /// State of the booking.
        status: Query<Option<BookingStatus>>,
        /// Bookings of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<BookingPage>, ProblemAnswer> {
        let query = ListQuery {
            flight_id: Some(id.0),
            status: status.0,
            before: position(cursor.0.as_deref())?,
            limit: page_size(limit.0)?,
            ..ListQuery::default()
        };
        JsonBytes::of(&self.reading.list(&caller.0, query).await?)
    }
}
