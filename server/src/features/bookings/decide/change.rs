//! What is decided to change, and in whose name.

use std::collections::BTreeMap;

use airside_common::api::bookings::{Booking, Segment};
use airside_common::booking::{BookingStatus, OperationKey};
use airside_common::flight::{Cabin, FlightId};
use airside_common::time::Instant;
use airside_common::user::UserId;

use super::{SegmentTerms, holds_seats};
use crate::features::bookings::command::Asked;
use crate::features::bookings::party;

/// A cabin of a flight.
pub type Place = (FlightId, Cabin);

/// How the history says that a booking began without seats.
pub const WAITLISTED: &str = ", waitlisted";

/// A change of one booking.
#[derive(Debug, Clone)]
pub struct Change {
    /// Who changed it.
    pub by: Author,
    /// What happened to it.
    pub kind: Kind,
    /// The booking as it is now.
    pub booking: Box<Booking>,
    /// The terms of its segments.
    pub terms: Vec<SegmentTerms>,
}

/// Who changes a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A user, by an operation.
    User {
        /// Which one.
        id: UserId,
        /// The key of the operation.
        operation: OperationKey,
    },
    /// Nobody asked for it.
    System,
}

impl Author {
    /// Who asked.
    pub fn of(asked: &Asked) -> Self {
        Self::User {
            id: asked.caller.user_id,
            operation: asked.key.clone(),
        }
    }
}

/// What happens to a booking. Those that were there before have a number in the database.
#[derive(Debug, Clone)]
pub enum Kind {
    /// It is made.
    Create,
    /// A held one becomes a confirmed one.
    Confirm {
        /// Its number.
        id: i64,
    },
    /// A waitlisted one gets its seats.
    Clear {
        /// Its number.
        id: i64,
    },
    /// Somebody ends it.
    Cancel {
        /// Its number.
        id: i64,
        /// What its segments held before.
        released: Vec<Place>,
        /// The flights that it was on until then, in words.
        flights: String,
    },
    /// It ends by itself.
    Expire {
        /// Its number.
        id: i64,
        /// What its segments held before.
        released: Vec<Place>,
        /// The flights that it was on until then, in words.
        flights: String,
        /// Why.
        because: Ending,
    },
    /// Its flights have other times, or do not operate.
    Reschedule {
        /// Its number.
        id: i64,
        /// What segments held that hold nothing any more.
        released: Vec<Place>,
        /// What happened, in words.
        detail: String,
    },
    /// What happened to its flights was noticed, and comes to nothing: its version stays, and nobody is told.
    Notice {
        /// Its number.
        id: i64,
    },
    /// Somebody accepts what happened to its flights, or takes others.
    Rebook {
        /// Its number.
        id: i64,
        /// What is given back.
        released: Vec<Place>,
        /// What is taken.
        taken: Vec<Place>,
        /// What happened, in words.
        detail: String,
    },
    /// Its time limit is near. Its version stays.
    Warn {
        /// Its number.
        id: i64,
    },
}

/// Why a booking ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its time limit passed.
    TimeLimit(Instant),
    /// A flight that it waited for has departed, or will not.
    FlightGone,
}

impl Change {
    /// Seats that it takes from cabins (positive) or gives back (negative).
    pub fn seats(&self) -> Vec<(Place, i64)> {
        let seats = i64::from(party::seats_needed(&self.booking.passengers));
        match &self.kind {
            Kind::Create | Kind::Clear { .. } => {
                let holding = self.booking.segments.iter();
                holding
                    .filter(|segment| holds_seats(segment.status))
                    .map(|segment| ((segment.flight_id, segment.cabin), seats))
                    .collect()
            }
            Kind::Confirm { .. } | Kind::Notice { .. } | Kind::Warn { .. } => Vec::new(),
            Kind::Cancel { released, .. }
            | Kind::Expire { released, .. }
            | Kind::Reschedule { released, .. } => {
                released.iter().map(|place| (*place, -seats)).collect()
            }
            Kind::Rebook {
                released, taken, ..
            } => {
                let back = released.iter().map(|place| (*place, -seats));
                back.chain(taken.iter().map(|place| (*place, seats)))
                    .collect()
            }
        }
    }

    /// Whether it gives seats of a cabin back.
    pub fn gives_back(&self, place: Place) -> bool {
        match &self.kind {
            Kind::Create
            | Kind::Confirm { .. }
            | Kind::Clear { .. }
            | Kind::Notice { .. }
            | Kind::Warn { .. } => false,
            Kind::Cancel { released, .. }
            | Kind::Expire { released, .. }
            | Kind::Reschedule { released, .. }
            | Kind::Rebook { released, .. } => released.contains(&place),
        }
    }

    /// What happened, in words, for the history.
    pub fn detail(&self) -> String {
        let booking = &self.booking;
        let flights: Vec<String> = booking.segments.iter().map(flight_of).collect();
        let flights = flights.join(", ");
        let people = match booking.passengers.len() {
            1 => "1 passenger".to_owned(),
            count => format!("{count} passengers"),
        };
        match &self.kind {
            Kind::Create => {
                let made = format!("{people} on {flights}, {}", booking.total);
                match (booking.status, booking.time_limit) {
                    (BookingStatus::Waitlisted, _) => format!("{made}{WAITLISTED}"),
                    (_, Some(limit)) => format!("{made}, held until {limit}"),
                    (_, None) => made,
                }
            }
            Kind::Confirm { .. } => format!("{people} on {flights}, confirmed"),
            Kind::Clear { .. } => format!("{people} on {flights}, from the waitlist"),
            Kind::Cancel { flights, .. } => format!("{people} off {flights}"),
            Kind::Expire {
                because, flights, ..
            } => match because {
                Ending::TimeLimit(limit) => {
                    format!("{people} off {flights}, the time limit was {limit}")
                }
                Ending::FlightGone => {
                    format!("{people} off the waitlist of {flights}, a flight is gone")
                }
            },
            Kind::Reschedule { detail, .. } | Kind::Rebook { detail, .. } => {
                format!("{people}: {detail}")
            }
            // Neither is in the history.
            Kind::Notice { .. } | Kind::Warn { .. } => String::new(),
        }
    }
}

/// The flight of a segment, as the history names it.
pub(super) fn flight_of(segment: &Segment) -> String {
    format!(
        "{}{} {} {}{} {}",
        segment.carrier,
        segment.number,
        segment.departure.date(),
        segment.origin,
        segment.destination,
        segment.cabin
    )
}

/// Seats that changes take (positive) or give back (negative), in the order in which counters are locked.
pub fn seat_balance(changes: &[&Change]) -> BTreeMap<Place, i64> {
    let mut balance = BTreeMap::new();
    for (place, seats) in changes.iter().flat_map(|change| change.seats()) {
        *balance.entry(place).or_default() += seats;
    }
    balance.retain(|_, seats| *seats != 0);
    balance
}
