//! The schedule in memory: flights by origin, destination and departure, found without waiting.
//!
//! A timetable never changes; a change makes a new one that shares all routes but those concerned. Readers therefore
//! hold one for as long as they like and never block.

use std::sync::Arc;

use airside_common::airport::CarrierCode;
use airside_common::flight::{AircraftCode, FlightId, FlightNumber};
use airside_common::time::OffsetTime;
use jiff::Timestamp;
use jiff::tz::Offset;
use rustc_hash::{FxHashMap, FxHashSet};

use super::store::ScheduledFlight;
use crate::reference::{AirportIndex, Reference};

/// Minutes since 1970-01-01 UTC.
pub type Minute = u32;

/// A flight of a route: 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    id: FlightId,
    version: u32,
    /// When it departs.
    pub departure: Minute,
    duration: u16,
    departure_offset: i16,
    arrival_offset: i16,
    number: FlightNumber,
    carrier: CarrierCode,
    aircraft: AircraftCode,
}

impl Entry {
    /// Its identity.
    pub fn id(&self) -> FlightId {
        self.id
    }

    /// When it arrives.
    pub fn arrival(&self) -> Minute {
        self.departure + u32::from(self.duration)
    }

    /// Departure with the origin's offset.
    pub fn departure_time(&self) -> OffsetTime {
        time(self.departure, self.departure_offset)
    }

    /// Arrival with the destination's offset.
    pub fn arrival_time(&self) -> OffsetTime {
        time(self.arrival(), self.arrival_offset)
    }

    /// Minutes of the day on the origin's clocks at departure.
    pub fn local_minute(&self) -> u32 {
        let local = i64::from(self.departure) + i64::from(self.departure_offset);
        u32::try_from(local.rem_euclid(24 * 60)).unwrap_or(0)
    }

    /// Number.
    pub fn number(&self) -> FlightNumber {
        self.number
    }

    /// Carrier.
    pub fn carrier(&self) -> CarrierCode {
        self.carrier
    }

    /// Type of aircraft.
    pub fn aircraft(&self) -> AircraftCode {
        self.aircraft
    }

    /// `None` for what no airline flies: seconds from before 1970, or more than 45 days.
    fn of(flight: &ScheduledFlight) -> Option<Self> {
        let departure = minute(flight.departure.instant())?;
        let arrival = minute(flight.arrival.instant())?;
        let offset = |time: OffsetTime| i16::try_from(time.offset().seconds() / 60).ok();
        Some(Self {
            id: flight.id,
            version: u32::try_from(flight.version).ok()?,
            departure,
            duration: u16::try_from(arrival.checked_sub(departure)?).ok()?,
            departure_offset: offset(flight.departure)?,
            arrival_offset: offset(flight.arrival)?,
            number: flight.number,
            carrier: flight.carrier,
            aircraft: flight.aircraft,
        })
    }
}

/// The minute of an instant.
pub fn minute(instant: Timestamp) -> Option<Minute> {
    u32::try_from(instant.as_second().div_euclid(60)).ok()
}

fn time(minute: Minute, offset: i16) -> OffsetTime {
    // Both were made from a time that was valid.
    OffsetTime::new(
        Timestamp::from_second(i64::from(minute) * 60).unwrap_or_default(),
        Offset::from_seconds(i32::from(offset) * 60).unwrap_or(Offset::UTC),
    )
}

/// Flights from one airport to another, by departure and id.
type Flights = Arc<[Entry]>;

/// Routes from one airport, by destination.
#[derive(Debug, Default, Clone)]
struct Origin {
    routes: Vec<(AirportIndex, Flights)>,
}

impl Origin {
    fn to(&self, destination: AirportIndex) -> &[Entry] {
        self.routes
            .binary_search_by_key(&destination, |(to, _)| *to)
            .map_or(&[], |at| &self.routes[at].1)
    }
}

/// The schedule at one moment.
#[derive(Debug, Clone)]
pub struct Timetable {
    /// By the airport's position in the reference data.
    origins: Vec<Option<Arc<Origin>>>,
    generation: u64,
}

impl Timetable {
    /// A schedule without flights.
    pub fn empty(reference: &Reference) -> Self {
        Self {
            origins: vec![None; reference.airport_count()],
            generation: 0,
        }
    }

    /// The same schedule as a later one than another.
    #[must_use]
    pub fn after(mut self, other: &Self) -> Self {
        self.generation = other.generation + 1;
        self
    }

