//! The envelope of messages: CloudEvents 1.0 in its JSON format.
//!
//! `id` is the event's position in the outbox, `subject` the booking or flight that it speaks of, and the extension
//! `aggregateversion` the version of that after the event. Where the order matters, a consumer ignores what is older than what
//! it knows.

use airside_common::event::Event;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::bus::Envelope;

/// The content type of an event by itself.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// Where all events come from: the `source`, a URI reference.
pub const SOURCE: &str = "/airside";

/// The version of the specification that is spoken.
const SPECIFICATION: &str = "1.0";

/// The tag of an event in the outbox, which is the envelope's `type`.
const TYPE: &str = "type";

/// What only the console hears that caused an event; others who get messages are not told the keys of operations.
const OF_ITS_MAKER: [&str; 2] = ["operation", "sent_by"];

#[derive(Debug, Serialize, Deserialize)]
struct CloudEvent {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: Timestamp,
    datacontenttype: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aggregateversion: Option<u64>,
    data: Map<String, Value>,
}

/// Why an envelope is not understood.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// It is not one, or its event is one of a newer release.
    #[error("not an event that is known here: {0}")]
    Json(#[from] serde_json::Error),
    /// Its `id` is not a position of the outbox.
    #[error("`{0}` is not the id of an event")]
    Id(String),
    /// It is of another version of the specification.
    #[error("CloudEvents {0} is not understood")]
    Version(String),
}

/// An event in its envelope.
pub fn encode(envelope: &Envelope) -> Result<String, serde_json::Error> {
    let event = &envelope.event;
    let mut data = match serde_json::to_value(event)? {
        Value::Object(data) => data,
        other => Map::from_iter([("value".to_owned(), other)]),
    };
    data.remove(TYPE);
    for own in OF_ITS_MAKER {
        data.remove(own);
    }
    serde_json::to_string(&CloudEvent {
        specversion: SPECIFICATION.to_owned(),
        id: envelope.id.to_string(),
        source: SOURCE.to_owned(),
        kind: event.kind().to_owned(),
        subject: event.subject(),
        time: envelope.at,
        datacontenttype: "application/json".to_owned(),
        aggregateversion: event.version(),
        data,
    })
}

/// An envelope around nothing that happened, by which somebody tests whether envelopes arrive.
pub fn test(id: &str, kind: &str, at: Timestamp) -> Result<String, serde_json::Error> {
    serde_json::to_string(&CloudEvent {
        specversion: SPECIFICATION.to_owned(),
        id: id.to_owned(),
        source: SOURCE.to_owned(),
        kind: kind.to_owned(),
        subject: None,
        time: at,
        datacontenttype: "application/json".to_owned(),
        aggregateversion: None,
        data: Map::new(),
    })
}

/// The event of an envelope.
pub fn decode(text: &str) -> Result<Envelope, EnvelopeError> {
    let CloudEvent {
        specversion,
        id,
        kind,
        time,
        mut data,
        ..
    } = serde_json::from_str(text)?;
    if specversion != SPECIFICATION {
        return Err(EnvelopeError::Version(specversion));
    }
    data.insert(TYPE.to_owned(), Value::String(kind));
    let event: Event = serde_json::from_value(Value::Object(data))?;
    match id.parse() {
        Ok(id) => Ok(Envelope {
            id,
            at: time,
            event,
        }),
        Err(_) => Err(EnvelopeError::Id(id)),
    }
}

#[cfg(test)]
mod tests {
    use airside_common::event::BookingEvent;

    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            id: 42,
            at: "2026-11-24T10:00:00.123456Z".parse().unwrap(),
            event: Event::BookingCreated(BookingEvent {
                locator: "K7QW2M".parse().unwrap(),
                version: 1,
                office: "NYC1A0001".parse().unwrap(),
                operation: None,
                sent_by: None,
            }),
        }
    }

    #[test]
    fn an_event_comes_out_as_it_went_in() {
        let text = encode(&envelope()).unwrap();
        insta::assert_snapshot!(text, @r#"{"specversion":"1.0","id":"42","source":"/airside","type":"booking.created","subject":"K7QW2M","time":"2026-11-24T10:00:00.123456Z","datacontenttype":"application/json","aggregateversion":1,"data":{"locator":"K7QW2M","office":"NYC1A0001","version":1}}"#);
        assert_eq!(decode(&text).unwrap(), envelope());
    }

    #[test]
    fn what_is_no_event_of_ours_is_told() {
        let text = encode(&envelope()).unwrap();
        let wrong = |from: &str, to: &str| {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            decode(&changed).unwrap_err().to_string()
        };
        assert!(wrong("\"42\"", "\"x\"").contains("`x` is not the id"));
        assert!(wrong("\"1.0\"", "\"2.0\"").contains("CloudEvents 2.0"));
        assert!(wrong("booking.created", "booking.sung").contains("booking.sung"));
        assert!(decode("{").is_err());
    }
}
