//! Endpoints of figures, for admins.

use airside_common::api::analytics::{GroupBy, LoadFactorPage, SalesPage, UnservedSearchesList};
use airside_common::flight::FlightId;
use airside_common::time::CalendarDate;
use jiff::Span;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;

use super::service::Analytics;
use super::store::{Period, SalesPosition};
use crate::features::flights::api::page_size;
use crate::http::authentication::AdminAuth;
use crate::http::body::JsonBytes;
use crate::http::problem::ProblemAnswer;

/// Days of one question, both ends included.
const MOST_DAYS: i64 = 366;

/// Endpoints of figures.
#[derive(Clone)]
pub struct AnalyticsApi {
    analytics: Analytics,
}

impl AnalyticsApi {
    /// Endpoints over a service.
    pub fn new(analytics: Analytics) -> Self {
        Self { analytics }
    }
}

fn period(from: CalendarDate, to: CalendarDate) -> Result<Period, ProblemAnswer> {
    if to < from {
        return Err(ProblemAnswer::field("to", "is before `from`"));
    }
    let last = from.0.saturating_add(Span::new().days(MOST_DAYS - 1));
    if to.0 > last {
        let text = format!("is at most {MOST_DAYS} days from `from`, both included");
        return Err(ProblemAnswer::field("to", text));
    }
    Ok(Period {
        from: from.0,
        to: to.0,
    })
}

fn position(cursor: &str) -> Result<SalesPosition, ProblemAnswer> {
    let (currency, key) = cursor
        .split_once(' ')
        .ok_or_else(|| ProblemAnswer::field("cursor", "take it from the page before"))?;
    Ok(SalesPosition {
        key: key.to_owned(),
        currency: currency.to_owned(),
    })
}

#[OpenApi(prefix_path = "/v1/admin/analytics")]
impl AnalyticsApi {
    /// What was booked and cancelled, and what it was worth
    ///
    /// Made of events, a moment after the bookings themselves. Days are those of UTC, 366 at most.
    #[oai(path = "/sales", method = "get", operation_id = "readSales")]
    async fn sales(
        &self,
        _admin: AdminAuth,
        /// The first day.
        from: Query<CalendarDate>,
        /// The last day.
        to: Query<CalendarDate>,
        /// By what it is summed up; `day` where it is absent.
        group_by: Query<Option<GroupBy>>,
        /// Groups of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<SalesPage>, ProblemAnswer> {
        let period = period(from.0, to.0)?;
        let limit = page_size(limit.0)?;
        let behind = cursor.0.as_deref().map(position).transpose()?;
        let by = group_by.0.unwrap_or_default();
        let (mut page, next) = self.analytics.sales(period, by, behind, limit).await?;
        page.next_cursor = next.map(|next| format!("{} {}", next.currency, next.key));
        JsonBytes::of(&page)
    }

    /// How full the flights of a day are
    #[oai(
        path = "/load-factors",
        method = "get",
        operation_id = "readLoadFactors"
    )]
    async fn load_factors(
        &self,
        _admin: AdminAuth,
        /// Local date of departure.
        date: Query<CalendarDate>,
        /// Flights of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<LoadFactorPage>, ProblemAnswer> {
        let limit = page_size(limit.0)?;
        let behind = cursor
            .0
            .map(|text| text.parse::<FlightId>())
            .transpose()
            .map_err(|_| ProblemAnswer::field("cursor", "take it from the page before"))?;
        JsonBytes::of(&self.analytics.load_factors(date.0.0, behind, limit).await?)
    }

    /// Searches that found no seats for the party
    ///
    /// The hundred most frequent, by day, route and cabin.
    #[oai(
        path = "/unserved-searches",
        method = "get",
        operation_id = "readUnservedSearches"
    )]
    async fn unserved(
        &self,
        _admin: AdminAuth,
        /// The first day.
        from: Query<CalendarDate>,
        /// The last day.
        to: Query<CalendarDate>,
    ) -> Result<JsonBytes<UnservedSearchesList>, ProblemAnswer> {
        JsonBytes::of(&self.analytics.unserved(period(from.0, to.0)?).await?)
    }
}
