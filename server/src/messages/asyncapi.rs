//! The document of all messages: AsyncAPI 3.0, with an example of each.

use std::collections::BTreeSet;

use airside_common::event::Event;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::cloud_event::{self, CONTENT_TYPE, SOURCE};
use crate::bus::Envelope;

/// One kind of event: what happened, in words, and one that did.
struct Kind {
    summary: &'static str,
    example: &'static str,
}

/// All kinds, each by an example as it stands in the outbox.
const KINDS: &[Kind] = &[
    Kind {
        summary: "A booking was made: confirmed, held until its time limit, or waitlisted",
        example: r#"{"type":"booking.created","locator":"K7QW2M","version":1,"office":"NYC1A0001","operation":null}"#,
    },
    Kind {
        summary: "A held booking was confirmed before its time limit",
        example: r#"{"type":"booking.confirmed","locator":"K7QW2M","version":2,"office":"NYC1A0001","operation":null}"#,
    },
    Kind {
        summary: "A booking was cancelled, and gave its seats back",
        example: r#"{"type":"booking.cancelled","locator":"K7QW2M","version":2,"office":"NYC1A0001","operation":null}"#,
    },
    Kind {
        summary: "A booking's flights have changed: by themselves where nobody's operation is named (new times, or a flight that does not operate), or since it was rebooked",
        example: r#"{"type":"booking.changed","locator":"K7QW2M","version":2,"office":"NYC1A0001","operation":null}"#,
    },
    Kind {
        summary: "A held booking's time limit is near; the booking stays as it is",
        example: r#"{"type":"booking.expiring","locator":"K7QW2M","version":1,"office":"NYC1A0001","operation":null}"#,
    },
    Kind {
        summary: "An office's queue has other entries, or somebody has taken one",
        example: r#"{"type":"queue.changed","office":"NYC1A0001","queue":7}"#,
    },
    Kind {
        summary: "A booking ended by itself: its time limit passed, or a flight that it waited for is gone",
        example: r#"{"type":"booking.expired","locator":"K7QW2M","version":2,"office":"NYC1A0001","operation":null}"#,
    },
    Kind {
        summary: "A waitlisted booking got its seats and is confirmed",
        example: r#"{"type":"waitlist.cleared","locator":"K7QW2M","version":2,"office":"NYC1A0001","operation":null}"#,
    },
    Kind {
        summary: "A flight came into the schedule",
        example: r#"{"type":"flight.created","flight":"88253948526593","version":1}"#,
    },
    Kind {
        summary: "A flight's times, aircraft, cabins or fares changed",
        example: r#"{"type":"flight.changed","flight":"88253948526593","version":2}"#,
    },
    Kind {
        summary: "A flight will not operate",
        example: r#"{"type":"flight.cancelled","flight":"88253948526593","version":3}"#,
    },
    Kind {
        summary: "A part of a file was merged into the schedule: flights that it made or changed",
        example: r#"{"type":"flights.imported","flights":["88253948526593","88253948526594"]}"#,
    },
    Kind {
        summary: "Seats of flights were taken or given back",
        example: r#"{"type":"inventory.changed","flights":["88253948526593"]}"#,
    },
    Kind {
        summary: "A file of flights has arrived, and waits for a worker",
        example: r#"{"type":"upload.received","upload":"01938f6e-5b1c-7d2e-9a40-3c1d2b7f0a55"}"#,
    },
    Kind {
        summary: "A worker is at a file of flights, and has come so far; told every second",
        example: r#"{"type":"upload.progressed","upload":"01938f6e-5b1c-7d2e-9a40-3c1d2b7f0a55","rows_done":42000,"bytes_done":3276800,"bytes_total":8126464}"#,
    },
    Kind {
        summary: "A file of flights has been dealt with",
        example: r#"{"type":"upload.completed","upload":"01938f6e-5b1c-7d2e-9a40-3c1d2b7f0a55","status":"completed"}"#,
    },
    Kind {
        summary: "People searched and found no seats for their party",
        example: r#"{"type":"searches.unserved","day":"2026-11-24","searches":[{"origin":"JFK","destination":"LAX","cabin":"first","count":3}]}"#,
    },
    Kind {
        summary: "Sessions were ended before their time: their access tokens are void",
        example: r#"{"type":"sessions.ended","sessions":["01938f6e-5b1c-7d2e-9a40-3c1d2b7f0a55"],"until":"2026-11-24T10:15:30Z"}"#,
    },
    Kind {
        summary: "A user may no longer use the system",
        example: r#"{"type":"user.disabled","user":"01938f6e-5b1c-7d2e-9a40-3c1d2b7f0a55"}"#,
    },
];

