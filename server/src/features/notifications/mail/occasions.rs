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
pub const OCCASIONS: [Occasion; 2] = [
    occasion("booking.created", &[BookingStatus::Confirmed], include_str!("letters/confirmed.txt")),
    occasion("booking.cancelled", &[BookingStatus::Cancelled], include_str!("letters/cancelled.txt")),
];

/// The types of their events.
pub const EVENTS: [&str; OCCASIONS.len()] = {
    let mut events = [""; OCCASIONS.len()];
    let mut at = 0;
    while at < events.len() {
        events[at] = OCCASIONS[at].event;
        at += 1;
    }
    events
};

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
