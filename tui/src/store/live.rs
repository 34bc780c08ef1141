//! What the console knows of its live events.

use std::collections::{BTreeMap, BTreeSet};

use airside_common::api::events::SeatsChanged;
use airside_common::api::search::Itinerary;
use airside_common::flight::{FlightId, FlightStatus};
use airside_common::locator::Locator;

use super::screen::results::Results;

/// Flights that a stream may name.
const MOST_FLIGHTS: usize = 100;

/// Bookings that are read one by one at the same time; where there are more, the list is read.
const MOST_READ: usize = 8;

/// Whether events are heard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Hearing {
    /// Not tried yet.
    #[default]
    Untried,
    Live,
    /// Not for now; why.
    Lost(String),
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveState {
    pub(crate) hearing: Hearing,
    /// The flights that were named; none where nobody listens.
    pub(crate) named: Option<Vec<FlightId>>,
    /// The seats that were told of them.
    pub(crate) seats: BTreeMap<FlightId, SeatsChanged>,
    /// Bookings that others have made or changed since the last key.
    pub(crate) news: BTreeSet<Locator>,
    reading: BTreeSet<Locator>,
    /// Whether more has happened than is read one by one.
    behind: bool,
}

impl LiveState {
    /// Whether a booking is to be read by itself; where enough are, the list is to be read after them.
    pub(crate) fn may_read(&mut self, locator: Locator) -> bool {
        let may = self.reading.len() < MOST_READ || self.reading.contains(&locator);
        if may {
            self.reading.insert(locator);
        } else {
            self.behind = true;
        }
        may
    }

    /// A booking is read in any case.
    pub(crate) fn reads(&mut self, locator: Locator) {
        self.reading.insert(locator);
    }

    /// Whether a booking is being read.
    pub(crate) fn is_reading(&self, locator: Locator) -> bool {
        self.reading.contains(&locator)
    }

    /// A booking was read.
    pub(crate) fn has_read(&mut self, locator: Locator) {
        self.reading.remove(&locator);
    }

    /// A booking could not be read.
    pub(crate) fn has_not_read(&mut self, locator: Locator) {
        self.behind |= self.reading.remove(&locator);
    }

    /// Whether the list is to be read now.
    pub(crate) fn catches_up(&mut self) -> bool {
        self.reading.is_empty() && std::mem::take(&mut self.behind)
    }

    /// The list could not be read yet.
    pub(crate) fn stays_behind(&mut self) {
        self.behind = true;
    }

    /// Lays the seats that were told over what a search has found, where they are newer.
    pub(crate) fn lay_over(&self, results: &mut Results) {
        for seats in self.seats.values() {
            if results.as_of.is_none_or(|as_of| as_of < seats.as_of) {
                for itinerary in &mut results.pages.items {
                    lay_over(seats, itinerary);
                }
            }
        }
    }
}

/// Puts a flight's seats into an itinerary; whether it is on it.
pub(crate) fn lay_over(seats: &SeatsChanged, itinerary: &mut Itinerary) -> bool {
    let mut is_on = false;
    for segment in &mut itinerary.segments {
        if segment.flight_id != seats.flight_id {
            continue;
        }
        is_on = true;
        segment.status = seats.status;
        for offer in &mut segment.cabins {
            let cabin = seats.cabins.iter().find(|told| told.cabin == offer.cabin);
            let left = cabin.map_or(0, |told| told.available);
            let operates = seats.status == FlightStatus::Scheduled;
            offer.available = if operates { left } else { 0 };
        }
    }
    is_on
}

/// Flights of a part of the results, each once.
fn flights(items: &[Itinerary], found: &mut Vec<FlightId>) {
    for segment in items.iter().flat_map(|item| &item.segments) {
        if found.len() < MOST_FLIGHTS && !found.contains(&segment.flight_id) {
            found.push(segment.flight_id);
        }
    }
}

/// The flights of results that are in view, and those around them: so the next lines have been named already.
pub(crate) fn in_view(results: &Results, height: usize) -> (Vec<FlightId>, Vec<FlightId>) {
    let items = &results.pages.items;
    let top = results.pages.list.top.min(items.len());
    let end = (top + height).min(items.len());
    let mut view = Vec::new();
    flights(&items[top..end], &mut view);
    let mut around = view.clone();
    flights(&items[end..], &mut around);
    flights(&items[..top], &mut around);
    (view, around)
}