/// A field of an event's data: its name, its schema, what it means.
const FIELDS: &[(&str, &str, &str)] = &[
    (
        "locator",
        r#"{"type":"string"}"#,
        "The booking's record locator",
    ),
    (
        "version",
        r#"{"type":"integer","minimum":1}"#,
        "The version of what it speaks of, after the event",
    ),
    (
        "office",
        r#"{"type":"string"}"#,
        "Whose booking or queue it is",
    ),
    ("queue", r#"{"type":"integer"}"#, "The number of the queue"),
    ("flight", r#"{"type":"string"}"#, "Which flight"),
    (
        "flights",
        r#"{"type":"array","items":{"type":"string"}}"#,
        "Which flights",
    ),
    (
        "upload",
        r#"{"type":"string","format":"uuid"}"#,
        "Which upload",
    ),
    (
        "rows_done",
        r#"{"type":"integer","minimum":0}"#,
        "Rows of the file that have been dealt with",
    ),
    (
        "bytes_done",
        r#"{"type":"integer","minimum":0}"#,
        "Bytes of the file that have been read",
    ),
    (
        "bytes_total",
        r#"{"type":"integer","minimum":0}"#,
        "The file's size, unpacked, in bytes",
    ),
    (
        "status",
        r#"{"type":"string"}"#,
        "How it ended, or what the booking is",
    ),
    (
        "day",
        r#"{"type":"string","format":"date"}"#,
        "The day of the searches (UTC)",
    ),
    (
        "searches",
        r#"{"type":"array","items":{"type":"object","properties":{"origin":{"type":"string"},"destination":{"type":"string"},"cabin":{"type":["string","null"]},"count":{"type":"integer"}},"required":["origin","destination","cabin","count"]}}"#,
        "Where from and to, in which cabin (null: any), how often",
    ),
    (
        "sessions",
        r#"{"type":"array","items":{"type":"string","format":"uuid"}}"#,
        "Which sessions",
    ),
    (
        "until",
        r#"{"type":"string","format":"date-time"}"#,
        "When the last of their access tokens will have expired",
    ),
    ("user", r#"{"type":"string","format":"uuid"}"#, "Which user"),
];

/// The document in JSON.
pub fn document() -> Value {
    let mut messages = Map::new();
    let mut listed = Map::new();
    let mut operations = Map::new();
    for kind in KINDS {
        // The examples are of this release; the tests read each.
        let Ok(event) = serde_json::from_str::<Event>(kind.example) else {
            continue;
        };
        let (name, message) = message(kind, event);
        listed.insert(
            name.clone(),
            json!({"$ref": format!("#/components/messages/{name}")}),
        );
        messages.insert(name, message);
    }
    let refer = |name: &String| json!({"$ref": format!("#/channels/events/messages/{name}")});
    operations.insert(
        "listen".to_owned(),
        json!({
            "action": "send",
            "channel": {"$ref": "#/channels/events"},
            "summary": "Airside tells what happened",
            "messages": listed.keys().map(refer).collect::<Vec<_>>(),
        }),
    );
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Airside",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What happened to flights and bookings, as CloudEvents 1.0 in JSON. With RabbitMQ bind a queue of \
                your own to the exchange; programs without one are called by webhooks. Each event comes once at least, those of \
                one booking or flight in order; where a message was sent again an older one may come after a newer one, which \
                `aggregateversion` tells.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            "events": {
                "address": "{type}",
                "description": "The topic exchange `airside.events` (`amqp.prefix`); the routing key is the event's type.",
                "parameters": {
                    "type": {
                        "description": "The event's type",
                        "enum": listed.keys().collect::<Vec<_>>(),
                    },
                },
                "messages": listed,
                "bindings": {"amqp": {
                    "is": "routingKey",
                    "exchange": {"name": "airside.events", "type": "topic", "durable": true, "autoDelete": false},
                }},
            },
        },
        "operations": operations,
        "components": {"messages": messages},
    })
}

