//! The search itself: from a query to an answer that was serialised once.
//!
//! Schedule from the timetable in memory; seats and fares from the cache, and what is not there from the store. Whole
//! answers are kept by the text of their query and given again while nothing that they were made of has changed.

use std::sync::Arc;
use std::time::Duration;

use airside_common::api::search::{
    CabinOffer, FlightOffer, Itinerary, ItineraryPage, ItineraryQuery, Sort,
};
use airside_common::flight::{Cabin, FlightId, FlightStatus};
use airside_common::time::Instant;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use super::cursor::{self, Key, key};
use super::dominance::{Fronts, stops};
use super::itineraries::{Legs, Walk};
use super::kept::{Answer, KeptAnswers};
use super::offers::{Offer, Offers, Seat, is_open, seat, total};
use super::query::{InvalidParameter, route};
use super::store::{FlightOffers, ScheduledFlight, SearchStore};
use super::timetable::{Minute, Timetable, minute};
use super::unserved::UnservedSearches;
use crate::cache::{Found, SharedCache};
use crate::clock::SharedClock;
use crate::reference::reference;
use crate::store::StoreError;

/// How long seats and fares are taken from the cache: half of how old they may get
/// ([`OLDEST_AVAILABILITY`](super::kept::OLDEST_AVAILABILITY)), so that an answer made of them holds for the other half.
/// An answer is as old as the oldest of its flights, and of a hundred flights one is always about to expire.
pub const CACHED_FOR: Duration = Duration::from_secs(30);

