//! Seats and fares while one answer is made: as they are kept in the cache, and what they say of an itinerary.

use airside_common::api::search::ItineraryQuery;
use airside_common::flight::{Cabin, FlightId};
use airside_common::money::{Currency, Money};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::itineraries::{Leg, Legs};
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

    /// Instant in microseconds, then cabin, seats, fare and currency of each cabin.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 4 * 16);
        bytes.extend(self.as_of.as_microsecond().to_be_bytes());
        for (cabin, terms) in (0_u8..).zip(self.cabins) {
            if let Some(terms) = terms {
                bytes.push(cabin);
                bytes.extend(terms.capacity.to_be_bytes());
                bytes.extend(terms.fare.minor().to_be_bytes());
                bytes.extend(terms.fare.currency().code().as_bytes());
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
            let (currency, tail) = tail.split_first_chunk::<3>()?;
            let currency = Currency::from_code(std::str::from_utf8(currency).ok()?)?;
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
    pub(super) of: FxHashMap<FlightId, Offer>,
    pub(super) oldest: Option<Timestamp>,
    pub(super) made_of: Vec<(u32, u64)>,
}

impl Offers {
    /// What is known of the flights of an itinerary; `None` where one of them was not asked for.
    fn on(&self, legs: &Legs) -> Option<SmallVec<[&Offer; 3]>> {
        let offer = |leg: &Leg| self.of.get(&leg.flight.id());
        legs.iter().map(offer).collect()
    }

    pub(super) fn know(&mut self, id: FlightId, offer: Offer) {
        self.oldest = Some(self.oldest.map_or(offer.as_of, |at| at.min(offer.as_of)));
        self.of.insert(id, offer);
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