/// The name and the description of a message.
fn message(kind: &Kind, event: Event) -> (String, Value) {
    let name = event.kind().to_owned();
    let envelope = Envelope {
        id: 4711,
        at: Timestamp::constant(1_795_514_400, 0),
        event,
    };
    let example = cloud_event::encode(&envelope)
        .and_then(|text| serde_json::from_str::<Value>(&text))
        .unwrap_or_default();
    let data = example["data"].as_object().cloned().unwrap_or_default();
    let mut fields = Map::new();
    for (field, schema, meaning) in FIELDS {
        if data.contains_key(*field) {
            let mut schema: Value = serde_json::from_str(schema).unwrap_or_default();
            schema["description"] = json!(meaning);
            fields.insert((*field).to_owned(), schema);
        }
    }
    let required: BTreeSet<&String> = fields.keys().collect();
    let mut properties = json!({
        "specversion": {"type": "string", "const": "1.0"},
        "id": {"type": "string", "description": "Names the event; one that comes again has the same"},
        "source": {"type": "string", "const": SOURCE},
        "type": {"type": "string", "const": name},
        "time": {"type": "string", "format": "date-time", "description": "When it happened"},
        "datacontenttype": {"type": "string", "const": "application/json"},
        "data": {"type": "object", "properties": fields, "required": required},
    });
    let mut wanted = vec![
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "datacontenttype",
        "data",
    ];
    for (attribute, schema, meaning) in [
        (
            "subject",
            "string",
            "The booking's locator, or the identity of the flight, the upload or the user",
        ),
        (
            "aggregateversion",
            "integer",
            "The version of the subject after the event",
        ),
    ] {
        if example.get(attribute).is_some() {
            properties[attribute] = json!({"type": schema, "description": meaning});
            wanted.push(attribute);
        }
    }
    let message = json!({
        "name": name,
        "title": name,
        "summary": kind.summary,
        "contentType": CONTENT_TYPE,
        "payload": {"type": "object", "properties": properties, "required": wanted},
        "examples": [{"name": name, "payload": example}],
    });
    (name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kind that is missing fails to compile here.
    fn is_described(event: &Event) -> bool {
        match event {
            Event::FlightCreated { .. }
            | Event::FlightChanged { .. }
            | Event::FlightCancelled { .. }
            | Event::FlightsImported { .. }
            | Event::InventoryChanged { .. }
            | Event::BookingCreated(_)
            | Event::BookingConfirmed(_)
            | Event::BookingCancelled(_)
            | Event::BookingExpired(_)
            | Event::BookingChanged(_)
            | Event::BookingExpiring(_)
            | Event::QueueChanged { .. }
            | Event::WaitlistCleared(_)
            | Event::SearchesUnserved { .. }
            | Event::SessionsEnded { .. }
            | Event::UserDisabled { .. }
            | Event::UploadReceived { .. }
            | Event::UploadProgressed { .. }
            | Event::UploadCompleted { .. } => true,
        }
    }

    #[test]
    fn every_kind_has_an_example_that_is_read_back() {
        let mut kinds = BTreeSet::new();
        for kind in KINDS {
            let event: Event = serde_json::from_str(kind.example).unwrap();
            assert!(is_described(&event));
            assert!(kinds.insert(event.kind()), "{} twice", event.kind());
            let again: Value = serde_json::to_value(&event).unwrap();
            assert_eq!(again, serde_json::from_str::<Value>(kind.example).unwrap());
        }
        assert_eq!(kinds.len(), 19, "as many as the list above has");
    }

    #[test]
    fn every_field_is_described() {
        let document = document();
        let messages = document["components"]["messages"].as_object().unwrap();
        assert_eq!(messages.len(), KINDS.len());
        for (name, message) in messages {
            let example = &message["examples"][0]["payload"];
            let read = cloud_event::decode(&example.to_string()).unwrap();
            assert_eq!(read.event.kind(), name);
            let properties = &message["payload"]["properties"];
            for attribute in example.as_object().unwrap().keys() {
                assert!(properties.get(attribute).is_some(), "{name}.{attribute}");
            }
            for field in example["data"].as_object().unwrap().keys() {
                let known = &properties["data"]["properties"][field];
                assert!(known["description"].is_string(), "{name}.data.{field}");
            }
        }
    }
}
