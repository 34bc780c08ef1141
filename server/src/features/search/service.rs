//! The search itself: from a query to an answer that was serialised once.
//!
//! Schedule from the timetable in memory; seats and fares from the cache, and what is not there from the store. Whole
//! answers are kept and given again while nothing that they were made of has changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use airside_common::api::search::{
    CabinOffer, FlightOffer, Itinerary, ItineraryPage, ItineraryQuery, Sort,
};
use airside_common::flight::{Cabin, FlightId, FlightStatus};
use airside_common::money::Money;
use airside_common::time::Instant;
use arc_swap::ArcSwap;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hyper::body::Bytes;
use jiff::Timestamp;
use moka::sync::Cache as Moka;
use rustc_hash::{FxHashMap, FxHasher};
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};

use super::itineraries::{self, Legs, Route};
use super::store::{FlightOffers, ScheduledFlight, SearchStore};
use super::timetable::{Minute, Timetable, minute};
use crate::cache::{Found, SharedCache};
use crate::clock::SharedClock;
use crate::features::flights::store::CabinTerms;
use crate::reference::reference;
use crate::store::StoreError;

/// How old availability may get where no event says that it changed: a lost event heals by then.
pub const OLDEST_AVAILABILITY: Duration = Duration::from_mins(1);

/// Answers that are kept.
const KEPT_ANSWERS: u64 = 20_000;
/// Counters of changes of flights' seats; flights share them, so that a change may also end a neighbour's answers.
const COUNTERS: usize = 1 << 16;
/// Flights of one look into the store.
const LOOK: usize = 2000;
/// Rows of one page of the schedule while the timetable is built.
const SCHEDULE_PAGE: u32 = 5000;

/// Search over a store, with the timetable in memory.
pub struct Search {
    store: Arc<dyn SearchStore>,
    cache: SharedCache,
    clock: SharedClock,
    timetable: ArcSwap<Timetable>,
    /// One change of the timetable at a time; readers do not take it.
    changing: tokio::sync::Mutex<()>,
    changes: Box<[AtomicU64]>,
    answers: Moka<ItineraryQuery, Arc<Answer>, rustc_hash::FxBuildHasher>,
}

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    /// The JSON of an [`ItineraryPage`].
    pub bytes: Bytes,
    /// When the oldest availability in it was read.
    pub as_of: Timestamp,
    generation: u64,
    /// The first minute in which it no longer holds, because a flight in it has departed.
    until: Minute,
    /// Counters of all flights that it was made of, with what they stood at before anything was read.
    made_of: Box<[(u32, u64)]>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A parameter is wrong.
    #[error("{field}: {message}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong, for a person.
        message: String,
    },
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn invalid(field: &'static str, message: impl Into<String>) -> SearchError {
    SearchError::Invalid {
        field,
        message: message.into(),
    }
}

/// Seats and fares of a flight, and when they were read.
#[derive(Debug, Clone, Copy)]
struct Offer {
    as_of: Timestamp,
    cabins: [Option<CabinTerms>; 4],
}

/// The order of itineraries: what was asked for, then departure, arrival, flights.
type Key = (i64, Minute, Minute, [i64; 3]);

impl Search {
    /// A search with an empty timetable; [`Search::load`] fills it.
    pub fn new(store: Arc<dyn SearchStore>, cache: SharedCache, clock: SharedClock) -> Self {
        Self {
            store,
            cache,
            clock,
            timetable: ArcSwap::from_pointee(Timetable::empty(reference())),
            changing: tokio::sync::Mutex::new(()),
            changes: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
            answers: Moka::builder()
                .max_capacity(KEPT_ANSWERS)
                .time_to_live(OLDEST_AVAILABILITY)
                .build_with_hasher(rustc_hash::FxBuildHasher),
        }
    }

    /// The timetable of this moment.
    pub fn timetable(&self) -> Arc<Timetable> {
        self.timetable.load_full()
    }

