//! The endpoint of search.

use std::sync::Arc;

use airside_common::airport::{AirportCode, CarrierCode};
use airside_common::api::search::{ItineraryPage, ItineraryQuery, Sort};
use airside_common::flight::Cabin;
use airside_common::time::CalendarDate;
use poem::http::Uri;
use poem::{IntoResponse, Request, Response};
use poem_openapi::param::Query;
use poem_openapi::{ApiResponse, OpenApi};

use super::kept::Answer;
use super::service::{Search, SearchError};
use crate::clock::SharedClock;
use crate::http::authentication::{AgentAuth, recalled};
use crate::http::body::JsonBytes;
use crate::http::problem::ProblemAnswer;
use crate::http::router::Kept;

/// The endpoint of search.
#[derive(Clone)]
pub struct SearchApi {
    search: Arc<Search>,
    clock: SharedClock,
}

impl SearchApi {
    /// The endpoint over a service.
    pub fn new(search: Arc<Search>, clock: SharedClock) -> Self {
        Self { search, clock }
    }

    /// An answer with its age.
    fn told(&self, answer: &Answer) -> ItinerariesAnswer {
        self.search.given(answer);
        let age = self.clock.now().duration_since(answer.as_of).as_secs();
        ItinerariesAnswer::Ok(
            JsonBytes::new(answer.bytes.clone()),
            u64::try_from(age).unwrap_or(0),
        )
    }
}

/// Most searches are asked again and again: an answer that is kept is found by the text of its query, and the parameters
/// need not be read again.
impl Kept for SearchApi {
    fn answer(&self, request: &Request) -> Option<Response> {
        let answer = self.search.kept(request.uri().query()?)?;
        // Every caller may search; the endpoint refuses whoever is none. Counted as a request only where it is answered here.
        recalled(request)?;
        Some(self.told(&answer).into_response())
    }
}

impl From<SearchError> for ProblemAnswer {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Invalid(wrong) => Self::field(wrong.field, wrong.message),
            SearchError::Store(error) => error.into(),
        }
    }
}

/// Itineraries, with how old their availability is.
#[derive(ApiResponse)]
pub enum ItinerariesAnswer {
    /// The itineraries.
    #[oai(status = 200)]
    Ok(
        JsonBytes<ItineraryPage>,
        /// How old the oldest availability in the answer is, in seconds.
        #[oai(header = "Age")]
        u64,
    ),
}

fn small(field: &'static str, value: Option<u32>, default: u8) -> Result<u8, ProblemAnswer> {
    value.map_or(Ok(default), |value| {
        u8::try_from(value).map_err(|_| ProblemAnswer::field(field, "is too large"))
    })
}

#[OpenApi(prefix_path = "/v1")]
impl SearchApi {
    /// Itineraries from one airport to another
    ///
    /// Up to two stops; connections of 45 minutes (90 where a border is crossed) to 6 hours. An itinerary is left out
    /// where one with fewer stops departs no earlier, arrives no later and has seats for the party; in the order by
    /// price it stays where it costs less. A stale count of seats may be shown and is never sold.
    #[expect(clippy::too_many_arguments, reason = "one a parameter of the endpoint")]
    #[oai(
        path = "/itineraries",
        method = "get",
        operation_id = "searchItineraries"
    )]
    async fn itineraries(
        &self,
        _caller: AgentAuth,
        uri: &Uri,
        /// Where from: an airport.
        origin: Query<AirportCode>,
        /// Where to: an airport.
        destination: Query<AirportCode>,
        /// Local date of departure.
        date: Query<CalendarDate>,
        /// Also so many days before and after the date: 0 to 3.
        flexible_days: Query<Option<u32>>,
        /// Only itineraries with seats in this cabin; the total is this cabin's.
        cabin: Query<Option<Cabin>>,
        /// How many seats the party needs: 1 to 9; 1 where it is absent.
        passengers: Query<Option<u32>>,
        /// The most stops: 0 to 2; 2 where it is absent.
        max_stops: Query<Option<u32>>,
        /// Only flights of this carrier.
        carrier: Query<Option<CarrierCode>>,
        /// Local departure not before, `HH:MM`.
        earliest: Query<Option<String>>,
        /// Local departure not after, `HH:MM`.
        latest: Query<Option<String>>,
        /// Order; `departure` where it is absent.
        sort: Query<Option<Sort>>,
        /// The most items of one answer: 1 to 100; 20 where it is absent.
        limit: Query<Option<u32>>,
        /// Where the last answer ended.
        cursor: Query<Option<String>>,
    ) -> Result<ItinerariesAnswer, ProblemAnswer> {
        let query = ItineraryQuery {
            origin: origin.0,
            destination: destination.0,
            date: date.0,
            flexible_days: small("flexible_days", flexible_days.0, 0)?,
            cabin: cabin.0,
            passengers: small("passengers", passengers.0, 1)?,
            max_stops: small("max_stops", max_stops.0, 2)?,
            carrier: carrier.0,
            earliest: earliest.0,
            latest: latest.0,
            sort: sort.0.unwrap_or_default(),
            limit: small("limit", limit.0, 20)?,
            cursor: cursor.0,
        };
        let asked = uri.query().unwrap_or_default();
        let answer = self.search.answer(asked, &query).await?;
        Ok(self.told(&answer))
    }
}
