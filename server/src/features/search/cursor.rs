//! Where a page ended: the order of itineraries, and the text that the next page is asked with.

use std::hash::{Hash, Hasher};

use airside_common::api::search::ItineraryQuery;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustc_hash::FxHasher;

use super::itineraries::Legs;
use super::query::{InvalidParameter, invalid};
use super::timetable::Minute;

/// The order of itineraries: what was asked for, then departure, arrival, flights.
pub(super) type Key = (i64, Minute, Minute, [i64; 3]);

/// Where an itinerary stands in the order.
pub(super) fn key(primary: i64, legs: &Legs) -> Key {
    let mut ids = [0; 3];
    for (id, leg) in ids.iter_mut().zip(legs) {
        *id = leg.flight.id().raw();
    }
    let departure = legs.first().map_or(0, |leg| leg.flight.departure);
    let arrival = legs.last().map_or(0, |leg| leg.flight.arrival());
    (primary, departure, arrival, ids)
}

/// A fingerprint of everything in a query but the page.
fn fingerprint(query: &ItineraryQuery) -> u64 {
    let mut whole = query.clone();
    whole.cursor = None;
    whole.limit = 0;
    let mut hasher = FxHasher::default();
    whole.hash(&mut hasher);
    hasher.finish()
}

/// The text that asks for what stands behind a key.
pub(super) fn write(query: &ItineraryQuery, key: &Key) -> String {
    let (primary, departure, arrival, ids) = key;
    let mut bytes = Vec::with_capacity(48);
    bytes.extend(fingerprint(query).to_be_bytes());
    bytes.extend(primary.to_be_bytes());
    bytes.extend(departure.to_be_bytes());
    bytes.extend(arrival.to_be_bytes());
    for id in ids {
        bytes.extend(id.to_be_bytes());
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads the text of an answer to the same query.
pub(super) fn read(query: &ItineraryQuery, text: &str) -> Result<Key, InvalidParameter> {
    let wrong = || {
        invalid(
            "cursor",
            "take it from an answer to the same query, unchanged",
        )
    };
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let (words, rest) = bytes.as_chunks::<8>();
    let [of, primary, times, first, second, third] = words else {
        return Err(wrong());
    };
    if !rest.is_empty() || u64::from_be_bytes(*of) != fingerprint(query) {
        return Err(wrong());
    }
    let times = u64::from_be_bytes(*times);
    Ok((
        i64::from_be_bytes(*primary),
        u32::try_from(times >> 32).unwrap_or(0),
        u32::try_from(times & 0xffff_ffff).unwrap_or(0),
        [first, second, third].map(|id| i64::from_be_bytes(*id)),
    ))
}
