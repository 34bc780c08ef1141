//! Where a look for the first rows of a queue begins, which is a table.
//!
//! Rows that are done with leave their entries in its indexes until the table is vacuumed, and who begins at the very front
//! goes over all of them each time: after an hour of many bookings, over all of the hour. So a look begins somewhat before
//! what was found last. What comes there later, from a transaction that took long or from a consumer that failed, is found by
//! a look from the very front, which is due again and again.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// So many numbers before the last that was found a look begins: transactions and relays that are at work side by side
/// overtake each other by far less.
const SLACK: i64 = 1000;

/// A look from the very front is due so long after the last.
const WHOLE: Duration = Duration::from_millis(200);

/// What this process knows of the front of a queue.
#[derive(Debug, Default)]
pub(super) struct Front(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    from: i64,
    whole: Option<Instant>,
}

impl Front {
    /// The number from which to look now.
    pub(super) fn begin(&self) -> i64 {
        self.begin_at(Instant::now())
    }

    fn begin_at(&self, now: Instant) -> i64 {
        let mut state = self.0.lock();
        if state.whole.is_none_or(|last| now - last >= WHOLE) {
            state.whole = Some(now);
            return 0;
        }
        state.from
    }

    /// The highest number that a look has found, and which nobody has to look for any more.
    pub(super) fn found(&self, highest: i64) {
        self.0.lock().from = highest - SLACK;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_begins_before_what_was_found_and_at_the_very_front_when_that_is_due() {
        let front = Front::default();
        let begun = Instant::now();
        assert_eq!(front.begin_at(begun), 0);
        front.found(7000);
        let soon = begun + WHOLE / 2;
        assert_eq!(front.begin_at(soon), 7000 - SLACK);
        front.found(8000);
        assert_eq!(front.begin_at(soon), 8000 - SLACK);
        assert_eq!(front.begin_at(begun + WHOLE), 0);
        assert_eq!(front.begin_at(begun + WHOLE + WHOLE / 2), 8000 - SLACK);
        // Others may be as low as what a look from the very front has found.
        front.found(3);
        assert!(front.begin_at(begun + WHOLE + WHOLE / 2) < 0);
    }
}
