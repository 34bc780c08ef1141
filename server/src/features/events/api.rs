//! The endpoint of live events.

use std::sync::Arc;
use std::time::Duration;

use airside_common::api::events::LiveEvent;
use airside_common::api::problem::Code;
use airside_common::flight::FlightId;
use futures_util::stream;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Query};

use super::live::{ListenError, Live, Request};
use crate::http::authentication::{AgentAuth, TokenExpiry};
use crate::http::event_stream::EventStream;
use crate::http::problem::ProblemAnswer;

/// Flights that one stream may name.
pub const MOST_FLIGHTS: usize = 100;

/// When a user with too many streams may try again.
const LATER: Duration = Duration::from_secs(10);

/// The endpoint of live events.
#[derive(Clone)]
pub struct EventsApi {
    live: Arc<Live>,
}

impl EventsApi {
    /// The endpoint over a service.
    pub fn new(live: Arc<Live>) -> Self {
        Self { live }
    }
}

impl From<ListenError> for ProblemAnswer {
    fn from(error: ListenError) -> Self {
        let text = error.to_string();
        match error {
            ListenError::TooManyOfUser(_) => {
                Self::new(Code::TooManyRequests, text).retry_after(LATER)
            }
            ListenError::TooMany | ListenError::Ending => Self::new(Code::Unavailable, text),
            ListenError::Outbox(cause) => {
                Self::new(Code::Unavailable, text).because(cause.to_string())
            }
        }
    }
}

/// The flights of a list with commas between them.
fn flights(text: &str) -> Result<Vec<FlightId>, ProblemAnswer> {
    let wrong = |message: String| ProblemAnswer::field("flights", message);
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let mut flights = words
        .map(str::parse)
        .collect::<Result<Vec<FlightId>, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    flights.sort_unstable();
    flights.dedup();
    if flights.len() > MOST_FLIGHTS {
        return Err(wrong(format!("names {MOST_FLIGHTS} flights at most")));
    }
    Ok(flights)
}

#[OpenApi(prefix_path = "/v1")]
impl EventsApi {
    /// Live events
    ///
    /// Server-sent events: what happens to bookings of the own office (of all offices for admins), and the seats left on the
    /// flights that are named; to admins also what happens to uploads. Who comes back with the `Last-Event-ID` that was heard
    /// last misses nothing; where that is of too long ago, and on a stream without one, the first message is `reset`: what
    /// was read before may be old. A comment, and the id that was reached, come every 15 seconds. The stream ends with the
    /// access token, with its session, where its client takes too little of what there is, and when the server ends; then
    /// it is asked for again. A booking's event names the `operation` to the one who sent it alone.
    #[oai(path = "/events", method = "get", operation_id = "followEvents")]
    async fn events(
        &self,
        caller: AgentAuth,
        expiry: TokenExpiry,
        /// Flights whose seats are told, at the beginning and when they change: ids with commas between them, 100 at most.
        flights: Query<Option<String>>,
        /// The id of the last message that was heard.
        #[oai(name = "Last-Event-ID")]
        last: Header<Option<String>>,
    ) -> Result<EventStream<LiveEvent>, ProblemAnswer> {
        let request = Request {
            caller: caller.0,
            expires: expiry.0,
            // What is no position was not heard here: the stream begins with a reset.
            after: last.0.and_then(|id| id.trim().parse().ok()),
            flights: self::flights(flights.0.as_deref().unwrap_or_default())?,
        };
        let listening = self.live.listen(request).await?;
        let pieces = stream::unfold(listening, |mut listening| async move {
            let piece = listening.next().await?;
            Some((piece, listening))
        });
        Ok(EventStream::new(pieces))
    }
}
