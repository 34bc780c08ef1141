use serde_json::{Value, json};

mod bookings;
mod cancel;
mod create;
mod list;
mod patch;

/// A flight to be made.
fn plan(number: u16) -> Value {
    json!({
        "carrier": "UA", "number": number, "origin": "JFK", "destination": "LAX",
        "departure": "2099-12-01T08:00", "arrival": "2099-12-01T11:00", "aircraft": "738",
        "cabins": [
            {"cabin": "business", "capacity": 16, "fare": {"amount": "500.00", "currency": "USD"}},
            {"cabin": "economy", "capacity": 150, "fare": {"amount": "99.50", "currency": "USD"}},
        ],
    })
}

/// One adult in economy on a flight.
fn one_adult(flight: &Value) -> Value {
    json!({
        "segments": [{"flight_id": flight, "cabin": "economy"}],
        "passengers": [{"given_name": "Ada", "surname": "Byron", "type": "adult"}],
        "contact": {"phone": "212-5550100"},
    })
}