/// Bytes of the answers that are kept: some thousands of long ones.
const KEPT_BYTES: u64 = 192 << 20;
/// Flights of one look into the store.
const LOOK: usize = 2000;
/// Flights that one change of the timetable has at most.
const REFRESHED: usize = 50_000;
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
    answers: KeptAnswers,
    unserved: UnservedSearches,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A parameter is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidParameter),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Search {
    /// A search with an empty timetable; [`Search::load`] fills it.
    pub fn new(store: Arc<dyn SearchStore>, cache: SharedCache, clock: SharedClock) -> Self {
        Self {
            store,
            cache,
            clock,
            timetable: ArcSwap::from_pointee(Timetable::empty(reference())),
            changing: tokio::sync::Mutex::new(()),
            answers: KeptAnswers::new(KEPT_BYTES),
            unserved: UnservedSearches::default(),
        }
    }

    /// Notes that an answer was given.
    pub fn given(&self, answer: &Answer) {
        if let Some(wish) = answer.unserved {
            self.unserved.note(wish, self.clock.now());
        }
    }

    /// Tells those who listen to events of the searches that found no seats since the last time.
    pub async fn report_unserved(&self) -> Result<(), StoreError> {
        let mut told = Ok(());
        for (day, searches) in self.unserved.take() {
            let now = self.clock.now();
            let report = self.store.report_unserved(day, searches.clone(), now);
            if let Err(error) = report.await {
                self.unserved.put_back(day, &searches);
                told = Err(error);
            }
        }
        told
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
        let mut refreshed = Ok(());
        for part in flights.chunks(REFRESHED) {
            refreshed = self.refresh_part(part).await;
            if refreshed.is_err() {
                break;
            }
        }
        // Whatever the store's answer, cached seats are of the past.
        self.seats_changed(flights).await;
        refreshed
    }

    /// One change of the timetable, however many looks into the store it takes: each change copies the routes concerned.
    async fn refresh_part(&self, flights: &[FlightId]) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let mut scheduled = Vec::new();
        for looked in flights.chunks(LOOK) {
            scheduled.extend(self.store.scheduled(looked).await?);
        }
        let next = self.timetable.load().with(reference(), flights, &scheduled);
        self.timetable.store(Arc::new(next));
        Ok(())
    }

    /// Forgets seats and fares of flights.
    pub async fn seats_changed(&self, flights: &[FlightId]) {
        let keys: Vec<u64> = flights.iter().map(|id| id.raw().cast_unsigned()).collect();
        self.store.changed(flights);
        // First the cache, then the counters: an answer that saw the new counter has read after the invalidation.
        self.cache.invalidate(&keys).await;
        self.answers.changed(flights);
    }

    /// Compares the timetable with the store by version, mends what differs and drops what has departed; answers how
    /// many flights differed.
    pub async fn reconcile(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        if let Some(minute) = minute(now) {
            let _changing = self.changing.lock().await;
            let next = self.timetable.load().without_departed(minute);
            self.timetable.store(Arc::new(next));
        }
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
        let reconciled = self.reconcile().await;
        // Whatever the store's answer, cached seats are of the past.
        let all: Vec<FlightId> = self.timetable.load().versions().into_keys().collect();
        self.seats_changed(&all).await;
        reconciled.map(|_| ())
    }

    /// The answer that was made before to a query of this text, if nothing has changed since.
    pub fn kept(&self, asked: &str) -> Option<Arc<Answer>> {
        self.answers
            .find(asked, &self.timetable.load(), self.clock.now())
    }

    /// Answers a query, which was asked by this text.
    pub async fn answer(
        &self,
        asked: &str,
        query: &ItineraryQuery,
    ) -> Result<Arc<Answer>, SearchError> {
        if let Some(answer) = self.kept(asked) {
            return Ok(answer);
        }
        let answer = Arc::new(self.make(query).await?);
        self.answers.keep(asked, Arc::clone(&answer));
        Ok(answer)
    }

    async fn make(&self, query: &ItineraryQuery) -> Result<Answer, SearchError> {
        let now = self.clock.now();
        let timetable = self.timetable.load_full();
        let route = route(query, now)?;
        let after = query
            .cursor
            .as_deref()
            .map(|c| cursor::read(query, c))
            .transpose()?;
        let walk = Walk::new(reference(), &timetable, &route);
        let mut offers = Offers::default();
        let keyed = match query.sort {
            Sort::Price => self.by_price(query, &walk, &mut offers, now).await?,
            _ => self.by_time(query, &walk, &mut offers, now).await?,
        };
        // One that is dominated departs no later than another that is here: without it the answer is the same.
        let until = keyed
            .iter()
            .map(|(_, legs)| legs[0].flight.departure)
            .min()
            .unwrap_or(Minute::MAX);

        let limit = usize::from(query.limit);
        let mut items: Vec<(Key, Itinerary)> = Vec::with_capacity(limit + 1);
        let mut rest = keyed
            .into_iter()
            .filter(|(key, _)| after.is_none_or(|after| *key > after))
            .peekable();
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
            .map(|(key, _)| cursor::write(query, key));
        let as_of = offers.oldest.unwrap_or(now);
        let page = ItineraryPage {
            items: items.into_iter().map(|(_, item)| item).collect(),
            next_cursor,
            // To the second: the answer's header says no more either.
            availability_as_of: Instant(whole_second(as_of)),
        };
        // Texts and numbers always serialise.
        let bytes = serde_json::to_vec(&page).unwrap_or_default();
        let has_seats = page.items.iter().any(|item| item.total.is_some());
        let is_whole = query.cursor.is_none() && page.next_cursor.is_none();
        let wish = (query.origin, query.destination, query.cabin);
        Ok(Answer::new(
            &bytes,
            as_of,
            (is_whole && !has_seats).then_some(wish),
            &timetable,
            until,
            &offers.made_of,
        ))
    }

    /// In an order that time alone gives, without those that one with fewer stops and with seats dominates.
    async fn by_time(
        &self,
        query: &ItineraryQuery,
        walk: &Walk<'_>,
        offers: &mut Offers,
        now: Timestamp,
    ) -> Result<Vec<(Key, Legs)>, StoreError> {
        let mut fronts = Fronts::default();
        let mut found: Vec<Legs> = Vec::new();
        for level in 0..=query.max_stops {
            // Those with fewer stops come first, and what they dominate is not even visited.
            let start = found.len();
            walk.find(level, &fronts, &mut found);
            if level == query.max_stops {
                break;
            }
            let level = &found[start..];
            self.look(level, offers, now).await?;
            for legs in level {
                if is_open(query, legs, offers) {
                    fronts.add(legs);
                }
            }
        }
        let primary = |legs: &Legs| match query.sort {
            Sort::Departure | Sort::Price => 0,
            Sort::Arrival => i64::from(arrival(legs)),
            Sort::Duration => i64::from(arrival(legs) - legs[0].flight.departure),
        };
        let mut keyed: Vec<(Key, Legs)> = found
            .into_iter()
            .map(|legs| (key(primary(&legs), &legs), legs))
            .collect();
        keyed.sort_unstable_by_key(|(key, _)| *key);
        Ok(keyed)
    }

    /// The cheapest first, without those that one with fewer stops and with seats dominates and that cost no less.
    async fn by_price(
        &self,
        query: &ItineraryQuery,
        walk: &Walk<'_>,
        offers: &mut Offers,
        now: Timestamp,
    ) -> Result<Vec<(Key, Legs)>, StoreError> {
        let mut found: Vec<Legs> = Vec::new();
        for stops in 0..=query.max_stops {
            walk.find(stops, &Fronts::default(), &mut found);
        }
        self.look(&found, offers, now).await?;
        let price = |legs: &Legs| total(query, legs, offers).map_or(i64::MAX, |m| m.minor());
        // Prices with places alone: of thousands of itineraries some dozens are kept, and only those are put in order.
        let mut priced: Vec<(i64, usize)> = found.iter().map(price).zip(0..).collect();
        priced.sort_unstable();
        let mut fronts = Fronts::default();
        let mut kept: Vec<(Key, Legs)> = Vec::new();
        for same in priced.chunk_by(|(one, _), (other, _)| one == other) {
            for (_, at) in same {
                let legs = &found[*at];
                // One that is dominated dominates nothing that the other does not.
                if !fronts.dominate(legs) && is_open(query, legs, offers) {
                    fronts.add(legs);
                }
            }
            let start = kept.len();
            for (price, at) in same {
                let legs = &found[*at];
                if !fronts.dominate(legs) {
                    kept.push((key(*price, legs), legs.clone()));
                }
            }
            kept[start..].sort_unstable_by_key(|(key, _)| *key);
        }
        Ok(kept)
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
                if offers.ask(id, now) {
                    offers.made_of.push(self.answers.seen(id));
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
                        // Another process may have read it, by a clock of its own; it was cached for no longer.
                        Some(mut offer) => {
                            offer.as_of = offer.as_of.clamp(now - CACHED_FOR, now);
                            offers.know(*id, offer);
                        }
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

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn arrival(legs: &Legs) -> Minute {
    legs.last().map_or(0, |leg| leg.flight.arrival())
}

fn itinerary(query: &ItineraryQuery, legs: &Legs, offers: &Offers) -> Itinerary {
    let cabins = |id| {
        let known = offers.of(id).map_or([None; 4], |offer| offer.cabins);
        let offered = Cabin::ALL.into_iter().filter_map(|cabin| {
            let terms = known[cabin.index()]?;
            Some(CabinOffer {
                cabin,
                available: terms.capacity,
                fare: terms.fare,
            })
        });
        offered.collect()
    };
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
            cabins: cabins(leg.flight.id()),
        })
        .collect();
    Itinerary {
        stops: u8::try_from(stops(legs)).unwrap_or(u8::MAX),
        duration_minutes: arrival(legs) - legs[0].flight.departure,
        total: total(query, legs, offers),
        segments,
    }
}

#[cfg(test)]
mod tests;