    /// Another one for every change: what was computed of one holds while this is the same.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// How many flights there are.
    pub fn len(&self) -> usize {
        self.entries().count()
    }

    /// Whether there are no flights.
    pub fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.origins
            .iter()
            .flatten()
            .flat_map(|origin| origin.routes.iter().flat_map(|(_, flights)| flights.iter()))
    }

    /// Every flight's identity and version.
    pub fn versions(&self) -> FxHashMap<FlightId, u64> {
        self.entries()
            .map(|entry| (entry.id, u64::from(entry.version)))
            .collect()
    }

    /// Where one can fly from an airport without a stop, and all flights there.
    pub fn routes(&self, origin: AirportIndex) -> impl Iterator<Item = (AirportIndex, &[Entry])> {
        self.origins
            .get(usize::from(origin.0))
            .into_iter()
            .flatten()
            .flat_map(|origin| origin.routes.iter().map(|(to, flights)| (*to, &**flights)))
    }

    /// To how many airports one can fly from an airport without a stop.
    pub fn route_count(&self, origin: AirportIndex) -> usize {
        self.origins
            .get(usize::from(origin.0))
            .and_then(Option::as_deref)
            .map_or(0, |origin| origin.routes.len())
    }

    /// All flights to an airport: each airport from which there are some, in order, with them.
    pub fn flights_into(&self, destination: AirportIndex) -> Vec<(AirportIndex, &[Entry])> {
        (0..)
            .map(AirportIndex)
            .zip(&self.origins)
            .filter_map(|(from, origin)| Some((from, origin.as_deref()?.to(destination))))
            .filter(|(_, flights)| !flights.is_empty())
            .collect()
    }

    /// All flights of a route, by departure.
    pub fn flights(&self, origin: AirportIndex, destination: AirportIndex) -> &[Entry] {
        self.origins
            .get(usize::from(origin.0))
            .and_then(Option::as_deref)
            .map_or(&[][..], |origin| origin.to(destination))
    }

    /// The same schedule without what has departed in a minute or before. It is of the same generation: nothing that
    /// still holds was made of a flight that has departed.
    #[must_use]
    pub fn without_departed(&self, now: Minute) -> Self {
        let mut next = self.clone();
        let has_departed = |flights: &Flights| flights.first().is_some_and(|e| e.departure <= now);
        for origin in next.origins.iter_mut().flatten() {
            if !origin
                .routes
                .iter()
                .any(|(_, flights)| has_departed(flights))
            {
                continue;
            }
            let origin = Arc::make_mut(origin);
            for (_, flights) in &mut origin.routes {
                if has_departed(flights) {
                    let departed = flights.partition_point(|entry| entry.departure <= now);
                    *flights = flights[departed..].into();
                }
            }
            origin.routes.retain(|(_, flights)| !flights.is_empty());
        }
        next
    }

    /// The schedule in which the named flights are as given, and gone where they are not given; a flight of an older
    /// version than the one here is ignored. Flights of airports that are not known are left out.
    #[must_use]
    pub fn with(&self, reference: &Reference, named: &[FlightId], now: &[ScheduledFlight]) -> Self {
        let known = self.versions_of(named);
        let is_old_news = now.len() == known.len()
            && now
                .iter()
                .all(|flight| known.get(&flight.id) == Some(&flight.version));
        if is_old_news && !named.is_empty() {
            return self.clone();
        }
        let fresh = |flight: &&ScheduledFlight| {
            known
                .get(&flight.id)
                .is_none_or(|version| *version <= flight.version)
        };
        let stale: FxHashSet<FlightId> = now
            .iter()
            .filter(|flight| !fresh(flight))
            .map(|flight| flight.id)
            .collect();
        let gone: FxHashSet<FlightId> = named
            .iter()
            .filter(|id| known.contains_key(id) && !stale.contains(id))
            .copied()
            .collect();
        let mut added: FxHashMap<(AirportIndex, AirportIndex), Vec<Entry>> = FxHashMap::default();
        for flight in now.iter().filter(fresh) {
            let ends = reference
                .find(flight.origin)
                .zip(reference.find(flight.destination));
            if let Some((ends, entry)) = ends.zip(Entry::of(flight)) {
                added.entry(ends).or_default().push(entry);
            }
        }
        let mut next = self.clone();
        next.generation += 1;
        if !gone.is_empty() {
            let window = window(&gone);
            let is_concerned = |flights: &[Entry]| {
                between(flights, window)
                    .iter()
                    .any(|e| gone.contains(&e.id))
            };
            for slot in &mut next.origins {
                let concerned = slot.as_ref().is_some_and(|origin| {
                    origin
                        .routes
                        .iter()
                        .any(|(_, flights)| is_concerned(flights))
                });
                if let Some(origin) = slot.as_mut().filter(|_| concerned) {
                    let origin = Arc::make_mut(origin);
                    for (_, flights) in &mut origin.routes {
                        if is_concerned(flights) {
                            *flights = flights
                                .iter()
                                .filter(|e| !gone.contains(&e.id))
                                .copied()
                                .collect();
                        }
                    }
                    origin.routes.retain(|(_, flights)| !flights.is_empty());
                }
            }
        }
        for ((from, to), mut entries) in added {
            let Some(slot) = next.origins.get_mut(usize::from(from.0)) else {
                continue;
            };
            let origin = Arc::make_mut(slot.get_or_insert_with(Arc::default));
            let at = match origin.routes.binary_search_by_key(&to, |(to, _)| *to) {
                Ok(at) => at,
                Err(at) => {
                    origin.routes.insert(at, (to, Arc::from([])));
                    at
                }
            };
            let flights = &mut origin.routes[at].1;
            let key = |entry: &Entry| (entry.departure, entry.id);
            entries.sort_unstable_by_key(key);
            let mut all = Vec::with_capacity(flights.len() + entries.len());
            all.extend_from_slice(flights);
            all.append(&mut entries);
            // Two runs in order, which this one only merges.
            all.sort_by_key(key);
            // The same flight given twice stands here once.
            all.dedup_by_key(|entry| entry.id);
            *flights = all.into();
        }
        next
    }

    /// The versions of the named flights that are here.
    fn versions_of(&self, named: &[FlightId]) -> FxHashMap<FlightId, u64> {
        let named: FxHashSet<FlightId> = named.iter().copied().collect();
        let window = window(&named);
        self.origins
            .iter()
            .flatten()
            .flat_map(|origin| &origin.routes)
            .flat_map(|(_, flights)| between(flights, window))
            .filter(|entry| named.contains(&entry.id))
            .map(|entry| (entry.id, u64::from(entry.version)))
            .collect()
    }
}

