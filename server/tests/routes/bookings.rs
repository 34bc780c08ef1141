use serde_json::{Value, json};

mod cancel;
mod confirm;
mod create;
mod list;
mod read;
mod rebook;

/// One adult in economy on a flight.
fn one_adult(flight: i64) -> Value {
    json!({
        "segments": [{"flight_id": flight.to_string(), "cabin": "economy"}],
        "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
        "contact": {"phone": "212-5550100"},
    })
}

/// The same with other fields.
fn with(flight: i64, changes: &Value) -> Value {
    let mut body = one_adult(flight);
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

/// What differs from run to run, replaced.
fn steady(mut booking: Value) -> Value {
    for field in ["locator", "created_at", "updated_at"] {
        if booking.get(field).is_some() {
            booking[field] = json!(format!("[{field}]"));
        }
    }
    booking
}
