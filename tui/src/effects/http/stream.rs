//! The stream of live events, as it is opened and read.

use std::collections::VecDeque;
use std::time::Duration;

use airside_common::api::events::{BOOKING, INVENTORY_CHANGED, QUEUE_CHANGED, RESET, UPLOAD};
use airside_common::flight::FlightId;
use reqwest::Response;
use serde::Serialize;

use super::messages::{Message, Messages};
use super::{Api, ApiError, CALL_LIMIT, Call, intake, unreadable, words_of};
use crate::store::action::News;

/// A stream that is silent for so long is gone: signs of life come every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);

/// The longest that a stream lasts: longer than any access token.
const LIMIT: Duration = Duration::from_hours(24);

#[derive(Serialize)]
struct Flights {
    #[serde(skip_serializing_if = "String::is_empty")]
    flights: String,
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct EventStream {
    response: Response,
    messages: Messages,
    /// Read, and not yet asked for.
    waiting: VecDeque<News>,
}

impl Api {
    /// Opens the stream of live events, behind the message that was heard last.
    pub(crate) async fn events(
        &self,
        flights: &[FlightId],
        last_id: Option<String>,
    ) -> Result<EventStream, ApiError> {
        let flights: Vec<String> = flights.iter().map(ToString::to_string).collect();
        let flights = flights.join(",");
        let call = Call {
            last_id: last_id.clone(),
            limit: Some(LIMIT),
            accept: "text/event-stream",
            ..Call::get("/v1/events").query(&Flights { flights })?
        };
        let opening = self.open(&call);
        let response = tokio::time::timeout(CALL_LIMIT, opening)
            .await
            .map_err(|_| ApiError::Broken("it took too long".to_owned()))??;
        let kind = response.headers().get("content-type");
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if !is_stream {
            let why = "it is no stream of events".to_owned();
            return Err(unreadable(response.status(), why));
        }
        Ok(EventStream {
            response,
            messages: Messages::after(last_id),
            waiting: VecDeque::new(),
        })
    }
}

impl EventStream {
    /// The next news; `None` where the server has ended the stream. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<News>, ApiError> {
        loop {
            if let Some(news) = self.waiting.pop_front() {
                return Ok(Some(news));
            }
            let piece = tokio::time::timeout(SILENCE, self.response.chunk()).await;
            let piece = piece
                .map_err(|_| ApiError::Broken("nothing is heard any more".to_owned()))?
                .map_err(|error| ApiError::Broken(words_of(&error)))?;
            let Some(piece) = piece else {
                return Ok(None);
            };
            let unreadable = |why: String| unreadable(self.response.status(), why);
            let messages = self.messages.take(&piece);
            for message in messages.map_err(|error| unreadable(error.to_string()))? {
                self.waiting.extend(news(&message).map_err(unreadable)?);
            }
        }
    }

    /// What is said by whoever comes back: the last message that was read.
    pub(crate) fn last_id(&self) -> Option<String> {
        self.messages.last_id.clone()
    }

    /// After what time the server wants to be asked again.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.messages.retry
    }
}

/// What a message tells; of what newer servers have beside nothing is known here.
fn news(message: &Message) -> Result<Option<News>, String> {
    Ok(Some(match message.event.as_str() {
        RESET => News::Reset,
        INVENTORY_CHANGED => News::Seats(intake::read(&message.data)?),
        QUEUE_CHANGED => News::Queue(intake::read(&message.data)?),
        kind if kind.starts_with(BOOKING) => News::Booking(intake::read(&message.data)?),
        kind if kind.starts_with(UPLOAD) => News::Upload(intake::read(&message.data)?),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use airside_common::api::events::{UploadChanged, UploadProgress};
    use airside_common::upload::UploadStatus;

    use super::*;

    fn told(event: &str, data: &str) -> Result<Option<News>, String> {
        news(&Message {
            event: event.to_owned(),
            data: data.into(),
        })
    }

    #[test]
    fn uploads_are_told_with_and_without_how_far_they_are() {
        let id = "01936d5e-0000-7000-8000-000000000000";
        let upload = |kind: &str, rest: &str| {
            let data = format!(r#"{{"type":"{kind}","upload_id":"{id}",{rest}}}"#);
            match told(kind, &data) {
                Ok(Some(News::Upload(changed))) => changed,
                other => panic!("{other:?}"),
            }
        };
        let progress = r#""progress":{"rows_done":7,"bytes_done":400,"bytes_total":1000}"#;
        let far = upload(
            "upload.progressed",
            &format!(r#""status":"processing",{progress}"#),
        );
        let expected = UploadChanged {
            kind: "upload.progressed".to_owned(),
            upload_id: id.parse().unwrap(),
            status: UploadStatus::Processing,
            progress: Some(UploadProgress {
                rows_done: 7,
                bytes_done: 400,
                bytes_total: 1000,
            }),
        };
        assert_eq!(far, expected);
        let ended = upload("upload.completed", r#""status":"failed""#);
        assert_eq!((ended.status, ended.progress), (UploadStatus::Failed, None));
        // A newer server may have more of them, which say as much.
        let newer = upload("upload.renamed", r#""status":"queued","name":"b.csv""#);
        assert_eq!(newer.kind, "upload.renamed");
        assert!(told("upload.completed", "{}").is_err());
        assert!(matches!(told("weather.changed", "{}"), Ok(None)));
    }
}