    /// Builds the timetable from the store; answers how many flights there are.
    pub async fn load(&self) -> Result<usize, StoreError> {
        let _changing = self.changing.lock().await;
        let now = self.clock.now();
        let mut flights: Vec<ScheduledFlight> = Vec::new();
        let mut behind = FlightId::from_raw(i64::MIN);
        loop {
            let page = self.store.schedule(now, behind, SCHEDULE_PAGE).await?;
            let Some(last) = page.last() else { break };
            behind = last.id;
            flights.extend(page);
        }
        let old = self.timetable.load();
        let empty = Timetable::empty(reference()).after(&old);
        let built = empty.with(reference(), &[], &flights);
        let count = built.len();
        self.timetable.store(Arc::new(built));
        Ok(count)
    }

    /// Takes the named flights' schedule from the store anew.
    pub async fn refresh(&self, flights: &[FlightId]) -> Result<(), StoreError> {
        for flights in flights.chunks(LOOK) {
            let _changing = self.changing.lock().await;
            let scheduled = self.store.scheduled(flights).await?;
            let next = self.timetable.load().with(reference(), flights, &scheduled);
            self.timetable.store(Arc::new(next));
        }
        self.seats_changed(flights).await;
        Ok(())
    }

    /// Forgets seats and fares of flights.
    pub async fn seats_changed(&self, flights: &[FlightId]) {
        let keys: Vec<u64> = flights.iter().map(|id| id.raw().cast_unsigned()).collect();
        // First the cache, then the counters: an answer that saw the new counter has read after the invalidation.
        self.cache.invalidate(&keys).await;
        for id in flights {
            self.changes[counter(*id)].fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Compares the timetable with the store by version, mends what differs and drops what has departed; answers how
    /// many flights differed.
    pub async fn reconcile(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut here = self.timetable.load().versions();
        let mut differ = Vec::new();
        let mut behind = FlightId::from_raw(i64::MIN);
        loop {
            let page = self.store.versions(now, behind, SCHEDULE_PAGE * 4).await?;
            let Some((last, _)) = page.last() else { break };
            behind = *last;
            for (id, version) in page {
                if here.remove(&id) != Some(version) {
                    differ.push(id);
                }
            }
        }
        // What is left here is in the store no more, or has departed; the store tells which.
        let gone: Vec<FlightId> = here.into_keys().collect();
        if !differ.is_empty() {
            self.refresh(&differ).await?;
        }
        if !gone.is_empty() {
            let _changing = self.changing.lock().await;
            let scheduled = self.store.scheduled(&gone).await?;
            let departed = |flight: &ScheduledFlight| flight.departure.instant() <= now;
            let still: Vec<_> = scheduled.into_iter().filter(|f| !departed(f)).collect();
            let next = self.timetable.load().with(reference(), &gone, &still);
            self.timetable.store(Arc::new(next));
        }
        Ok(differ.len())
    }

    /// Compares everything after events were lost: the schedule by version, and all that is known of seats is forgotten.
    pub async fn reconcile_all(&self) -> Result<(), StoreError> {
        self.reconcile().await?;
        let all: Vec<FlightId> = self.timetable.load().versions().into_keys().collect();
        self.seats_changed(&all).await;
        Ok(())
    }

    /// The answer that was made before, if nothing has changed since.
    pub fn kept(&self, query: &ItineraryQuery) -> Option<Arc<Answer>> {
        let answer = self.answers.get(query)?;
        let now = self.clock.now();
        let holds = answer.generation == self.timetable.load().generation()
            && minute(now).is_some_and(|now| now < answer.until)
            && now.duration_since(answer.as_of).unsigned_abs() < OLDEST_AVAILABILITY
            && answer
                .made_of
                .iter()
                .all(|(at, seen)| self.changes[*at as usize].load(Ordering::Acquire) == *seen);
        holds.then_some(answer)
    }

    /// Answers a query.
    pub async fn answer(&self, query: ItineraryQuery) -> Result<Arc<Answer>, SearchError> {
        if let Some(answer) = self.kept(&query) {
            return Ok(answer);
        }
        let answer = Arc::new(self.make(&query).await?);
        self.answers.insert(query, answer.clone());
        Ok(answer)
    }

    async fn make(&self, query: &ItineraryQuery) -> Result<Answer, SearchError> {
        let now = self.clock.now();
        let timetable = self.timetable.load_full();
        let route = route(query, now)?;
        let after = query
            .cursor
            .as_deref()
            .map(|c| cursor(query, c))
            .transpose()?;
        let found = itineraries::itineraries(reference(), &timetable, &route);
        let until = found
            .iter()
            .map(|legs| legs[0].flight.departure)
            .min()
            .unwrap_or(Minute::MAX);
        let mut offers = Offers::default();
        let mut keyed: Vec<(Key, Legs)> = Vec::with_capacity(found.len());
        if query.sort == Sort::Price {
            self.look(&found, &mut offers, now).await?;
        }
        for legs in found {
            let primary = match query.sort {
                Sort::Departure => 0,
                Sort::Arrival => i64::from(arrival(&legs)),
                Sort::Duration => i64::from(arrival(&legs) - legs[0].flight.departure),
                Sort::Price => total(query, &legs, &offers).map_or(i64::MAX, |m| m.minor()),
            };
            let mut ids = [0; 3];
            for (id, leg) in ids.iter_mut().zip(&legs) {
                *id = leg.flight.id().raw();
            }
            let key = (primary, legs[0].flight.departure, arrival(&legs), ids);
            if after.is_none_or(|after| key > after) {
                keyed.push((key, legs));
            }
        }
        keyed.sort_unstable_by_key(|(key, _)| *key);

        let limit = usize::from(query.limit);
        let mut items: Vec<(Key, Itinerary)> = Vec::with_capacity(limit + 1);
        let mut rest = keyed.into_iter().peekable();
        while items.len() <= limit && rest.peek().is_some() {
            let part: Vec<(Key, Legs)> = rest.by_ref().take(limit + 1).collect();
            self.look(part.iter().map(|(_, legs)| legs), &mut offers, now)
                .await?;
            for (key, legs) in part {
                let seats_asked = query
                    .cabin
                    .is_none_or(|cabin| !matches!(seat(query, &legs, &offers, cabin), Seat::None));
                if seats_asked && items.len() <= limit {
                    items.push((key, itinerary(query, &legs, &offers)));
                }
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|(key, _)| write_cursor(query, key));
        let as_of = offers.oldest.unwrap_or(now);
        let page = ItineraryPage {
            items: items.into_iter().map(|(_, item)| item).collect(),
            next_cursor,
            // To the second: the answer's header says no more either.
            availability_as_of: Instant(whole_second(as_of)),
        };
        // Texts and numbers always serialise.
        let bytes = serde_json::to_vec(&page).unwrap_or_default();
        Ok(Answer {
            bytes: bytes.into(),
            as_of,
            generation: timetable.generation(),
            until,
            made_of: offers.made_of.into_boxed_slice(),
        })
    }

    /// Reads seats and fares of the flights that are not known yet.
    async fn look(
        &self,
        itineraries: impl IntoIterator<Item = &Legs>,
        offers: &mut Offers,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut wanted = Vec::new();
        for legs in itineraries {
            for leg in legs {
                let id = leg.flight.id();
                if let Entry::Vacant(slot) = offers.of.entry(id) {
                    slot.insert(Offer::none(now));
                    let at = counter(id);
                    let seen = self.changes[at].load(Ordering::Acquire);
                    offers.made_of.push((u32::try_from(at).unwrap_or(0), seen));
                    wanted.push(id);
                }
            }
        }
        for wanted in wanted.chunks(LOOK) {
            let keys: Vec<u64> = wanted.iter().map(|id| id.raw().cast_unsigned()).collect();
            let mut missing = Vec::new();
            let mut leases = FxHashMap::default();
            for (id, found) in wanted.iter().zip(self.cache.get(&keys).await) {
                match found {
                    Found::Hit(value) => match Offer::decode(&value) {
                        Some(offer) => offers.know(*id, offer),
                        None => missing.push(*id),
                    },
                    Found::Miss(lease) => {
                        missing.push(*id);
                        leases.insert(*id, lease);
                    }
                }
            }
            if missing.is_empty() {
                continue;
            }
            let mut fresh = Vec::with_capacity(missing.len());
            for FlightOffers { id, cabins } in self.store.offers(&missing).await? {
                let offer = Offer { as_of: now, cabins };
                offers.know(id, offer);
                if let Some(lease) = leases.get(&id) {
                    let value = offer.encode().into();
                    fresh.push((id.raw().cast_unsigned(), *lease, value));
                }
            }
            self.cache.put(fresh).await;
        }
        Ok(())
    }
}

/// What is known of flights' seats while one answer is made.
#[derive(Default)]
struct Offers {
    of: FxHashMap<FlightId, Offer>,
    oldest: Option<Timestamp>,
    made_of: Vec<(u32, u64)>,
}

impl Offers {
    fn know(&mut self, id: FlightId, offer: Offer) {
        self.oldest = Some(self.oldest.map_or(offer.as_of, |at| at.min(offer.as_of)));
        self.of.insert(id, offer);
    }
}

fn counter(id: FlightId) -> usize {
    // Days are in the upper half, serials in the lower; multiplication mixes both into the top bits.
    let mixed = id.raw().cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    usize::try_from(mixed).unwrap_or(0) % COUNTERS
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn arrival(legs: &Legs) -> Minute {
    legs.last().map_or(0, |leg| leg.flight.arrival())
}

fn time_of_day(field: &'static str, text: Option<&str>) -> Result<Option<u32>, SearchError> {
    let Some(text) = text else { return Ok(None) };
    let two = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse::<u32>().ok())
            .flatten()
    };
    text.split_once(':')
        .and_then(|(hours, minutes)| Some((two(hours)?, two(minutes)?)))
        .filter(|(hours, minutes)| *hours < 24 && *minutes < 60)
        .map(|(hours, minutes)| Some(hours * 60 + minutes))
        .ok_or_else(|| invalid(field, "not a time of day: write it as 08:30"))
}

/// The query as the timetable takes it; every parameter is checked.
fn route(query: &ItineraryQuery, now: Timestamp) -> Result<Route, SearchError> {
    let reference = reference();
    let airport = |field, code| {
        reference
            .find(code)
            .ok_or_else(|| invalid(field, format!("there is no airport {code}")))
    };
    let origin = airport("origin", query.origin)?;
    let destination = airport("destination", query.destination)?;
    if origin == destination {
        return Err(invalid("destination", "is the origin too"));
    }
    if query.flexible_days > 3 {
        return Err(invalid("flexible_days", "is 0 to 3"));
    }
    if !(1..=9).contains(&query.passengers) {
        return Err(invalid("passengers", "is 1 to 9"));
    }
    if query.max_stops > 2 {
        return Err(invalid("max_stops", "is 0 to 2"));
    }
    if !(1..=100).contains(&query.limit) {
        return Err(invalid("limit", "is 1 to 100"));
    }
    let earliest = time_of_day("earliest", query.earliest.as_deref())?.unwrap_or(0);
    let latest = time_of_day("latest", query.latest.as_deref())?.unwrap_or(24 * 60 - 1);
    if earliest > latest {
        return Err(invalid("latest", "is before `earliest`"));
    }
    let around = jiff::Span::new().days(query.flexible_days);
    let out_of_range = || invalid("date", "is out of range");
    let first = query
        .date
        .0
        .checked_sub(around)
        .map_err(|_| out_of_range())?;
    let last = query
        .date
        .0
        .checked_add(around)
        .map_err(|_| out_of_range())?;
    if !(1970..=2200).contains(&query.date.0.year()) {
        return Err(out_of_range());
    }
    let (from, until) =
        itineraries::days(reference, origin, first, last).ok_or_else(out_of_range)?;
    // What departs in this minute has departed.
    let now = minute(now).map_or(0, |now| now + 1);
    Ok(Route {
        origin,
        destination,
        from: from.max(now),
        until,
        earliest,
        latest,
        max_stops: query.max_stops,
        carrier: query.carrier,
    })
}

/// The price of one seat on all flights in a cabin.
#[derive(Clone, Copy)]
enum Seat {
    /// A flight has no such cabin, or not enough seats in it.
    None,
    /// There are seats, but their fares are in several currencies.
    Mixed,
    /// The sum of the fares.
    Fare(Money),
}

/// What one seat costs in a cabin that has seats for the party on every flight.
fn seat(query: &ItineraryQuery, legs: &Legs, offers: &Offers, cabin: Cabin) -> Seat {
    let mut sum = None;
    for leg in legs {
        let offer = offers.of.get(&leg.flight.id());
        let terms = offer.and_then(|offer| offer.cabins[cabin.index()]);
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

/// What the party pays in the asked cabin; without one, in the cheapest.
fn total(query: &ItineraryQuery, legs: &Legs, offers: &Offers) -> Option<Money> {
    let in_cabin = |cabin| match seat(query, legs, offers, cabin) {
        Seat::Fare(fare) => fare.times(u32::from(query.passengers)),
        Seat::None | Seat::Mixed => None,
    };
    match query.cabin {
        Some(cabin) => in_cabin(cabin),
        None => Cabin::ALL
            .into_iter()
            .filter_map(in_cabin)
            .min_by_key(Money::minor),
    }
}

fn itinerary(query: &ItineraryQuery, legs: &Legs, offers: &Offers) -> Itinerary {
    let segments: Vec<FlightOffer> = legs
        .iter()
        .map(|leg| FlightOffer {
            flight_id: leg.flight.id(),
            carrier: leg.flight.carrier(),
            number: leg.flight.number(),
            origin: reference().airport(leg.origin).code,
            destination: reference().airport(leg.destination).code,
            departure: leg.flight.departure_time(),
            arrival: leg.flight.arrival_time(),
            aircraft: leg.flight.aircraft(),
            status: FlightStatus::Scheduled,
            cabins: Cabin::ALL
                .into_iter()
                .filter_map(|cabin| {
                    let terms = offers.of.get(&leg.flight.id())?.cabins[cabin.index()]?;
                    Some(CabinOffer {
                        cabin,
                        available: terms.capacity,
                        fare: terms.fare,
                    })
                })
                .collect(),
        })
        .collect();
    Itinerary {
        stops: u8::try_from(legs.len().saturating_sub(1)).unwrap_or(u8::MAX),
        duration_minutes: arrival(legs) - legs[0].flight.departure,
        total: total(query, legs, offers),
        segments,
    }
}

impl Offer {
    fn none(as_of: Timestamp) -> Self {
        Self {
            as_of,
            cabins: [None; 4],
        }
    }

    /// Instant in microseconds, then cabin, seats, fare and currency of each cabin.
    fn encode(&self) -> Vec<u8> {
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
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (as_of, mut rest) = bytes.split_first_chunk::<8>()?;
        let as_of = Timestamp::from_microsecond(i64::from_be_bytes(*as_of)).ok()?;
        let mut offer = Self::none(as_of);
        while let Some((cabin, tail)) = rest.split_first() {
            let (capacity, tail) = tail.split_first_chunk::<4>()?;
            let (fare, tail) = tail.split_first_chunk::<8>()?;
            let (currency, tail) = tail.split_first_chunk::<3>()?;
            let currency =
                airside_common::money::Currency::from_code(std::str::from_utf8(currency).ok()?)?;
            *offer.cabins.get_mut(usize::from(*cabin))? = Some(CabinTerms {
                capacity: u32::from_be_bytes(*capacity),
                fare: Money::from_minor(i64::from_be_bytes(*fare), currency),
            });
            rest = tail;
        }
        Some(offer)
    }
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

fn write_cursor(query: &ItineraryQuery, key: &Key) -> String {
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

fn cursor(query: &ItineraryQuery, text: &str) -> Result<Key, SearchError> {
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

#[cfg(test)]
mod tests;
