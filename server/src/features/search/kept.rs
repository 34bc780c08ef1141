//! Answers that are kept by the text of their query, and what ends them.
//!
//! An answer remembers what the counters of its flights stood at before it read anything. It is kept whatever happens
//! while it is made: one that a change has overtaken is found with counters that have moved on, and so is never given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use airside_common::flight::FlightId;
use hyper::body::Bytes;
use jiff::Timestamp;
use quick_cache::sync::{Cache as Quick, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Weighter};

use super::timetable::{Minute, Timetable, minute};
use super::unserved::Wish;

/// How old availability may get where no event says that it changed: a lost event heals by then.
pub const OLDEST_AVAILABILITY: Duration = Duration::from_mins(1);

/// About the bytes of an answer: it says how many there will be.
const USUAL_BYTES: u64 = 16 << 10;
/// Counters of changes of flights' seats; flights share them, so that a change may also end a neighbour's answers.
const COUNTERS: usize = 1 << 16;
/// What the count of all changes never stands at.
const NEVER: u64 = u64::MAX;

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    /// The JSON of an [`ItineraryPage`](airside_common::api::search::ItineraryPage).
    pub bytes: Bytes,
    /// When the oldest availability in it was read.
    pub as_of: Timestamp,
    /// What the party looked for, where there are no seats for it.
    pub(super) unserved: Option<Wish>,
    generation: u64,
    /// The first minute in which it no longer holds, because a flight in it has departed.
    until: Minute,
    made_of: Box<[Seen]>,
    /// What all changes stood at when these counters were last compared: while nothing changes, one look is enough.
    compared_at: AtomicU64,
}

impl Answer {
    /// An answer of a schedule and of flights whose counters were seen before anything was read of them.
    pub(super) fn new(
        bytes: &[u8],
        as_of: Timestamp,
        unserved: Option<Wish>,
        timetable: &Timetable,
        until: Minute,
        made_of: &[Seen],
    ) -> Self {
        Self {
            // No more than they fill, since they are kept: what has grown and shrinks stays where it is, up to twice as
            // large.
            bytes: Bytes::copy_from_slice(bytes),
            as_of,
            unserved,
            generation: timetable.generation(),
            until,
            made_of: made_of.into(),
            compared_at: AtomicU64::new(NEVER),
        }
    }
}

/// The answers, and the counters of what changes.
pub(super) struct KeptAnswers {
    changes: Box<[AtomicU32]>,
    /// Counts all changes, each after its flights' own counters.
    change: AtomicU64,
    /// By the text of the query. Clients choose it, so that its hash is one that they cannot foresee.
    answers: Quick<Box<str>, Arc<Answer>, ByBytes>,
}

impl KeptAnswers {
    /// Room for answers of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            changes: (0..COUNTERS).map(|_| AtomicU32::new(0)).collect(),
            change: AtomicU64::new(0),
            answers: Quick::with(
                usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX),
                bytes,
                ByBytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
        }
    }

    /// What a flight's counter stands at. Whoever makes an answer asks before reading anything of the flight.
    pub(super) fn seen(&self, id: FlightId) -> Seen {
        let at = counter(id);
        Seen {
            at: u32::try_from(at).unwrap_or(0),
            count: self.changes[at].load(Ordering::Acquire),
        }
    }

    /// Ends all answers that were or are being made of these flights.
    pub(super) fn changed(&self, flights: &[FlightId]) {
        for id in flights {
            self.changes[counter(*id)].fetch_add(1, Ordering::AcqRel);
        }
        self.change.fetch_add(1, Ordering::AcqRel);
    }

    /// Keeps the answer to a query of this text.
    pub(super) fn keep(&self, asked: &str, answer: Arc<Answer>) {
        self.answers.insert(asked.into(), answer);
    }

    /// The answer to a query of this text, if nothing that it was made of has changed since.
    pub(super) fn find(
        &self,
        asked: &str,
        timetable: &Timetable,
        now: Timestamp,
    ) -> Option<Arc<Answer>> {
        let answer = self.answers.get(asked)?;
        let holds = answer.generation == timetable.generation()
            && minute(now).is_some_and(|now| now < answer.until)
            && now.duration_since(answer.as_of).unsigned_abs() < OLDEST_AVAILABILITY
            && self.is_unchanged(&answer);
        holds.then_some(answer)
    }

    /// Whether no flight that an answer was made of has changed since.
    fn is_unchanged(&self, answer: &Answer) -> bool {
        // Before the counters: what changes between the two is seen the next time.
        let change = self.change.load(Ordering::Acquire);
        if answer.compared_at.load(Ordering::Relaxed) == change {
            return true;
        }
        let is_unchanged = answer
            .made_of
            .iter()
            .all(|seen| self.changes[seen.at as usize].load(Ordering::Acquire) == seen.count);
        if is_unchanged {
            answer.compared_at.store(change, Ordering::Relaxed);
        }
        is_unchanged
    }
}

/// A flight's counter of changes, and what it stood at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    at: u32,
    count: u32,
}

/// Weighs an answer by about how many bytes it takes to keep it, with the text of its query.
#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Box<str>, Arc<Answer>> for ByBytes {
    fn weight(&self, asked: &Box<str>, answer: &Arc<Answer>) -> u64 {
        let bytes = answer.bytes.len() + size_of_val(&*answer.made_of) + size_of::<Answer>();
        (bytes + asked.len() + size_of::<Box<str>>()) as u64
    }
}

fn counter(id: FlightId) -> usize {
    // Days are in the upper half, serials in the lower; multiplication mixes both into the top bits.
    let mixed = id.raw().cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    usize::try_from(mixed).unwrap_or(0) % COUNTERS
}

#[cfg(test)]
mod tests;