/// From when until when flights with these identities depart: an identity tells the local date.
fn window(ids: &FxHashSet<FlightId>) -> (Minute, Minute) {
    let days = || ids.iter().map(|id| (id.raw() >> 32).clamp(0, 2_900_000));
    let first = days().min().unwrap_or(0);
    let last = days().max().unwrap_or(0);
    // No clock is a whole day from UTC.
    let start = |day: i64| u32::try_from(day.max(0) * 24 * 60).unwrap_or(Minute::MAX);
    (start(first - 1), start(last + 2))
}

/// The same as [`between`], for few flights: their end is found on the way.
pub(super) fn departing(
    flights: &[Entry],
    (from, until): (Minute, Minute),
) -> impl Iterator<Item = &Entry> {
    flights[first_from(flights, from)..]
        .iter()
        .take_while(move |entry| entry.departure < until)
}

/// Those of a route's flights that depart from one minute on and before another.
pub(super) fn between(flights: &[Entry], (from, until): (Minute, Minute)) -> &[Entry] {
    let flights = &flights[first_from(flights, from)..];
    &flights[..first_from(flights, until)]
}

/// The place of the first flight that departs in a minute or later. A route is flown much alike each day, so that the
/// place is near where the minute lies between the first departure and the last: looking around there touches far less
/// memory than halving the whole, and memory is what a search waits for.
fn first_from(flights: &[Entry], from: Minute) -> usize {
    let (Some(first), Some(last)) = (flights.first(), flights.last()) else {
        return 0;
    };
    if from <= first.departure {
        return 0;
    }
    if from > last.departure {
        return flights.len();
    }
    // Neither is zero: the minute is behind the first departure, and the last is not before it.
    let (behind, span) = (from - first.departure, last.departure - first.departure);
    let guess = behind as usize * (flights.len() - 1) / span as usize;
    let departs_before = |at: usize| flights[at].departure < from;
    let (mut start, mut end, mut step) = (guess, guess, 1);
    if departs_before(guess) {
        while end < flights.len() && departs_before(end) {
            start = end + 1;
            end += step;
            step *= 2;
        }
        end = end.min(flights.len());
    } else {
        while start > 0 && !departs_before(start) {
            end = start;
            start = start.saturating_sub(step);
            step *= 2;
        }
    }
    start + flights[start..end].partition_point(|entry| entry.departure < from)
}

#[cfg(test)]
pub(crate) mod tests;
