//! The calls, in the order of the contract.

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::api::audit::AuditPage;
use airside_common::api::auth::Me;
use airside_common::api::bookings::{
    Booking, BookingPage, CreateBooking, HistoryPage, RebookBooking,
};
use airside_common::api::flights::{
    AirportPage, CreateFlight, Flight, FlightPage, PatchFlight, SeatMap,
};
use airside_common::api::search::{ItineraryPage, ItineraryQuery};
use airside_common::api::users::{CreateUser, PatchUser, User, UserPage};
use airside_common::booking::{BookingStatus, OperationKey};
use airside_common::flight::{FlightId, FlightNumber};
use airside_common::locator::Locator;
use airside_common::time::CalendarDate;
use airside_common::user::UserId;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::{Api, ApiError, Call};
use crate::store::operation::{Operation, OperationKind, Reference};

/// Which bookings are listed; what is absent does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BookingFilter {
    /// A passenger's surname begins so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surname: Option<String>,
    /// A segment is on this flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flight: Option<String>,
    /// A segment departs on this local date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<CalendarDate>,
    /// The booking's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<BookingStatus>,
    /// The most items of one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u8>,
    /// Where the last answer ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Which flights an admin lists; what is absent does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FlightFilter {
    /// Local date of departure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<CalendarDate>,
    /// From.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<AirportCode>,
    /// To.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<AirportCode>,
    /// Carrier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<CarrierCode>,
    /// Number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<FlightNumber>,
    /// The most items of one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u8>,
    /// Where the last answer ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What is said of a file that is uploaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UploadQuery {
    /// Only tell what it would change.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Its format; absent: as its first line tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Fares of new flights of files that have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fares: Option<String>,
    /// The currency of these fares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Merge it although the same was completed before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

#[derive(Serialize)]
struct AirportQuery<'a> {
    query: &'a str,
    limit: u8,
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    pub(super) limit: u8,
    /// Where it begins; the first page where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct Cursor<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

impl Api {
    /// Who the caller is.
    pub async fn me(&self) -> Result<Me, ApiError> {
        self.call(&Call::get("/v1/auth/me")).await
    }

    /// What can be flown.
    pub async fn itineraries(&self, query: &ItineraryQuery) -> Result<ItineraryPage, ApiError> {
        self.call(&Call::get("/v1/itineraries").query(query)?).await
    }

    /// One flight with its cabins.
    pub async fn flight(&self, id: FlightId) -> Result<Flight, ApiError> {
        self.call(&Call::get(format!("/v1/flights/{id}"))).await
    }

    /// A flight's seat map.
    pub async fn seats(&self, id: FlightId) -> Result<SeatMap, ApiError> {
        self.call(&Call::get(format!("/v1/flights/{id}/seats")))
            .await
    }

    /// Airports by code, city or name, best first.
    pub async fn airports(&self, query: &str, limit: u8) -> Result<AirportPage, ApiError> {
        let query = AirportQuery { query, limit };
        self.call(&Call::get("/v1/airports").query(&query)?).await
    }

    /// Makes a booking under a key; the same key again gives the same booking.
    pub async fn create_booking(
        &self,
        key: &OperationKey,
        body: &CreateBooking,
    ) -> Result<Booking, ApiError> {
        let call = Call::new(Method::POST, "/v1/bookings")
            .key(key)
            .body(body)?;
        self.call(&call).await
    }

    /// Confirms a held booking, if it has this version, under a key.
    pub async fn confirm_booking(
        &self,
        key: &OperationKey,
        locator: Locator,
        version: u64,
    ) -> Result<Booking, ApiError> {
        let call = Call::new(Method::POST, format!("/v1/bookings/{locator}/confirm"))
            .key(key)
            .if_match(version);
        self.call(&call).await
    }

    /// Accepts what happened to flights or takes others, if the booking has this version, under a key.
    pub async fn rebook_booking(
        &self,
        key: &OperationKey,
        locator: Locator,
        version: u64,
        body: &RebookBooking,
    ) -> Result<Booking, ApiError> {
        let call = Call::new(Method::POST, format!("/v1/bookings/{locator}/rebook"))
            .key(key)
            .if_match(version)
            .body(body)?;
        self.call(&call).await
    }

    /// Gives a booking back, if it has this version, under a key.
    pub async fn cancel_booking(
        &self,
        key: &OperationKey,
        locator: Locator,
        version: u64,
    ) -> Result<Booking, ApiError> {
        let call = Call::new(Method::POST, format!("/v1/bookings/{locator}/cancel"))
            .key(key)
            .if_match(version);
        self.call(&call).await
    }

