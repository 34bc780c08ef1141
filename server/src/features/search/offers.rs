//! Seats and fares while one answer is made: as they are kept in the cache, and what they say of an itinerary.

use std::collections::hash_map::Entry;

use airside_common::api::search::ItineraryQuery;
use airside_common::flight::{Cabin, FlightId};
use airside_common::money::{Currency, Money};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::itineraries::{Leg, Legs};
use super::kept::Seen;
use crate::features::flights::store::CabinTerms;

/// Seats and fares of a flight, and when they were read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) as_of: Timestamp,
    pub(super) cabins: [Option<CabinTerms>; 4],
}

impl Offer {
    pub(super) fn none(as_of: Timestamp) -> Self {
        Self {
            as_of,
            cabins: [None; 4],
        }
    }

    /// Instant in microseconds, then cabin, seats, fare and currency (its ISO 4217 number: a number is found at once,
    /// letters by a walk through all currencies) of each cabin.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 4 * 15);
        bytes.extend(self.as_of.as_microsecond().to_be_bytes());
        for (cabin, terms) in (0_u8..).zip(self.cabins) {
            if let Some(terms) = terms {
                bytes.push(cabin);
                bytes.extend(terms.capacity.to_be_bytes());
                bytes.extend(terms.fare.minor().to_be_bytes());
                bytes.extend(terms.fare.currency().numeric().to_be_bytes());
            }
        }
        bytes
    }

    /// `None` for what this release did not write.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (as_of, mut rest) = bytes.split_first_chunk::<8>()?;
        let as_of = Timestamp::from_microsecond(i64::from_be_bytes(*as_of)).ok()?;
        let mut offer = Self::none(as_of);
        while let Some((cabin, tail)) = rest.split_first() {
            let (capacity, tail) = tail.split_first_chunk::<4>()?;
            let (fare, tail) = tail.split_first_chunk::<8>()?;
            let (currency, tail) = tail.split_first_chunk::<2>()?;
            let currency = Currency::from_numeric(u16::from_be_bytes(*currency))?;
            *offer.cabins.get_mut(usize::from(*cabin))? = Some(CabinTerms {
                capacity: u32::from_be_bytes(*capacity),
                fare: Money::from_minor(i64::from_be_bytes(*fare), currency),
            });
            rest = tail;
        }
        Some(offer)
    }
}

/// What is known of flights' seats while one answer is made.
#[derive(Default)]
pub(super) struct Offers {
    /// Where a flight stands among those that were asked for. Thousands of itineraries are made of some hundred flights,
    /// and each looks for its own: what is searched is small, so that it stays in the processor's cache.
    places: FxHashMap<FlightId, u32>,
    asked: Vec<Offer>,
    pub(super) oldest: Option<Timestamp>,
    pub(super) made_of: Vec<Seen>,
}

impl Offers {
    /// What is known of the flights of an itinerary; `None` where one of them was not asked for.
    fn on(&self, legs: &Legs) -> Option<SmallVec<[&Offer; 3]>> {
        let offer = |leg: &Leg| self.of(leg.flight.id());
        legs.iter().map(offer).collect()
    }

    /// What is known of a flight; `None` where it was not asked for.
    pub(super) fn of(&self, id: FlightId) -> Option<&Offer> {
        self.asked.get(*self.places.get(&id)? as usize)
    }

    /// Asks for a flight, of which nothing is known yet; answers whether it was not asked for before.
    pub(super) fn ask(&mut self, id: FlightId, now: Timestamp) -> bool {
        let Entry::Vacant(place) = self.places.entry(id) else {
            return false;
        };
        // A day has fewer flights than a number of 32 bits.
        place.insert(u32::try_from(self.asked.len()).unwrap_or(u32::MAX));
        self.asked.push(Offer::none(now));
        true
    }

    /// Says what is known of a flight that was asked for.
    pub(super) fn know(&mut self, id: FlightId, offer: Offer) {
        self.oldest = Some(self.oldest.map_or(offer.as_of, |at| at.min(offer.as_of)));
        let place = self.places.get(&id).map(|at| *at as usize);
        if let Some(asked) = place.and_then(|at| self.asked.get_mut(at)) {
            *asked = offer;
        }
    }
}

/// The price of one seat on all flights in a cabin.
#[derive(Clone, Copy)]
pub(super) enum Seat {
    /// A flight has no such cabin, or not enough seats in it.
    None,
    /// There are seats, but their fares are in several currencies.
    Mixed,
    /// The sum of the fares.
    Fare(Money),
}

/// What one seat costs in a cabin that has seats for the party on every flight.
pub(super) fn seat(query: &ItineraryQuery, legs: &Legs, offers: &Offers, cabin: Cabin) -> Seat {
    let flights = offers.on(legs);
    flights.map_or(Seat::None, |flights| in_cabin(query, &flights, cabin))
}

fn in_cabin(query: &ItineraryQuery, flights: &[&Offer], cabin: Cabin) -> Seat {
    let mut sum = None;
    for offer in flights {
        let terms = offer.cabins[cabin.index()];
        let Some(terms) = terms.filter(|t| t.capacity >= u32::from(query.passengers)) else {
            return Seat::None;
        };
        sum = Some(match sum {
            None => Seat::Fare(terms.fare),
            Some(Seat::Fare(sum)) => terms.fare.plus(sum).map_or(Seat::Mixed, Seat::Fare),
            Some(other) => other,
        });
    }
    sum.unwrap_or(Seat::None)
}

/// Whether the party can book an itinerary: in the asked cabin; without one, in every cabin that its flights have.
pub(super) fn is_open(query: &ItineraryQuery, legs: &Legs, offers: &Offers) -> bool {
    let Some(flights) = offers.on(legs) else {
        return false;
    };
    let has = |cabin: &Cabin| flights.iter().all(|o| o.cabins[cabin.index()].is_some());
    let priced = |cabin| matches!(in_cabin(query, &flights, cabin), Seat::Fare(_));
    if let Some(cabin) = query.cabin {
        return priced(cabin);
    }
    let mut cabins = Cabin::ALL.into_iter().filter(has).peekable();
    cabins.peek().is_some() && cabins.all(priced)
}

/// What the party pays in the asked cabin; without one, in the cheapest.
pub(super) fn total(query: &ItineraryQuery, legs: &Legs, offers: &Offers) -> Option<Money> {
    let flights = offers.on(legs)?;
    let price = |cabin| match in_cabin(query, &flights, cabin) {
        Seat::Fare(fare) => fare.times(u32::from(query.passengers)),
        Seat::None | Seat::Mixed => None,
    };
    match query.cabin {
        Some(cabin) => price(cabin),
        None => Cabin::ALL
            .into_iter()
            .filter_map(price)
            .min_by_key(Money::minor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_offers_read_back() {
        let offer = Offer {
            as_of: "2026-12-01T12:00:00Z".parse().unwrap(),
            cabins: [
                None,
                Some(CabinTerms {
                    capacity: 7,
                    fare: Money::from_minor(12_345, Currency::JPY),
                }),
                None,
                Some(CabinTerms {
                    capacity: 0,
                    fare: Money::from_minor(0, Currency::USD),
                }),
            ],
        };
        let bytes = offer.encode();
        assert_eq!(Offer::decode(&bytes).unwrap().cabins, offer.cabins);
        assert!(Offer::decode(&bytes[..bytes.len() - 1]).is_none());
    }
}
