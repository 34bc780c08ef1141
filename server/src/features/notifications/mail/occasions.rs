//! What passengers are told of. A new occasion is a line here and a letter beside the others.

use airside_common::booking::BookingStatus;

/// An event of a booking of which its passengers are told.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    /// The event's type.
    pub event: &'static str,
    /// The states of the booking in which they are told: in others what the letter says is not true any more.
    pub states: &'static [BookingStatus],
    /// The letter: its subject, an empty line, and paragraphs with empty lines between.
    pub letter: &'static str,
}

/// All of them.
#[rustfmt::skip]
pub const OCCASIONS: [Occasion; 9] = [
    occasion("booking.created", &[BookingStatus::Confirmed], include_str!("letters/confirmed.txt")),
    occasion("booking.created", &[BookingStatus::Held], include_str!("letters/held.txt")),
    occasion("booking.created", &[BookingStatus::Waitlisted], include_str!("letters/waitlisted.txt")),
    occasion("booking.confirmed", &[BookingStatus::Confirmed], include_str!("letters/confirmed.txt")),
    occasion("waitlist.cleared", &[BookingStatus::Confirmed], include_str!("letters/cleared.txt")),
    occasion("booking.changed", &LIVING, include_str!("letters/changed.txt")),
    occasion("booking.expiring", &[BookingStatus::Held], include_str!("letters/expiring.txt")),
    occasion("booking.expired", &[BookingStatus::Cancelled], include_str!("letters/expired.txt")),
    occasion("booking.cancelled", &[BookingStatus::Cancelled], include_str!("letters/cancelled.txt")),
];

/// All states but that of an end.
const LIVING: [BookingStatus; 3] = [
    BookingStatus::Confirmed,
    BookingStatus::Held,
    BookingStatus::Waitlisted,
];

/// The types of their events.
pub const EVENTS: [&str; 7] = [
    "booking.created",
    "booking.confirmed",
    "waitlist.cleared",
    "booking.changed",
    "booking.expiring",
    "booking.expired",
    "booking.cancelled",
];

const fn occasion(
    event: &'static str,
    states: &'static [BookingStatus],
    letter: &'static str,
) -> Occasion {
    Occasion {
        event,
        states,
        letter,
    }
}

/// The occasion of an event for a booking that is in a state now, if there is one.
pub fn of(event: &str, state: BookingStatus) -> Option<&'static Occasion> {
    OCCASIONS
        .iter()
        .find(|occasion| occasion.event == event && occasion.states.contains(&state))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_event_of_an_occasion_is_asked_for() {
        let of_occasions: BTreeSet<&str> = OCCASIONS.iter().map(|one| one.event).collect();
        assert_eq!(of_occasions, BTreeSet::from(EVENTS));
    }
}
