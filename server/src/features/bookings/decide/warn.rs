//! Saying that a time limit is near.

use airside_common::booking::BookingStatus;
use airside_common::locator::Locator;

use super::{Author, Change, Desk, Kind};

impl Desk<'_> {
    /// Says once that the time limit of a held booking is near. The booking stays at its version: who is about to confirm it is
    /// not to be stopped by this.
    pub(super) fn warn(&mut self, locator: Locator) -> Option<Change> {
        let stored = self.bookings.get_mut(&locator)?;
        let limit = stored.booking.time_limit?;
        if stored.booking.status != BookingStatus::Held || stored.is_warned || limit.0 <= self.now {
            return None;
        }
        stored.is_warned = true;
        Some(Change {
            by: Author::System,
            kind: Kind::Warn { id: stored.id },
            terms: stored.terms.clone(),
            booking: Box::new(stored.booking.clone()),
        })
    }
}
