//! Itineraries that were found.

use airside_common::api::search::{Itinerary, ItineraryQuery, Sort};
use airside_common::flight::Cabin;
use airside_common::time::Instant;

use super::rebooking::Purpose;
use crate::store::form::{Field, Form};
use crate::store::ledger::Ledger;
use crate::store::paged::Paged;

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct Results {
    pub(crate) purpose: Purpose,
    pub(crate) query: ItineraryQuery,
    pub(crate) pages: Paged<Itinerary>,
    pub(crate) as_of: Option<Instant>,
}

/// One itinerary, with its connections.
#[derive(Debug, Clone)]
pub(crate) struct Details {
    pub(crate) purpose: Purpose,
    pub(crate) itinerary: Itinerary,
    pub(crate) query: ItineraryQuery,
    pub(crate) scroll: usize,
}

/// The filter of the results.
#[derive(Debug, Clone)]
pub(crate) struct Narrow {
    pub(crate) form: Form,
    /// What it narrows.
    pub(crate) of: Narrowed,
}

/// Which list a filter is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Narrowed {
    Results,
    Flights,
}

impl Narrow {
    pub(crate) fn of_results(query: &ItineraryQuery) -> Self {
        let carrier = query.carrier.map(|c| c.to_string()).unwrap_or_default();
        Self {
            of: Narrowed::Results,
            form: Form::new(vec![
                Field::text("carrier", "Carrier", 0, 6, &carrier).hint("UA; empty: all"),
                Field::text(
                    "earliest",
                    "Not before",
                    1,
                    8,
                    query.earliest.as_deref().unwrap_or_default(),
                )
                .hint("06:00"),
                Field::text(
                    "latest",
                    "Not after",
                    2,
                    8,
                    query.latest.as_deref().unwrap_or_default(),
                )
                .hint("22:00"),
                Field::choice(
                    "max_stops",
                    "Stops",
                    3,
                    &["non-stop", "up to 1", "up to 2"],
                    usize::from(query.max_stops.min(2)),
                ),
                Field::choice(
                    "flexible_days",
                    "Other days",
                    4,
                    &["none", "±1", "±2", "±3"],
                    usize::from(query.flexible_days.min(3)),
                ),
            ]),
        }
    }
}

impl Results {
    /// How the results are sorted, in a word.
    pub(crate) fn sort_word(&self) -> &'static str {
        match self.query.sort {
            Sort::Departure => "departure",
            Sort::Price => "price",
            Sort::Duration => "duration",
            Sort::Arrival => "arrival",
        }
    }
}

/// Seats that an itinerary has left in a cabin on all its flights, those of pending bookings taken off.
pub(crate) fn seats_left(itinerary: &Itinerary, cabin: Cabin, ledger: &Ledger) -> Option<u32> {
    itinerary
        .segments
        .iter()
        .map(|segment| {
            let offer = segment.cabins.iter().find(|c| c.cabin == cabin)?;
            let pending = ledger.pending_seats(segment.flight_id, cabin);
            Some(
                offer
                    .available
                    .saturating_sub(u32::try_from(pending).unwrap_or(u32::MAX)),
            )
        })
        .min()
        .flatten()
}

/// Cabins that all flights of an itinerary have, from front to back.
pub(crate) fn common_cabins(itinerary: &Itinerary) -> Vec<Cabin> {
    Cabin::ALL
        .into_iter()
        .filter(|cabin| {
            itinerary
                .segments
                .iter()
                .all(|s| s.cabins.iter().any(|c| c.cabin == *cabin))
        })
        .collect()
}

/// The fare of one passenger in a cabin.
pub(crate) fn fare(itinerary: &Itinerary, cabin: Cabin) -> Option<airside_common::money::Money> {
    let mut fares = itinerary.segments.iter().map(|segment| {
        segment
            .cabins
            .iter()
            .find(|c| c.cabin == cabin)
            .map(|c| c.fare)
    });
    let first = fares.next()??;
    fares.try_fold(first, |sum, fare| sum.plus(fare?))
}

/// The cabin in which an itinerary is offered: the asked one, else the cheapest with seats for all.
pub(crate) fn offered_cabin(
    itinerary: &Itinerary,
    query: &ItineraryQuery,
    ledger: &Ledger,
) -> Option<Cabin> {
    if query.cabin.is_some() {
        return query.cabin;
    }
    let party = u32::from(query.passengers);
    let cabins = common_cabins(itinerary);
    let open = cabins
        .iter()
        .copied()
        .filter(|c| seats_left(itinerary, *c, ledger).is_some_and(|left| left >= party))
        .min_by_key(|c| fare(itinerary, *c).map_or(i64::MAX, |f| f.minor()));
    open.or_else(|| cabins.last().copied())
}
