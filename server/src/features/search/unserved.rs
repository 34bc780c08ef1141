//! Searches that found no seats, counted until somebody is told.

use airside_common::airport::AirportCode;
use airside_common::event::Unserved;
use airside_common::flight::Cabin;
use airside_common::time::CalendarDate;
use jiff::Timestamp;
use jiff::tz::Offset;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// What was looked for: from, to, and in which cabin, if that mattered.
pub(super) type Wish = (AirportCode, AirportCode, Option<Cabin>);

/// Counts by day (UTC) and wish.
#[derive(Debug, Default)]
pub(super) struct UnservedSearches(Mutex<FxHashMap<(CalendarDate, Wish), u64>>);

impl UnservedSearches {
    /// One more.
    pub(super) fn note(&self, wish: Wish, now: Timestamp) {
        let day = CalendarDate(Offset::UTC.to_datetime(now).date());
        *self.0.lock().entry((day, wish)).or_default() += 1;
    }

    /// Takes all counts, by day.
    pub(super) fn take(&self) -> FxHashMap<CalendarDate, Vec<Unserved>> {
        let mut days: FxHashMap<CalendarDate, Vec<Unserved>> = FxHashMap::default();
        for ((day, (origin, destination, cabin)), count) in std::mem::take(&mut *self.0.lock()) {
            days.entry(day).or_default().push(Unserved {
                origin,
                destination,
                cabin,
                count,
            });
        }
        days
    }

    /// Puts counts back that nobody could be told.
    pub(super) fn put_back(&self, day: CalendarDate, searches: &[Unserved]) {
        let mut counts = self.0.lock();
        for one in searches {
            let wish = (one.origin, one.destination, one.cabin);
            *counts.entry((day, wish)).or_default() += one.count;
        }
    }
}