    /// Sends an operation.
    pub async fn send_operation(&self, operation: &Operation) -> Result<Booking, ApiError> {
        if !self.is_of(&operation.account) {
            return Err(ApiError::LoggedOut);
        }
        match (&operation.kind, &operation.target, operation.base_version) {
            (OperationKind::Create { body, .. }, _, _) => {
                self.create_booking(&operation.key, body).await
            }
            (OperationKind::Cancel, Reference::Known(locator), Some(version)) => {
                self.cancel_booking(&operation.key, *locator, version).await
            }
            (OperationKind::Confirm, Reference::Known(locator), Some(version)) => {
                self.confirm_booking(&operation.key, *locator, version)
                    .await
            }
            (OperationKind::Rebook { body, .. }, Reference::Known(locator), Some(version)) => {
                self.rebook_booking(&operation.key, *locator, version, body)
                    .await
            }
            // The ledger sends nothing of a booking that is not made.
            (
                OperationKind::Confirm | OperationKind::Rebook { .. } | OperationKind::Cancel,
                _,
                _,
            ) => Err(ApiError::Client(
                "the booking to be changed is not made yet".to_owned(),
            )),
        }
    }

    /// Bookings of the own office, the newest first.
    pub async fn bookings(&self, filter: &BookingFilter) -> Result<BookingPage, ApiError> {
        self.call(&Call::get("/v1/bookings").query(filter)?).await
    }

    /// One booking.
    pub async fn booking(&self, locator: Locator) -> Result<Booking, ApiError> {
        self.call(&Call::get(format!("/v1/bookings/{locator}")))
            .await
    }

    /// What happened to a booking, the oldest first.
    pub async fn history(&self, locator: Locator) -> Result<HistoryPage, ApiError> {
        self.call(&Call::get(format!("/v1/bookings/{locator}/history")))
            .await
    }

    /// Flights as admins see them.
    pub async fn admin_flights(&self, filter: &FlightFilter) -> Result<FlightPage, ApiError> {
        self.call(&Call::get("/v1/admin/flights").query(filter)?)
            .await
    }

    /// Makes a flight.
    pub async fn create_flight(&self, body: &CreateFlight) -> Result<Flight, ApiError> {
        self.call(&Call::new(Method::POST, "/v1/admin/flights").body(body)?)
            .await
    }

    /// Changes a flight, if it has this version.
    pub async fn patch_flight(
        &self,
        id: FlightId,
        version: u64,
        body: &PatchFlight,
    ) -> Result<Flight, ApiError> {
        let call = Call::new(Method::PATCH, format!("/v1/admin/flights/{id}"))
            .if_match(version)
            .body(body)?;
        self.call(&call).await
    }

    /// Cancels a flight, if it has this version.
    pub async fn cancel_flight(&self, id: FlightId, version: u64) -> Result<Flight, ApiError> {
        let call =
            Call::new(Method::POST, format!("/v1/admin/flights/{id}/cancel")).if_match(version);
        self.call(&call).await
    }

    /// The bookings that are on a flight or were, of all offices, the newest first, 100 at once.
    pub async fn flight_bookings(
        &self,
        id: FlightId,
        cursor: Option<&str>,
    ) -> Result<BookingPage, ApiError> {
        let query = Page { limit: 100, cursor };
        let call = Call::get(format!("/v1/admin/flights/{id}/bookings")).query(&query)?;
        self.call(&call).await
    }

    /// Users by name.
    pub async fn users(&self, cursor: Option<&str>) -> Result<UserPage, ApiError> {
        self.call(&Call::get("/v1/admin/users").query(&Cursor { cursor })?)
            .await
    }

    /// Makes a user.
    pub async fn create_user(&self, body: &CreateUser) -> Result<User, ApiError> {
        self.call(&Call::new(Method::POST, "/v1/admin/users").body(body)?)
            .await
    }

    /// Changes a user.
    pub async fn patch_user(&self, id: UserId, body: &PatchUser) -> Result<User, ApiError> {
        self.call(&Call::new(Method::PATCH, format!("/v1/admin/users/{id}")).body(body)?)
            .await
    }

    /// The audit log, the newest first.
    pub async fn audit(&self, cursor: Option<&str>) -> Result<AuditPage, ApiError> {
        self.call(&Call::get("/v1/admin/audit").query(&Cursor { cursor })?)
            .await
    }
}
