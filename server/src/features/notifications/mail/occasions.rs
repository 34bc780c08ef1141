//! What passengers are told of. A new occasion is a line here and a letter beside the others.

use airside_common::booking::BookingStatus;

/// An event of a booking of which its passengers are told.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    /// The event's type.
    pub event: &'static str,
    /// The states of the booking in which they are told: in others what the letter says is not true any more.
    pub states: &'static [BookingStatus],
    /// Later events whose letters say what this one would: who is behind with the events tells nobody twice.
    pub told_by: &'static [&'static str],
    /// The letter: its subject, an empty line, and paragraphs with empty lines between.
    pub letter: &'static str,
}

/// All of them.
#[rustfmt::skip]
pub const OCCASIONS: [Occasion; 9] = [
    occasion("booking.created", &[BookingStatus::Confirmed], &CONFIRMED, include_str!("letters/confirmed.txt")),
    occasion("booking.created", &[BookingStatus::Held], &CONFIRMED, include_str!("letters/held.txt")),
    occasion("booking.created", &[BookingStatus::Waitlisted], &CONFIRMED, include_str!("letters/waitlisted.txt")),
    occasion("booking.confirmed", &[BookingStatus::Confirmed], &[], include_str!("letters/confirmed.txt")),
    occasion("waitlist.cleared", &[BookingStatus::Confirmed], &[], include_str!("letters/cleared.txt")),
    occasion("booking.changed", &LIVING, &["booking.changed", "waitlist.cleared"], include_str!("letters/changed.txt")),
    occasion("booking.expiring", &[BookingStatus::Held], &[], include_str!("letters/expiring.txt")),
    occasion("booking.expired", &[BookingStatus::Cancelled], &[], include_str!("letters/expired.txt")),
    occasion("booking.cancelled", &[BookingStatus::Cancelled], &[], include_str!("letters/cancelled.txt")),
];

/// What confirms a booking that was not when it was made.
const CONFIRMED: [&str; 2] = ["booking.confirmed", "waitlist.cleared"];

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
    told_by: &'static [&'static str],
    letter: &'static str,
) -> Occasion {
    Occasion {
        event,
        states,
        told_by,
        letter,
    }
}

/// The occasion of an event for a booking that is in a state now, and of which later events there are; if there is one.
pub fn of(event: &str, state: BookingStatus, later: &[&str]) -> Option<&'static Occasion> {
    OCCASIONS.iter().find(|occasion| {
        occasion.event == event
            && occasion.states.contains(&state)
            && !occasion.told_by.iter().any(|by| later.contains(by))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;

    #[test]
    fn each_event_of_an_occasion_is_asked_for() {
        let of_occasions: BTreeSet<&str> = OCCASIONS.iter().map(|one| one.event).collect();
        assert_eq!(of_occasions, BTreeSet::from(EVENTS));
    }

    /// Of all that happened to a booking until somebody looked, in its order, what is told of it as it is then.
    #[rstest]
    #[case("booking.created", "confirmed", "booking.created")]
    #[case("booking.created booking.confirmed", "confirmed", "booking.confirmed")]
    #[case("booking.created waitlist.cleared", "confirmed", "waitlist.cleared")]
    #[case("booking.created booking.cancelled", "cancelled", "booking.cancelled")]
    #[case("booking.created booking.expired", "cancelled", "booking.expired")]
    #[case(
        "booking.created booking.changed",
        "confirmed",
        "booking.created booking.changed"
    )]
    #[case(
        "booking.created booking.changed booking.confirmed",
        "confirmed",
        "booking.changed booking.confirmed"
    )]
    #[case(
        "booking.created booking.changed waitlist.cleared",
        "confirmed",
        "waitlist.cleared"
    )]
    #[case(
        "booking.confirmed booking.changed booking.changed",
        "confirmed",
        "booking.confirmed booking.changed"
    )]
    #[case("booking.changed booking.expired", "cancelled", "booking.expired")]
    #[case(
        "waitlist.cleared booking.changed booking.cancelled",
        "cancelled",
        "booking.cancelled"
    )]
    fn nothing_is_told_twice(#[case] happened: &str, #[case] state: &str, #[case] told: &str) {
        let happened: Vec<&str> = happened.split(' ').collect();
        let state: BookingStatus = state.parse().unwrap();
        let letters = happened
            .iter()
            .zip(1..)
            .filter_map(|(event, version)| Some(of(event, state, &happened[version..])?.event));
        assert_eq!(letters.collect::<Vec<_>>().join(" "), told);
    }
}
