//! Reading bookings, which needs no writer: one, its history, lists of them.

use std::sync::Arc;

use airside_common::airport::CarrierCode;
use airside_common::api::bookings::{Booking, BookingPage, HistoryEntry, HistoryPage};
use airside_common::booking::{BookingStatus, OperationKey};
use airside_common::flight::{FlightId, FlightNumber};
use airside_common::locator::Locator;
use airside_common::time::CalendarDate;
use airside_common::user::Role;

use super::service::BookingError;
use super::store::{BookingStore, Filter, Page};
use crate::features::auth::caller::Caller;

/// What a list is asked for.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// A passenger's surname.
    pub surname: Option<String>,
    /// Carrier and number of a flight.
    pub flight: Option<(CarrierCode, FlightNumber)>,
    /// Local departure date of a segment.
    pub date: Option<CalendarDate>,
    /// State.
    pub status: Option<BookingStatus>,
    /// The key of the making, of the caller's own bookings.
    pub operation: Option<OperationKey>,
    /// One flight.
    pub flight_id: Option<FlightId>,
    /// Only bookings older than the one of this number.
    pub before: Option<i64>,
    /// Bookings of one page.
    pub limit: u8,
}

/// Bookings as callers see them.
#[derive(Debug, Clone)]
pub struct Reading {
    store: Arc<dyn BookingStore>,
}

impl Reading {
    /// Over a store.
    pub fn new(store: Arc<dyn BookingStore>) -> Self {
        Self { store }
    }

    /// The booking of a locator.
    pub async fn booking(
        &self,
        caller: &Caller,
        locator: Locator,
    ) -> Result<Booking, BookingError> {
        self.store
            .booking(locator)
            .await?
            .filter(|stored| stored.is_visible_to(caller))
            .map(|stored| stored.seen_by(caller))
            .ok_or(BookingError::NotFound(locator))
    }

    /// A booking's history.
    pub async fn history(
        &self,
        caller: &Caller,
        locator: Locator,
    ) -> Result<HistoryPage, BookingError> {
        self.booking(caller, locator).await?;
        let items: Vec<HistoryEntry> = self.store.history(locator).await?;
        Ok(HistoryPage {
            items,
            next_cursor: None,
        })
    }

    /// A page of the caller's office's bookings, of all offices' for an admin.
    pub async fn list(
        &self,
        caller: &Caller,
        query: ListQuery,
    ) -> Result<BookingPage, BookingError> {
        let filter = Filter {
            office: match caller.role {
                Role::Admin => None,
                Role::Agent => Some(caller.office.clone()),
            },
            surname: query.surname,
            flight: query.flight,
            date: query.date.map(|date| date.0),
            flight_id: query.flight_id,
            status: query.status,
            operation: query.operation.map(|key| (caller.user_id, key)),
        };
        let limit = usize::from(query.limit);
        // One more than is shown tells whether there is another page.
        let page = Page {
            before: query.before,
            limit: u32::from(query.limit) + 1,
        };
        let mut found = self.store.bookings(&filter, page).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next_cursor = found
            .last()
            .filter(|_| more)
            .map(|last| last.id.to_string());
        Ok(BookingPage {
            items: found
                .into_iter()
                .map(|stored| stored.seen_by(caller))
                .collect(),
            next_cursor,
        })
    }
}
